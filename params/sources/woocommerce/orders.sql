-- GET /wp-json/wc/v3/orders.
select
    coalesce(item->>'$.number', item->>'$.id') as order_id,
    item->>'$.id' as platform_id,
    (item->>'$.date_created_gmt') || 'Z' as ordered_at,
    (item->>'$.date_paid_gmt') || 'Z' as ready_at,
    case when item->>'$.status' in ('cancelled', 'failed') then (item->>'$.date_modified_gmt') || 'Z' end
        as cancelled_at,
    item->>'$.created_via' as channel,
    item->>'$.shipping_lines[0].method_title' as requested_service,
    item->>'$.shipping.country' as dest_country,
    item->>'$.shipping.state' as dest_state,
    item->>'$.total' as total,
    item->>'$.currency' as currency,
    _file,
    _row
from orders_json
