-- GET /shipments: one object per label.
select
    coalesce(nullif(item->>'$.trackingNumber', ''), item->>'$.shipmentId') as shipment_id,
    ltrim(item->>'$.orderNumber', '#') as order_id,
    case item->>'$.isReturnLabel' when 'true' then 'return' else 'outbound' end as direction,
    item->>'$.carrierCode' as carrier,
    item->>'$.serviceCode' as service,
    item->>'$.warehouseId' as warehouse,
    item->>'$.createDate' as born_at,
    item->>'$.createDate' as label_created_at,
    coalesce(item->>'$.voidDate', case when item->>'$.voided' = 'true' then item->>'$.createDate' end) as voided_at,
    item->>'$.packageCode' as package_type,
    try_cast(item->>'$.weight.value' as double)
        * case item->>'$.weight.units' when 'ounces' then 28.349523 when 'pounds' then 453.59237 when 'grams' then 1 end
        as weight_g,
    item->>'$.shipmentCost' as cost,
    _file,
    _row
from shipments_json
