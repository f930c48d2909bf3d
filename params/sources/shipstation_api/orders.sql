-- GET /orders.
select
    ltrim(item->>'$.orderNumber', '#') as order_id,
    item->>'$.orderKey' as platform_id,
    item->>'$.orderDate' as ordered_at,
    greatest(item->>'$.paymentDate', item->>'$.holdUntilDate') as ready_at,
    item->>'$.advancedOptions.source' as channel,
    item->>'$.requestedShippingService' as requested_service,
    item->>'$.shipByDate' as promised_ship_by,
    item->>'$.shipTo.country' as dest_country,
    item->>'$.shipTo.state' as dest_state,
    item->>'$.orderTotal' as total,
    _file,
    _row
from orders_json
