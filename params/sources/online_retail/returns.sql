-- A cancellation names no invoice: the customer's last earlier one with the item is taken; without one it is set aside.
with sold as (
    select customer_id, stock_code, invoice, invoice_date from invoices
    where regexp_full_match(invoice, '[0-9]+') and quantity > 0 and customer_id is not null
),
cancelled as (
    select invoice, customer_id, stock_code, min(invoice_date) as invoice_date, -sum(quantity) as qty,
           min(_file) as _file, min(_row) as _row
    from invoices
    where invoice like 'C%' and regexp_full_match(stock_code, '[0-9]{5}[A-Za-z]*')
    group by invoice, customer_id, stock_code
)
select
    cancelled.invoice as return_id,
    sold.invoice as order_id,
    cancelled.stock_code as sku,
    cancelled.qty,
    cancelled.invoice_date as requested_at,
    cancelled.invoice_date as refunded_at,
    cancelled._file,
    cancelled._row
from cancelled
asof left join sold
    on sold.customer_id = cancelled.customer_id and sold.stock_code = cancelled.stock_code
    and sold.invoice_date <= cancelled.invoice_date
