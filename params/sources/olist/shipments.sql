-- One parcel per order that reached a carrier: the data has no parcels of its own. Its cost is the freight that the
-- order was charged; its zone is how far it goes, from the seller's state to a part of the country.
select
    orders.order_id as shipment_id,
    orders.order_id,
    'outbound' as direction,
    'seller in ' || seller_state as warehouse,
    order_delivered_carrier_date as born_at,
    order_delivered_carrier_date as handed_over_at,
    order_delivered_customer_date as delivered_at,
    case when customer_state = seller_state then 'within the state'
         when customer_state in ('SP', 'RJ', 'MG', 'ES') then 'to the Southeast'
         when customer_state in ('PR', 'SC', 'RS') then 'to the South'
         when customer_state in ('DF', 'GO', 'MT', 'MS') then 'to the Central-West'
         when customer_state in ('AC', 'AM', 'AP', 'PA', 'RO', 'RR', 'TO') then 'to the North'
         when customer_state is not null then 'to the Northeast' end as zone,
    items.weight_g,
    items.freight as cost,
    'BRL' as currency,
    orders._file,
    orders._row
from raw_orders as orders
left join raw_customers as customers using (customer_id)
left join (
    select order_id, min(seller_id) as seller_id, sum(product_weight_g) as weight_g, sum(freight_value) as freight
    from raw_items left join raw_products using (product_id) group by order_id
) as items using (order_id)
left join raw_sellers as sellers using (seller_id)
where sample_source similar to '.*[BCDE].*' and order_delivered_carrier_date is not null
