-- The tracking history within each track.
with scans as (
    select item->>'$.tracking_number' as tracking, unnest(item->'$.tracking_history[*]') as scan, _file, _row
    from tracks
)
select
    tracking as shipment_id,
    scan->>'$.status_date' as occurred_at,
    greatest(scan->>'$.object_created', scan->>'$.status_date') as recorded_at,
    scan->>'$.status' as source_status,
    scan->>'$.substatus.code' as source_code,
    scan->>'$.location.city' as facility,
    scan->>'$.location.state' as state,
    _file,
    _row
from scans
