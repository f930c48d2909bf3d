-- One row per parcel and week in which it was under way: days open and exceptions opened, for rates per exposure.
with open_parcels as (
    select *, coalesce(handed_over_at, label_at) as opened_at,
           least(coalesce(ended_at, (select as_of from clock)),
                 coalesce(handed_over_at, label_at) + interval 30 day, (select as_of from clock)) as until_at
    from parcel_facts where coalesce(handed_over_at, label_at) is not null
),
-- Nearly all parcels are on their way in one or two weeks, none in more than six.
weeks as (
    select open_parcels.*, cast(date_trunc('week', opened_at) as timestamp) as week from open_parcels
    where opened_at < until_at
    union all
    select open_parcels.*, cast(date_trunc('week', opened_at) as timestamp) + later.days * interval 1 day as week
    from open_parcels join (values (7), (14), (21), (28), (35)) as later(days)
        on cast(date_trunc('week', opened_at) as timestamp) + later.days * interval 1 day < until_at
    where until_at > cast(date_trunc('week', opened_at) as timestamp) + interval 7 day
),
opened as (
    select shipment_key, date_trunc('week', opened_at) as week, count(*) as exceptions
    from exceptions where detected_by = 'carrier' group by 1, 2
)
select
    weeks.*,
    (epoch(least(weeks.until_at, weeks.week + interval 7 day)) - epoch(greatest(weeks.opened_at, weeks.week)))
        / 86400.0 as days_open,
    coalesce(opened.exceptions, 0) as exceptions_opened
from weeks
left join opened on opened.shipment_key = weeks.shipment_key and opened.week = weeks.week
