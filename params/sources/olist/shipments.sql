-- One parcel per order that reached a carrier: the data has no parcels of its own.
select
    orders.order_id as shipment_id,
    orders.order_id,
    'outbound' as direction,
    sellers.warehouse,
    order_delivered_carrier_date as born_at,
    order_delivered_carrier_date as handed_over_at,
    order_delivered_customer_date as delivered_at,
    items.weight_g,
    'BRL' as currency,
    orders._file,
    orders._row
from raw_orders as orders
left join (
    select order_id, min(seller_id) as seller_id, sum(product_weight_g) as weight_g
    from raw_items left join raw_products using (product_id) group by order_id
) as items using (order_id)
left join (
    select seller_id, 'seller in ' || seller_state as warehouse from raw_sellers
) as sellers using (seller_id)
where sample_source similar to '.*[BDE].*' and order_delivered_carrier_date is not null
