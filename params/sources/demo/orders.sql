-- Shopify's order export: order fields stand on the first row of each order only.
select
    ltrim("Name", '#') as order_id,
    "Created at" as ordered_at,
    greatest("Paid at", regexp_extract("Note Attributes", 'On hold until: ([^\n]+)', 1)) as ready_at,
    "Cancelled at" as cancelled_at,
    "Source" as channel,
    nullif(regexp_extract("Tags", 'campaign:([^,]+)', 1), '') as campaign,
    "Shipping Method" as requested_service,
    nullif(regexp_extract("Note Attributes", 'promised_delivery: ([0-9-]+)', 1), '') as promised_date,
    "Shipping Country" as dest_country,
    "Shipping Province" as dest_state,
    "Total" as total,
    "Currency" as currency,
    _file,
    _row
from shopify
where "Total" is not null
