-- One row per order with a promise: what went wrong with it, for the perfect order, and its tickets.
with asked as (
    select row_key(order_id) as order_key, min(requested_at) as fault_at from named_returns
    where reason_class in (
        'wrong_item', 'missing_parts', 'defective_or_damaged', 'damaged_in_transit', 'damaged_in_warehouse',
        'never_arrived', 'arrived_late'
    ) group by row_key(order_id)
),
written as (
    select row_key(order_id) as order_key, min(created_at) as ticket_at,
           min(case when topic = 'wismo' then created_at end) as wismo_at
    from tickets_known where order_id is not null group by row_key(order_id)
)
select
    orders.*,
    asked.fault_at,
    written.ticket_at,
    written.wismo_at
from order_facts as orders
left join asked on asked.order_key = orders.order_key
left join written on written.order_key = orders.order_key
