-- One tracking per parcel.
select
    item->>'$.tracking_number' as shipment_id,
    coalesce(item->>'$.order_number', item->>'$.order_id') as order_id,
    case when item->>'$.return_to_sender' = 'true' or item->>'$.shipment_direction' = 'return'
         then 'return' end as direction,
    item->>'$.slug' as carrier,
    coalesce(item->>'$.shipment_type', item->>'$.shipping_method') as service,
    item->>'$.created_at' as born_at,
    item->>'$.shipment_pickup_date' as handed_over_at,
    item->>'$.shipment_delivery_date' as delivered_at,
    _file,
    _row
from trackings
