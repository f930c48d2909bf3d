-- One row per outbound parcel that was not voided: milestones, promise, cost and slices.
select
    shipments.shipment_id,
    shipments.order_id,
    orders.ordered_at,
    orders.ready_at,
    shipments.label_created_at as label_at,
    coalesce(scans.first_scan_at, shipments.handed_over_at) as handed_over_at,
    scans.first_scan_at,
    scans.at_destination_at,
    coalesce(scans.attempt_at, scans.delivered_at, shipments.delivered_at) as attempt_at,
    coalesce(scans.delivered_at, shipments.delivered_at) as delivered_at,
    scans.attempt_failed_at,
    coalesce(scans.ended_at, shipments.delivered_at) as ended_at,
    coalesce(scans.acceptance_scans, 0) as acceptance_scans,
    orders.promised_date,
    due(shipments.label_created_at, 1) as scan_due_at,
    due(shipments.label_created_at, 2) as idle_due_at,
    scans.exception_at,
    scans.exception_category,
    shipments.cost,
    shipments.rate_quoted,
    shipments.cost_invoiced,
    shipments.cost_surcharge,
    shipments.standard_days,
    coalesce(shipments.service_class, services.class) as service_class,
    orders.requested_class,
    shipments.replaces_shipment_id,
    coalesce(shipments.carrier, 'unknown') as carrier,
    coalesce(shipments.service, 'unknown') as service,
    coalesce(shipments.warehouse, 'unknown') as warehouse,
    coalesce(shipments.zone, 'unknown') as zone,
    coalesce(shipments.package_type, 'unknown') as package_type,
    case when shipments.weight_g is null then 'unknown' when shipments.weight_g <= 453.6 then '0-1 lb'
         when shipments.weight_g <= 907.2 then '1-2 lb' when shipments.weight_g <= 2268 then '2-5 lb'
         when shipments.weight_g <= 4536 then '5-10 lb' else '10+ lb' end as weight_band,
    case when shipments.weight_g < 453.6 then ceil(shipments.weight_g / 113.4) / 4
         else ceil(shipments.weight_g / 453.6 - 0.01) end as billed_lb,
    coalesce(orders.channel, 'unknown') as channel,
    coalesce(orders.complexity, 'unknown') as complexity,
    coalesce(orders.state, 'unknown') as state,
    coalesce(orders.region, 'unknown') as region,
    coalesce(orders.weekday, 'unknown') as weekday,
    coalesce(orders.cutoff, 'unknown') as cutoff,
    coalesce(shipments.warehouse, 'unknown') || ' to ' || coalesce(orders.region, 'unknown') as lane,
    orders.order_id is not null as matched
from shipments_known as shipments
left join scans using (shipment_id)
left join services on services.service = lower(shipments.service)
left join order_facts as orders on orders.order_id = shipments.order_id
where coalesce(shipments.direction, 'outbound') = 'outbound' and shipments.voided_at is null
