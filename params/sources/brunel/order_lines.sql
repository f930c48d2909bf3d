-- Each order has one product.
select
    "Order ID" as order_id,
    1 as line_no,
    "Product ID"::varchar as sku,
    "Unit quantity" as qty,
    _file,
    _row
from orders_file
