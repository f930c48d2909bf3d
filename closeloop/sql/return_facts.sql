-- One row per return and line, with the slices of its order line and the class of its reason.
select
    returns.return_id, returns.order_id, returns.sku, returns.qty, returns.reason,
    returns.requested_at, returns.received_at, returns.refunded_at, returns.closed_at,
    returns.requested_at as asked_at,
    coalesce(returns.reason_class, 'unknown') as reason_class,
    returns.reason_origin,
    coalesce(lines.category, 'unknown') as category,
    orders.channel, orders.campaign, orders.region
from named_returns as returns
left join order_facts as orders on orders.order_key = row_key(returns.order_id)
left join (
    select order_id, sku, min(category) as category from order_lines_known group by order_id, sku
) as lines on lines.order_id = returns.order_id and lines.sku = returns.sku
