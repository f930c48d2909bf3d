-- One row per parcel and week in which it was under way: days open and exceptions opened, for rates per exposure.
with open_parcels as (
    select *, coalesce(handed_over_at, label_at) as opened_at,
           least(coalesce(ended_at, (select as_of from clock)),
                 coalesce(handed_over_at, label_at) + interval 30 day, (select as_of from clock)) as until_at
    from parcel_facts where coalesce(handed_over_at, label_at) is not null
),
weeks as (select distinct cast(date_trunc('week', day) as timestamp) as week from days),
opened as (
    select shipment_id, date_trunc('week', opened_at) as week, count(*) as exceptions
    from exceptions where detected_by = 'carrier' group by 1, 2
)
select
    parcels.*,
    weeks.week,
    (epoch(least(until_at, weeks.week + interval 7 day)) - epoch(greatest(parcels.opened_at, weeks.week))) / 86400.0
        as days_open,
    coalesce(opened.exceptions, 0) as exceptions_opened
from open_parcels as parcels
join weeks on weeks.week < parcels.until_at and weeks.week + interval 7 day > parcels.opened_at
left join opened on opened.shipment_id = parcels.shipment_id and opened.week = weeks.week
