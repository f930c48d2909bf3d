-- One row per order; the ship-by day is the order's day, ahead or late in whole days.
select
    "Order ID" as order_id,
    "Order Date" as ordered_at,
    "Order Date" as ready_at,
    "Service Level" as requested_service,
    "Order Date" + interval 1 day as promised_ship_by,
    _file,
    _row
from orders_file
