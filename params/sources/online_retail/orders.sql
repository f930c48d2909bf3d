-- One order per invoice that is no cancellation ('C') and no adjustment ('A').
select
    invoice as order_id,
    min(invoice_date) as ordered_at,
    min(country) as dest_country,
    sum(quantity * unit_price) as total,
    'GBP' as currency,
    min(_file) as _file,
    min(_row) as _row
from invoices
where regexp_full_match(invoice, '[0-9]+') and unit_price > 0
group by invoice
