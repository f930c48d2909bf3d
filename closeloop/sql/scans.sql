-- One row per parcel that was scanned: its milestones and its first exception. Of a parcel that is not watched one
-- scan is attempt, delivery and end in one.
with watched as (
    select
        shipment_key,
        min(case when (marks & 8) <> 0 then occurred_at end) as attempt_failed_at,
        min(case when (marks & 32) <> 0 then occurred_at end) as delivered_at,
        min(case when (marks & 16) <> 0 then occurred_at end) as ended_at,
        min(case when category is not null then occurred_at end) as exception_at,
        arg_min(category, occurred_at) filter (where category is not null) as exception_category
    from watched_events group by shipment_key
)
select
    seen.shipment_key,
    local_time(seen.first_at) as first_scan_at,
    local_time(seen.near_at) as at_destination_at,
    local_time(seen.tried_at) as attempt_at,
    case when seen.watched then watched.delivered_at else local_time(seen.tried_at) end as delivered_at,
    case when seen.watched then watched.ended_at else local_time(seen.tried_at) end as ended_at,
    watched.attempt_failed_at,
    watched.exception_at,
    watched.exception_category,
    seen.accepted
from seen
left join watched on watched.shipment_key = seen.shipment_key
