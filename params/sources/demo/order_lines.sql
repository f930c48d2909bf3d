-- Shopify's order export: one row per line item.
select
    ltrim("Name", '#') as order_id,
    row_number() over (partition by "Name" order by shopify._row) as line_no,
    "Lineitem sku" as sku,
    category,
    "Lineitem quantity" as qty,
    "Lineitem price" as unit_price,
    shopify._file,
    shopify._row
from shopify
left join catalogue on catalogue.sku = shopify."Lineitem sku"
