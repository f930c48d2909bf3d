-- The scans of parcels whose whole history matters.
select shipment_id, local_time(occurred_at) as occurred_at, local_time(recorded_at) as recorded_at,
       status, category, marks
from coded_events
where shipment_id in (select shipment_id from seen where watched)
