-- The Shipment Tracking extension keeps its parcels in the order's meta data; date_shipped is seconds since 1970.
with metas as (
    select coalesce(item->>'$.number', item->>'$.id') as number, unnest(item->'$.meta_data[*]') as meta, _file, _row
    from orders_json
),
parcels as (
    select number, unnest(meta->'$.value[*]') as parcel, _file, _row
    from metas where meta->>'$.key' = '_wc_shipment_tracking_items'
)
select
    parcel->>'$.tracking_number' as shipment_id,
    number as order_id,
    coalesce(nullif(parcel->>'$.custom_tracking_provider', ''), parcel->>'$.tracking_provider') as carrier,
    to_timestamp(try_cast(parcel->>'$.date_shipped' as double)) as born_at,
    to_timestamp(try_cast(parcel->>'$.date_shipped' as double)) as label_created_at,
    _file,
    _row
from parcels
