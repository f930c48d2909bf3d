-- One row per return and item; the parent reason is the coarse one.
with lines as (
    select item as rma, unnest(item->'$.line_items[*]') as line, _file, _row from returns_json
)
select
    rma->>'$.id' as return_id,
    ltrim(coalesce(rma->>'$.order_name', rma->>'$.provider_order_id', rma->>'$.order_id'), '#') as order_id,
    line->>'$.sku' as sku,
    count(*) as qty,
    coalesce(min(line->>'$.parent_return_reason'), min(line->>'$.return_reason')) as reason,
    rma->>'$.created_at' as requested_at,
    min(case when rma->>'$.label_status' = 'delivered' then rma->>'$.label_updated_at' end) as received_at,
    min(case when rma->>'$.state' = 'closed' then rma->>'$.edited_at' end) as refunded_at,
    min(_file) as _file,
    min(_row) as _row
from lines
where coalesce(rma->>'$.state', '') not in ('cancelled', 'expired')
group by return_id, order_id, sku, requested_at
