-- One row per order line: units sold, and units asked back with the date of the first request.
with asked as (
    select row_key(order_id) as order_key, sku, cast(sum(qty) as bigint) as qty, min(requested_at) as requested_at
    from returns_known group by row_key(order_id), sku
)
select
    lines.order_id,
    orders.ordered_at,
    lines.qty,
    asked.requested_at,
    least(coalesce(asked.qty, 0), lines.qty) as returned_qty,
    coalesce(lines.sku, 'unknown') as sku,
    coalesce(lines.category, 'unknown') as category,
    orders.channel,
    orders.campaign,
    orders.region
from order_lines_known as lines
join order_facts as orders on orders.order_key = row_key(lines.order_id)
left join asked on asked.order_key = row_key(lines.order_id) and asked.sku = lines.sku
where orders.cancelled_at is null
