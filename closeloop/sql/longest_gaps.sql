-- One row per parcel that was not seen for a day: its longest silence in hours, the one that still lasts among them.
with scans_in_order as (
    select shipment_id, occurred_at,
           lead(occurred_at) over (partition by shipment_id order by occurred_at) as next_at
    from watched_events where status not in ('unknown', 'label_created', 'voided')
)
select scans_in_order.shipment_id,
       max(epoch(coalesce(next_at, (select as_of from clock))) - epoch(occurred_at)) / 3600.0 as gap_hours
from scans_in_order join parcel_facts as parcels on parcels.shipment_id = scans_in_order.shipment_id
where parcels.ended_at is null or scans_in_order.occurred_at < parcels.ended_at
group by scans_in_order.shipment_id
