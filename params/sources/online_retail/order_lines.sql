-- Merchandise has a stock code of five digits and perhaps a letter.
select
    invoice as order_id,
    row_number() over (partition by invoice order by _row) as line_no,
    stock_code as sku,
    quantity as qty,
    unit_price,
    _file,
    _row
from invoices
where regexp_full_match(invoice, '[0-9]+') and unit_price > 0 and regexp_full_match(stock_code, '[0-9]{5}[A-Za-z]*')
