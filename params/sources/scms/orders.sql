-- One order per purchase order. Dates before it are texts or notes such as 'Date Not Captured'.
select
    "PO / SO #" as order_id,
    coalesce(
        min(try_strptime("PO Sent to Vendor Date", '%m/%d/%y')),
        min(try_strptime("PQ First Sent to Client Date", '%m/%d/%y')),
        min("Scheduled Delivery Date") - interval 90 day
    ) as ordered_at,
    min("Fulfill Via") as channel,
    min("Managed By") as campaign,
    min("Scheduled Delivery Date")::date as promised_date,
    min("Country") as dest_country,
    sum("Line Item Value") as total,
    'USD' as currency,
    min(_file) as _file,
    min(_row) as _row
from deliveries
group by "PO / SO #"
