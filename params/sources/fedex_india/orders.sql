-- The carrier's answer knows no order: each parcel stands for one.
select
    shipment_id as order_id,
    (select min(event_time_utc) from events_file where events_file.shipment_id = shipments_file.shipment_id)
        at time zone 'UTC' as ordered_at,
    case when is_cod then 'cash on delivery' else 'prepaid' end as channel,
    country as dest_country,
    dest_state,
    _file,
    _row
from shipments_file
