-- The scans within each tracker. EasyPost has no code for a failed attempt; its message tells.
with scans as (
    select item->>'$.tracking_code' as tracking, unnest(item->'$.tracking_details[*]') as scan, _file, _row
    from trackers
)
select
    tracking as shipment_id,
    scan->>'$.datetime' as occurred_at,
    scan->>'$.datetime' as recorded_at,
    scan->>'$.status' as source_status,
    case when scan->>'$.message' ilike '%delivery attempt%' or scan->>'$.message' ilike 'delivery attempted%'
         then 'delivery_attempted' else nullif(scan->>'$.status_detail', 'status_update') end as source_code,
    scan->>'$.tracking_location.city' as facility,
    scan->>'$.tracking_location.state' as state,
    _file,
    _row
from scans
