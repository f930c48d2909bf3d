-- One row per exception episode, with what it cost: the parcel that replaced its own, and tickets about its order,
-- within two weeks of its opening. What follows several episodes of a parcel belongs to the last of them.
with spans as (
    select *,
           least(
               opened_at + interval 14 day,
               coalesce(lead(opened_at) over (partition by shipment_key order by opened_at, category, detected_by),
                        opened_at + interval 14 day)
           ) as paid_until
    from exceptions
),
written as (
    select spans.exception_id, count(*) as n
    from spans join tickets_known as tickets on row_key(tickets.order_id) = spans.order_key
    where tickets.created_at >= spans.opened_at and tickets.created_at < spans.paid_until
    group by spans.exception_id
)
select
    spans.*,
    coalesce(case when replacements.replaced_at >= spans.opened_at and replacements.replaced_at < spans.paid_until
                  then replacements.cost end, 0) as resent_cost,
    cast(coalesce(written.n, 0) * clock.ticket_cost as decimal(18, 4)) as ticket_cost
from spans
cross join clock
left join written on written.exception_id = spans.exception_id
left join replacements on replacements.shipment_key = spans.shipment_key
