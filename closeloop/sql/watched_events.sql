-- The scans of parcels whose whole history matters, in canonical words.
select row_key(shipment_id) as shipment_key, local_time(occurred_at) as occurred_at,
       local_time(recorded_at) as recorded_at, status, category, marks
from coded_watched
