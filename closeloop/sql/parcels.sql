-- One row per outbound parcel that was not voided, with what its scans tell.
select
    row_key(shipments.shipment_id) as shipment_key,
    row_key(shipments.order_id) as order_key,
    shipments.shipment_id,
    shipments.order_id,
    shipments.replaces_shipment_id,
    shipments.label_created_at,
    shipments.carrier,
    shipments.service,
    shipments.service_class,
    shipments.warehouse,
    shipments.zone,
    shipments.package_type,
    shipments.weight_g,
    shipments.cost,
    shipments.rate_quoted,
    shipments.cost_invoiced,
    shipments.cost_surcharge,
    shipments.standard_days,
    coalesce(scans.first_scan_at, shipments.handed_over_at) as taken_at,
    scans.first_scan_at,
    scans.at_destination_at,
    coalesce(scans.attempt_at, scans.delivered_at, shipments.delivered_at) as attempt_at,
    coalesce(scans.delivered_at, shipments.delivered_at) as received_at,
    scans.attempt_failed_at,
    coalesce(scans.ended_at, shipments.delivered_at) as ended_at,
    coalesce(scans.accepted, false) as accepted,
    scans.exception_at,
    scans.exception_category
from shipments_known as shipments
left join scans on scans.shipment_key = row_key(shipments.shipment_id)
where coalesce(shipments.direction, 'outbound') = 'outbound' and shipments.voided_at is null
