-- The scans of parcels whose whole history matters: they met an exception, or a day passed without a scan.
select events.shipment_id, events.occurred_at, events.recorded_at, events.status, events.category
from named_events as events
where events.shipment_id in (
    select shipment_id from scans
    where exception_at is not null or ended_at is null
       or days_seen <= date_diff('day', first_scan_at::date, last_scan_at::date)
)
