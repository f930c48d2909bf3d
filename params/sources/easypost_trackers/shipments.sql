-- One tracker per parcel.
select
    item->>'$.tracking_code' as shipment_id,
    item->>'$.carrier' as carrier,
    item->>'$.carrier_detail.service' as service,
    item->>'$.created_at' as born_at,
    try_cast(item->>'$.weight' as double) * 28.349523 as weight_g,
    _file,
    _row
from trackers
