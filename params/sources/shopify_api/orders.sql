-- GET orders.json?status=any: one object per order.
select
    ltrim(item->>'$.name', '#') as order_id,
    item->>'$.id' as platform_id,
    item->>'$.created_at' as ordered_at,
    case when item->>'$.financial_status' <> 'pending' then item->>'$.processed_at' end as ready_at,
    item->>'$.cancelled_at' as cancelled_at,
    item->>'$.source_name' as channel,
    nullif(regexp_extract(item->>'$.tags', 'campaign:([^,]+)', 1), '') as campaign,
    item->>'$.shipping_lines[0].title' as requested_service,
    item->>'$.shipping_address.country_code' as dest_country,
    item->>'$.shipping_address.province_code' as dest_state,
    item->>'$.total_price' as total,
    item->>'$.currency' as currency,
    _file,
    _row
from orders_json
