-- One row per parcel; the label is the carrier's first event.
select
    shipment_id,
    shipment_id as order_id,
    'outbound' as direction,
    carrier,
    service_description as service,
    shipper_city as warehouse,
    (select min(event_time_utc) from events_file as e where e.shipment_id = s.shipment_id) at time zone 'UTC'
        as born_at,
    (select min(event_time_utc) from events_file as e where e.shipment_id = s.shipment_id and event_code = 'OC')
        at time zone 'UTC' as label_created_at,
    actual_pickup_utc at time zone 'UTC' as handed_over_at,
    actual_delivery_utc at time zone 'UTC' as delivered_at,
    package_weight * case weight_units when 'KG' then 1000 when 'LB' then 453.59237 end as weight_g,
    'INR' as currency,
    _file,
    _row
from shipments_file as s
