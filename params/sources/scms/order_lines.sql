-- One row per line delivered.
select
    "PO / SO #" as order_id,
    row_number() over (partition by "PO / SO #" order by "ID") as line_no,
    "Item Description" as sku,
    "Product Group" as category,
    "Line Item Quantity" as qty,
    "Pack Price" as unit_price,
    _file,
    _row
from deliveries
