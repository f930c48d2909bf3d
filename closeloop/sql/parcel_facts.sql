-- One row per outbound parcel that was not voided: milestones, promise, cost and slices. A clock that starts on a
-- day off starts the next working day at 0:00.
select
    parcels.shipment_id,
    parcels.shipment_key,
    parcels.order_id,
    parcels.order_key,
    orders.ordered_at,
    orders.ready_at,
    parcels.label_created_at as label_at,
    parcels.taken_at as handed_over_at,
    coalesce(parcels.label_created_at, parcels.taken_at) as sent_at,
    parcels.first_scan_at,
    parcels.at_destination_at,
    parcels.attempt_at,
    parcels.received_at as delivered_at,
    parcels.attempt_failed_at,
    parcels.ended_at,
    parcels.accepted,
    orders.promised_date,
    label_day.next_1 + case when label_day.working then parcels.label_created_at - date_trunc('day', parcels.label_created_at)
                            else interval 0 hour end as scan_due_at,
    label_day.next_2 + case when label_day.working then parcels.label_created_at - date_trunc('day', parcels.label_created_at)
                            else interval 0 hour end as idle_due_at,
    standard_day.day + case when taken_day.working then parcels.taken_at - date_trunc('day', parcels.taken_at)
                            else interval 0 hour end as standard_due_at,
    parcels.exception_at,
    parcels.exception_category,
    parcels.cost,
    parcels.rate_quoted,
    parcels.cost_invoiced,
    parcels.cost_surcharge,
    parcels.standard_days,
    coalesce(parcels.service_class, services.class) as service_class,
    service_speed.speed as service_speed,
    orders.requested_class,
    requested_speed.speed as requested_speed,
    parcels.replaces_shipment_id,
    coalesce(parcels.carrier, 'unknown'::carrier_values) as carrier,
    coalesce(parcels.service, 'unknown'::service_values) as service,
    coalesce(parcels.warehouse, 'unknown'::warehouse_values) as warehouse,
    coalesce(parcels.zone, 'unknown'::zone_values) as zone,
    coalesce(parcels.package_type, 'unknown'::package_type_values) as package_type,
    case when parcels.weight_g is null then 'unknown'::weight_band_values when parcels.weight_g <= 453.6 then '0-1 lb'::weight_band_values
         when parcels.weight_g <= 907.2 then '1-2 lb'::weight_band_values when parcels.weight_g <= 2268 then '2-5 lb'::weight_band_values
         when parcels.weight_g <= 4536 then '5-10 lb'::weight_band_values else '10+ lb'::weight_band_values end as weight_band,
    case when parcels.weight_g < 453.6 then ceil(parcels.weight_g / 113.4) / 4
         else ceil(parcels.weight_g / 453.6 - 0.01) end as billed_lb,
    coalesce(orders.channel, 'unknown'::channel_values) as channel,
    coalesce(orders.complexity, 'unknown'::complexity_values) as complexity,
    coalesce(orders.state, 'unknown'::state_values) as state,
    coalesce(orders.region, 'unknown'::region_values) as region,
    coalesce(orders.weekday, 'unknown'::weekday_values) as weekday,
    coalesce(orders.cutoff, 'unknown'::cutoff_values) as cutoff,
    ways.lane,
    orders.order_key is not null as matched,
    orders.n_units as order_units,
    orders.n_parcels as order_parcels
from parcels
left join order_facts as orders on orders.order_key = parcels.order_key
left join days as label_day on label_day.day = parcels.label_created_at::date
left join days as taken_day on taken_day.day = parcels.taken_at::date
left join days as standard_day
    on standard_day.working and standard_day.no = taken_day.no + parcels.standard_days + (not taken_day.working)::int
left join (
    select kinds.service, services.class
    from (select distinct service from parcels) as kinds join services on services.service = lower(kinds.service)
) as services on services.service = parcels.service
left join ways on ways.warehouse = coalesce(parcels.warehouse, 'unknown'::warehouse_values)
    and ways.region = coalesce(orders.region, 'unknown'::region_values)
left join speeds as service_speed on service_speed.class = coalesce(parcels.service_class, services.class)
left join speeds as requested_speed on requested_speed.class = orders.requested_class
