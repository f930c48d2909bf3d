-- One row per line item; an order in two exports has the same line numbers in both, so that one is set aside.
select
    ltrim("Name", '#') as order_id,
    row_number() over (partition by "Name", _file order by _row) as line_no,
    coalesce("Lineitem sku", "Lineitem name") as sku,
    "Lineitem quantity" as qty,
    "Lineitem price" as unit_price,
    _file,
    _row
from shopify
