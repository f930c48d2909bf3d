-- One row per order: when it was ready, labelled and handed over, how its parcels fared, and its slices.
-- Its warehouse is the one that four of five parcels of its state used to come from: an order that waits
-- has no parcel yet, and must be counted where it waits.
with early as (
    select orders.dest_state, shipments.warehouse, count(*) as n
    from shipments_known as shipments
    join orders_known as orders on row_key(orders.order_id) = row_key(shipments.order_id)
    where shipments.born_at < (select min(born_at) from shipments_known) + interval 12 week
    group by orders.dest_state, shipments.warehouse
),
sites as (
    select early.dest_state, max(early.warehouse) as warehouse
    from early join (select dest_state, sum(n) as n from early group by dest_state) as every
        on every.dest_state = early.dest_state
    where early.n >= 0.8 * every.n group by early.dest_state
),
lines as (
    select row_key(order_id) as order_key, count(*) as n_lines, cast(sum(qty) as bigint) as n_units
    from order_lines_known group by row_key(order_id)
),
fared as (
    select
        order_key,
        count(*) as n,
        min(label_created_at) as label_at,
        min(taken_at) as handed_over_at,
        max(attempt_at) as attempt_at,
        count(attempt_at) as attempted,
        max(case when exception_category in ('damaged', 'lost') then 1 else 0 end) as harmed
    from parcels group by order_key
)
select
    orders.order_id,
    row_key(orders.order_id) as order_key,
    orders.ordered_at,
    orders.ready_at,
    orders.cancelled_at,
    fared.label_at,
    fared.handed_over_at,
    case when fared.n = fared.attempted then fared.attempt_at end as attempt_at,
    orders.promised_ship_by,
    orders.promised_date,
    ready_day.next_1 + case when ready_day.working then orders.ready_at - date_trunc('day', orders.ready_at)
                            else interval 0 hour end as label_due_at,
    order_day.next_2 + case when order_day.working then orders.ordered_at - date_trunc('day', orders.ordered_at)
                            else interval 0 hour end as handover_due_at,
    coalesce(orders.requested_class, services.class) as requested_class,
    lines.n_units,
    coalesce(fared.n, 0) as n_parcels,
    coalesce(fared.harmed, 0) as harmed,
    coalesce(orders.channel, 'unknown'::channel_values) as channel,
    coalesce(orders.campaign, 'none'::campaign_values) as campaign,
    coalesce(sites.warehouse, 'unknown'::warehouse_values) as warehouse,
    coalesce(orders.dest_state, postal.state, 'unknown')::state_values as state,
    coalesce(regions.region, orders.dest_country::region_values, 'unknown'::region_values) as region,
    case when lines.n_lines is null then 'unknown'::complexity_values
         when lines.n_lines = 1 then '1 line'::complexity_values
         when lines.n_lines < 4 then '2-3 lines'::complexity_values else '4+ lines'::complexity_values
         end as complexity,
    coalesce(order_day.weekday, 'unknown'::weekday_values) as weekday,
    case when clock.cutoff is null then 'unknown'::cutoff_values
         when hour(orders.ordered_at) >= clock.cutoff then 'after'::cutoff_values
         when hour(orders.ordered_at) >= clock.cutoff - 2 then 'last 2 h before'::cutoff_values
         else 'earlier'::cutoff_values end as cutoff
from orders_known as orders
cross join clock
left join days as ready_day on ready_day.day = orders.ready_at::date
left join (
    select day, working, next_2, weekday::weekday_values as weekday from days
) as order_day on order_day.day = orders.ordered_at::date
left join lines on lines.order_key = row_key(orders.order_id)
left join fared on fared.order_key = row_key(orders.order_id)
left join sites on sites.dest_state = orders.dest_state
left join (
    select kinds.service, services.class
    from (select distinct requested_service as service from orders_known) as kinds
    join services on services.service = lower(kinds.service)
) as services on services.service = orders.requested_service
left join postal on postal.country = case when orders.dest_state is null then orders.dest_country end
    and orders.dest_postal_area between postal.first and postal.last
left join (select country, state, region::region_values as region from regions) as regions
    on regions.country = orders.dest_country and regions.state = coalesce(orders.dest_state, postal.state)
