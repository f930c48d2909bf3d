-- One row per item; the license plate number names it.
select
    "license-plate-number" as return_id,
    "order-id" as order_id,
    sku,
    quantity as qty,
    reason,
    "return-date" as requested_at,
    "return-date" as received_at,
    case when status ilike 'reimbursed%' then "return-date" end as refunded_at,
    _file,
    _row
from fba
