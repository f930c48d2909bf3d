-- One parcel per shipment notice and order: weight and freight stand on one of its lines, the others refer to it.
select
    "ASN/DN #" || ' ' || "PO / SO #" as shipment_id,
    "PO / SO #" as order_id,
    nullif(min("Shipment Mode"), 'N/A') as service,
    min("Vendor INCO Term") as zone,
    min("Manufacturing Site") as warehouse,
    min("Delivered to Client Date") as born_at,
    min("Delivered to Client Date") as delivered_at,
    sum(try_cast("Weight (Kilograms)" as double)) * 1000 as weight_g,
    sum(try_cast("Freight Cost (USD)" as double)) as cost,
    'USD' as currency,
    min(_file) as _file,
    min(_row) as _row
from deliveries
group by "ASN/DN #", "PO / SO #"
