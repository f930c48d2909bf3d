-- One track per parcel; `metadata` holds the order number where the shop fills it.
select
    item->>'$.tracking_number' as shipment_id,
    nullif(regexp_extract(item->>'$.metadata', '#?([A-Za-z0-9-]*[0-9]{3,})', 1), '') as order_id,
    item->>'$.carrier' as carrier,
    item->>'$.servicelevel.token' as service,
    coalesce(item->>'$.tracking_history[0].object_created', item->>'$.tracking_history[0].status_date') as born_at,
    _file,
    _row
from tracks
