-- One row per parcel that a carrier has: its longest silence in hours, the one that still lasts among them. It is
-- 0 where the parcel was seen on every day of its way: then no silence lasted two days.
with scans_in_order as (
    select shipment_id, occurred_at,
           lead(occurred_at) over (partition by shipment_id order by occurred_at) as next_at
    from watched_events where status not in ('unknown', 'label_created', 'voided')
),
longest as (
    select scans_in_order.shipment_id,
           max(epoch(coalesce(next_at, (select as_of from clock))) - epoch(occurred_at)) / 3600.0 as gap_hours
    from scans_in_order join parcel_facts as parcels on parcels.shipment_id = scans_in_order.shipment_id
    where parcels.ended_at is null or scans_in_order.occurred_at < parcels.ended_at
    group by scans_in_order.shipment_id
)
select parcels.*, coalesce(longest.gap_hours, 0) as gap_hours
from parcel_facts as parcels left join longest on longest.shipment_id = parcels.shipment_id
where parcels.first_scan_at is not null and (parcels.ended_at is null or parcels.first_scan_at < parcels.ended_at)
