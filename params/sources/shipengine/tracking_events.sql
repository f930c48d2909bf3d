-- One tracking answer a line, as webhooks send it; the finer code is the status detail.
with answers as (select coalesce(item->'$.data', item) as answer, _file, _row from tracking),
scans as (
    select answer->>'$.tracking_number' as tracking, unnest(answer->'$.events[*]') as scan, _file, _row from answers
)
select
    tracking as shipment_id,
    scan->>'$.occurred_at' as occurred_at,
    scan->>'$.occurred_at' as recorded_at,
    lower(scan->>'$.status_code') as source_status,
    scan->>'$.status_detail_code' as source_code,
    scan->>'$.city_locality' as facility,
    scan->>'$.state_province' as state,
    _file,
    _row
from scans
