-- Each order is one parcel; it left as many days after the ship-by day as the file says it was late.
select
    "Order ID" as shipment_id,
    "Order ID" as order_id,
    'outbound' as direction,
    "Carrier" as carrier,
    "Service Level" as service,
    "Plant Code" as warehouse,
    "Origin Port" || ' to ' || "Destination Port" as zone,
    "Order Date" + to_days(greatest("Ship Late Day count", 0)::int) as born_at,
    "Order Date" + to_days(greatest("Ship Late Day count", 0)::int) as handed_over_at,
    "Weight" * 1000 as weight_g,
    _file,
    _row
from orders_file
