-- Returns where the app gives them; else the refunds within the orders, which know no reason and no request.
with refunds as (
    select item->>'$.name' as name, unnest(item->'$.refunds[*]') as refund, _file, _row from orders_json
),
refunded as (
    select name, refund, unnest(refund->'$.refund_line_items[*]') as line, _file, _row from refunds
),
asked as (
    select item as returned, unnest(item->'$.returnLineItems.nodes[*]') as line, _file, _row from returns_json
)
select
    refund->>'$.id' as return_id,
    ltrim(name, '#') as order_id,
    coalesce(nullif(line->>'$.line_item.sku', ''), line->>'$.line_item.title') as sku,
    sum(try_cast(line->>'$.quantity' as bigint)) as qty,
    null::varchar as reason,
    refund->>'$.created_at' as requested_at,
    refund->>'$.created_at' as refunded_at,
    min(_file) as _file,
    min(_row) as _row
from refunded
where ltrim(name, '#') not in (select ltrim(returned->>'$.order.name', '#') from asked)
group by all
union all
select
    returned->>'$.name',
    ltrim(returned->>'$.order.name', '#'),
    line->>'$.fulfillmentLineItem.lineItem.sku',
    sum(try_cast(line->>'$.quantity' as bigint)),
    coalesce(min(line->>'$.returnReasonDefinition.handle'), min(line->>'$.returnReason')),
    returned->>'$.createdAt',
    null,
    min(_file),
    min(_row)
from asked
group by all
