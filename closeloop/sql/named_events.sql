-- Scans in canonical words. The finer code decides where it is known, but 'delivered' is delivered whatever
-- the code says; an unknown word stays 'unknown'.
select
    shipment_id,
    occurred_at,
    recorded_at,
    status,
    category,
    facility,
    status not in ('label_created', 'unknown', 'voided') as moved,
    date_diff('day', date '1970-01-01', occurred_at::date) as day_no
from (
    select
        events.shipment_id,
        events.occurred_at,
        events.recorded_at,
        events.facility,
        case when coarse.status = 'delivered' then 'delivered'
             else coalesce(finer.status, coarse.status, 'unknown') end as status,
        case when finer.code is null then coarse.exception_category else finer.exception_category end as category
    from tracking_events_known as events
    left join vocabulary as finer on finer.code = events.source_code
    left join vocabulary as coarse on coarse.code = events.source_status
)
