-- Returns: one row per RMA and line.
select
    rma as return_id,
    ltrim(order_name, '#') as order_id,
    sku,
    quantity as qty,
    reason,
    requested_at,
    received_at,
    refunded_at,
    _file,
    _row
from rma
