-- One row per order with a promise: what went wrong with it, for the perfect order, and its tickets.
with asked as (
    select order_id, min(requested_at) as fault_at from named_returns
    where reason_class in (
        'wrong_item', 'missing_parts', 'defective_or_damaged', 'damaged_in_transit', 'damaged_in_warehouse',
        'never_arrived', 'arrived_late'
    ) group by order_id
),
written as (
    select order_id, min(created_at) as ticket_at,
           min(case when topic = 'wismo' then created_at end) as wismo_at
    from tickets_known where order_id is not null group by order_id
)
select
    orders.*,
    asked.fault_at,
    written.ticket_at,
    written.wismo_at
from order_facts as orders
left join asked on asked.order_id = orders.order_id
left join written on written.order_id = orders.order_id
