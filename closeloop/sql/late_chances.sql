-- The chance that an order promised in so many days will be late, by state, service asked for and week of the order:
-- the part of like orders attempted in the 12 weeks before that took longer. Weeks of the base period share its own.
with waits as (
    select state, asked_class, attempt_week, taken_in, count(*) as n
    from promise_days where taken_in >= 0 group by all
),
promises as (
    select distinct state, asked_class, order_week, promised_in from promise_days where promised_in is not null
),
known as (
    select promises.*, greatest(order_week, cast(base_period.ends_at as date)) as until
    from promises cross join base_period
)
select
    known.state, known.asked_class, known.order_week, known.promised_in,
    cast(sum(case when waits.taken_in > known.promised_in then waits.n else 0 end) as double) / sum(waits.n)
        as late_chance
from known join waits
    on waits.state = known.state and waits.asked_class = known.asked_class
    and waits.attempt_week < known.until and waits.attempt_week >= known.until - interval 84 day
group by known.state, known.asked_class, known.order_week, known.promised_in having sum(waits.n) >= 30
