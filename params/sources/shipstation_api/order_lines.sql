-- The items within each order.
with lines as (
    select item->>'$.orderNumber' as number, unnest(item->'$.items[*]') as line,
           generate_subscripts(item->'$.items[*]', 1) as line_no, _file, _row
    from orders_json
)
select
    ltrim(number, '#') as order_id,
    line_no,
    line->>'$.sku' as sku,
    line->>'$.quantity' as qty,
    line->>'$.unitPrice' as unit_price,
    _file,
    _row
from lines
