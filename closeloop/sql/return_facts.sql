-- One row per return and line, with the slices of its order line.
select
    returns.*,
    returns.requested_at as asked_at,
    coalesce(lines.category, 'unknown') as category,
    orders.channel, orders.campaign, orders.region
from returns_known as returns
left join order_facts as orders on orders.order_id = returns.order_id
left join (
    select order_id, sku, min(category) as category from order_lines_known group by order_id, sku
) as lines on lines.order_id = returns.order_id and lines.sku = returns.sku
