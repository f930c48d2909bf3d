-- Order fields stand on the first row of each order only.
select
    ltrim("Name", '#') as order_id,
    "Id" as platform_id,
    "Created at" as ordered_at,
    "Paid at" as ready_at,
    "Cancelled at" as cancelled_at,
    case when regexp_full_match("Source", '[0-9]+') then 'app ' || "Source" else "Source" end as channel,
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
