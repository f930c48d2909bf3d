-- One row per item of a sampled order.
select
    items.order_id,
    order_item_id as line_no,
    product_id as sku,
    coalesce(product_category_name_english, product_category_name) as category,
    1 as qty,
    price as unit_price,
    items._file,
    items._row
from raw_items as items
join raw_orders as orders using (order_id)
left join raw_products using (product_id)
left join raw_categories using (product_category_name)
where orders.sample_source similar to '.*[BCDE].*'
