-- One row per exception episode: opened by the first evidence, closed by the next healthy scan or the end.
-- Episodes that carriers report, and those that no carrier reports: labels that lie idle, promises that pass.
with told as (
    select shipment_key, occurred_at, recorded_at, status, category,
           lag(category) over (partition by shipment_key order by occurred_at, recorded_at, status) as category_before
    from watched_events where status not in ('unknown', 'label_created')
        and shipment_key in (select shipment_key from parcel_facts where exception_at is not null)
),
numbered as (
    select *, sum(case when category is not null and category_before is null then 1 else 0 end)
              over (partition by shipment_key order by occurred_at, recorded_at, status
                    rows between unbounded preceding and current row) as episode
    from told
),
reported as (
    select shipment_key, min(occurred_at) as opened_at, min(recorded_at) as detected_at,
           min(occurred_at) filter (where category is null) as closed_at,
           arg_min(category, occurred_at) filter (where category is not null) as category, 'carrier' as detected_by
    from numbered where episode > 0 group by shipment_key, episode
),
derived as (
    select shipment_key, idle_due_at as opened_at, idle_due_at as detected_at,
           first_scan_at as closed_at, 'idle_label' as category, 'rule' as detected_by
    from parcel_facts where idle_due_at < (select as_of from clock)
        and (first_scan_at is null or first_scan_at > idle_due_at) and handed_over_at is distinct from label_at
    union all
    select shipment_key, promised_date + interval 1 day, promised_date + interval 1 day,
           attempt_at, 'overdue', 'rule'
    from parcel_facts where promised_date + interval 1 day < (select as_of from clock)
        and (attempt_at is null or attempt_at >= promised_date + interval 1 day)
),
every as (select * from reported union all select * from derived),
tickets as (
    select row_key(order_id) as order_key, min(created_at) as first_ticket_at
    from tickets_known where order_id is not null group by row_key(order_id)
)
select
    parcels.shipment_id || ' ' || every.category || ' ' || every.opened_at as exception_id,
    parcels.shipment_id,
    every.*,
    tickets.first_ticket_at,
    parcels.order_id, parcels.order_key, parcels.carrier, parcels.service, parcels.warehouse, parcels.zone, parcels.region,
    parcels.state, parcels.package_type, parcels.weight_band, parcels.channel, parcels.complexity, parcels.weekday,
    parcels.cutoff, parcels.lane
from parcel_facts as parcels
join every on every.shipment_key = parcels.shipment_key
left join tickets on tickets.order_key = parcels.order_key and tickets.first_ticket_at >= every.opened_at
