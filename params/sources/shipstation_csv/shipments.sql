-- One row per label, voided and return labels among them.
select
    "Shipment - Tracking Number" as shipment_id,
    "Order - Number" as order_id,
    case lower("Return - Return Label Flag") when 'true' then 'return' when 'false' then 'outbound' end as direction,
    "Carrier - Name" as carrier,
    "Carrier - Service Selected" as service,
    "Operations - Warehouse" as warehouse,
    "Date - Label Create Date" as born_at,
    "Date - Label Create Date" as label_created_at,
    "Delivery - Date" as delivered_at,
    "Shipment - Void Date" as voided_at,
    "Shipment - Zone" as zone,
    "Shipment - Package Type" as package_type,
    try_cast("Shipment - Weight (Oz)" as double) * 28.349523 as weight_g,
    "Amount - Shipping Cost" as cost,
    _file,
    _row
from shipstation
