-- An exception code alone is no exception (67 is a hand-over to an agent, 11 cash received): it counts only on
-- the events DE and SE, where 'DE 08' says more than 'DE'.
select
    shipment_id,
    event_time_utc at time zone 'UTC' as occurred_at,
    event_time_utc at time zone 'UTC' as recorded_at,
    event_code as source_status,
    case when event_code in ('DE', 'SE') and exception_code is not null
         then event_code || ' ' || exception_code end as source_code,
    city as facility,
    state,
    _file,
    _row
from events_file
