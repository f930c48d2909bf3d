-- One row per parcel that was scanned: its milestones and its first exception.
-- The finer code decides where it is known, but 'delivered' is delivered whatever the code says;
-- an unknown word stays 'unknown'.
with named as (
    select
        events.shipment_id,
        events.occurred_at,
        case when coarse.status = 'delivered' then 'delivered'
             else coalesce(finer.status, coarse.status, 'unknown') end as status,
        case when finer.code is null then coarse.exception_category else finer.exception_category end as category
    from tracking_events_known as events
    left join vocabulary as finer on finer.code = events.source_code
    left join vocabulary as coarse on coarse.code = events.source_status
)
select
    shipment_id,
    min(occurred_at) filter (status not in ('label_created', 'unknown', 'voided')) as first_scan_at,
    min(occurred_at) filter (status in ('at_destination', 'out_for_delivery', 'attempt_failed', 'delivered'))
        as at_destination_at,
    min(occurred_at) filter (status in ('attempt_failed', 'available_for_pickup', 'delivered')) as attempt_at,
    min(occurred_at) filter (status = 'delivered') as delivered_at,
    min(occurred_at) filter (category is not null) as exception_at,
    arg_min(category, occurred_at) filter (category is not null) as exception_category
from named
group by shipment_id
