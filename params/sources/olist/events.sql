-- What everybody in Brazil could read in the papers: dated facts from outside the data.
select
    starts_at as event_id,
    kind,
    starts_at::timestamp as starts_at,
    ends_at::timestamp as ends_at,
    null as scope,
    note,
    'events.sql' as _file,
    row_number() over (order by starts_at) as _row
from (
    values
    ('2017-04-26', 'strike', '2017-05-09', 'the post office was on strike, and the whole country on 28 April'),
    ('2017-09-20', 'strike', '2017-09-28', 'the post office was on strike, at least until the 28th'),
    ('2017-11-24', 'promotion', '2017-11-24', 'Black Friday'),
    ('2018-03-06', 'carrier_rate_change', null, 'the post office raised its parcel rates for customers under contract'),
    ('2018-03-12', 'strike', '2018-03-13', 'the post office was on strike'),
    ('2018-05-21', 'strike', '2018-05-31', 'lorry drivers blocked the roads')
) as told(starts_at, kind, ends_at, note)
