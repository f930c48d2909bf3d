-- One row per order with a promise: what went wrong with it, for the perfect order, and its tickets.
with parcels as (
    select order_id, max(attempt_at) as last_attempt_at, count(*) as n, count(attempt_at) as attempted,
           max(case when exception_category in ('damaged', 'lost') then 1 else 0 end) as harmed
    from parcel_facts group by order_id
),
asked as (
    select order_id, min(requested_at) as fault_at from returns_known
    where lower(reason) similar to '.*(wrong|damage|defect|missing|never|late).*' group by order_id
),
written as (
    select order_id, min(created_at) as ticket_at,
           min(case when topic = 'wismo' then created_at end) as wismo_at
    from tickets_known where order_id is not null group by order_id
)
select
    orders.*,
    case when parcels.n = parcels.attempted then parcels.last_attempt_at end as attempt_at,
    coalesce(parcels.harmed, 0) as harmed,
    asked.fault_at,
    written.ticket_at,
    written.wismo_at
from order_facts as orders
left join parcels on parcels.order_id = orders.order_id
left join asked on asked.order_id = orders.order_id
left join written on written.order_id = orders.order_id
