-- The checkpoints within each tracking: created_at is when AfterShip took it in.
with scans as (
    select item->>'$.tracking_number' as tracking, unnest(item->'$.checkpoints[*]') as scan, _file, _row
    from trackings
)
select
    tracking as shipment_id,
    scan->>'$.checkpoint_time' as occurred_at,
    coalesce(scan->>'$.created_at', scan->>'$.checkpoint_time') as recorded_at,
    scan->>'$.tag' as source_status,
    scan->>'$.subtag' as source_code,
    coalesce(scan->>'$.city', scan->>'$.location') as facility,
    scan->>'$.state' as state,
    _file,
    _row
from scans
