-- One row per order: when it was ready, labelled and handed over, and the slices it belongs to.
-- Its warehouse is the one that four of five parcels of its state used to come from: an order that waits
-- has no parcel yet, and must be counted where it waits.
with sites as (
    select dest_state, mode(warehouse) as warehouse
    from shipments_known join orders_known using (order_id)
    where born_at < (select min(born_at) from shipments_known) + interval 12 week
    group by dest_state
    having list_max(map_values(histogram(warehouse))) >= 0.8 * count(*)
),
lines as (
    select order_id, count(*) as n_lines, sum(qty) as n_units from order_lines_known group by order_id
),
parcels as (
    select
        order_id,
        min(shipments.label_created_at) as label_at,
        min(coalesce(scans.first_scan_at, shipments.handed_over_at)) as handed_over_at
    from shipments_known as shipments
    left join scans using (shipment_id)
    where coalesce(direction, 'outbound') = 'outbound' and voided_at is null
    group by order_id
)
select
    orders.order_id,
    orders.ordered_at,
    orders.ready_at,
    orders.cancelled_at,
    parcels.label_at,
    parcels.handed_over_at,
    orders.promised_ship_by,
    orders.promised_date,
    due(orders.ready_at, 1) as label_due_at,
    due(orders.ordered_at, 2) as handover_due_at,
    coalesce(orders.requested_class, services.class) as requested_class,
    lines.n_units,
    coalesce(orders.channel, 'unknown') as channel,
    coalesce(orders.campaign, 'none') as campaign,
    coalesce(sites.warehouse, 'unknown') as warehouse,
    coalesce(orders.dest_state, postal.state, 'unknown') as state,
    coalesce(regions.region, orders.dest_country, 'unknown') as region,
    case when lines.n_lines is null then 'unknown' when lines.n_lines = 1 then '1 line'
         when lines.n_lines < 4 then '2-3 lines' else '4+ lines' end as complexity,
    strftime(orders.ordered_at, '%a') as weekday,
    case when clock.cutoff is null then 'unknown' when hour(orders.ordered_at) >= clock.cutoff then 'after'
         when hour(orders.ordered_at) >= clock.cutoff - 2 then 'last 2 h before'
         else 'earlier' end as cutoff
from orders_known as orders
cross join clock
left join services on services.service = lower(orders.requested_service)
left join postal on postal.country = orders.dest_country and orders.dest_state is null
    and orders.dest_postal_area between postal.first and postal.last
left join lines using (order_id)
left join parcels using (order_id)
left join sites on sites.dest_state = orders.dest_state
left join regions
    on regions.country = orders.dest_country and regions.state = coalesce(orders.dest_state, postal.state)
