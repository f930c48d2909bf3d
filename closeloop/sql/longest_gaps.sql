-- One row per parcel that was silent for two days: the working hours of its longest silence, the one that still lasts among
-- them. Hours of days on which the carrier does not work are not counted.
with scans_in_order as (
    select shipment_key, occurred_at,
           coalesce(
               lead(occurred_at) over (partition by shipment_key order by occurred_at), (select as_of from clock)
           ) as next_at
    from watched_events where (marks & 1) <> 0
)
select gaps.shipment_key, max(gaps.hours) as gap_hours
from (
    select
        scans.shipment_key,
        (till.no - since.no - till.working::int + since.working::int) * 24
            + case when till.working then (epoch(scans.next_at) - epoch(date_trunc('day', scans.next_at))) / 3600.0 else 0 end
            - case when since.working then (epoch(scans.occurred_at) - epoch(date_trunc('day', scans.occurred_at))) / 3600.0
                   else 0 end as hours
    from parcel_facts as parcels
    join scans_in_order as scans on scans.shipment_key = parcels.shipment_key
    join days as since on since.day = scans.occurred_at::date
    join days as till on till.day = scans.next_at::date
    where (parcels.ended_at is null or scans.occurred_at < parcels.ended_at)
        and scans.next_at > scans.occurred_at + interval 48 hour
) as gaps
group by gaps.shipment_key
