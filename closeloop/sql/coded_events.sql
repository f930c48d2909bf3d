-- Scans as instants, with what their codes mean. The finer code decides where it is known, but 'delivered' is
-- delivered whatever the code says; an unknown word stays 'unknown', which marks nothing. A scan that tells of an
-- exception has the mark 128 as well.
select
    events.shipment_id,
    events.occurred_at,
    events.recorded_at,
    events.facility,
    case when (coarse.marks & 32) <> 0 or finer.code is null then coalesce(coarse.status, 'unknown')
         else finer.status end as status,
    case when finer.code is null then coarse.exception_category else finer.exception_category end as category,
    case when (coarse.marks & 32) <> 0 or finer.code is null then coalesce(coarse.marks, 0) else finer.marks end
    | case when finer.code is null then coalesce(coarse.alarm, 0) else finer.alarm end as marks
from tracking_events_told as events
left join vocabulary as finer on finer.code = events.source_code
left join vocabulary as coarse on coarse.code = events.source_status
