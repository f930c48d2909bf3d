-- One row per order of the three simple random samples.
select
    orders.order_id,
    order_purchase_timestamp as ordered_at,
    order_approved_at as ready_at,
    case when order_status in ('canceled', 'unavailable') and order_delivered_carrier_date is null
         then coalesce(order_approved_at, order_purchase_timestamp) end as cancelled_at,
    cast(order_estimated_delivery_date as date) as promised_date,
    limits.ship_by as promised_ship_by,
    'BR' as dest_country,
    customer_state as dest_state,
    'BRL' as currency,
    orders._file,
    orders._row
from raw_orders as orders
left join raw_customers as customers using (customer_id)
left join (
    select order_id, max(shipping_limit_date) as ship_by from raw_items group by order_id
) as limits using (order_id)
where sample_source similar to '.*[BCDE].*'
