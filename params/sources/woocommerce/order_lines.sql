-- The line items within each order.
with lines as (
    select coalesce(item->>'$.number', item->>'$.id') as number, unnest(item->'$.line_items[*]') as line,
           generate_subscripts(item->'$.line_items[*]', 1) as line_no, _file, _row
    from orders_json
)
select
    number as order_id,
    line_no,
    coalesce(nullif(line->>'$.sku', ''), line->>'$.product_id') as sku,
    line->>'$.quantity' as qty,
    line->>'$.price' as unit_price,
    _file,
    _row
from lines
