-- Orders with the days that they were promised in, and that they took. A working day is two steps, and the days off
-- after it are one more, so that a promise over a weekend is as long as any other.
select
    orders.*,
    coalesce(orders.requested_class, 'unknown') as asked_class,
    cast(date_trunc('week', orders.ordered_at) as date) as order_week,
    cast(date_trunc('week', orders.attempt_at) as date) as attempt_week,
    2 * (promise_day.no - order_day.no) + (order_day.working)::int - (promise_day.working)::int as promised_in,
    2 * (attempt_day.no - order_day.no) + (order_day.working)::int - (attempt_day.working)::int as taken_in
from order_facts as orders
left join (select day, no, working from days) as order_day on order_day.day = orders.ordered_at::date
left join (select day, no, working from days) as promise_day on promise_day.day = orders.promised_date
left join (select day, no, working from days) as attempt_day on attempt_day.day = orders.attempt_at::date
