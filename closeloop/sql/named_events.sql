-- Scans in canonical words, at the merchant's wall clock.
select
    shipment_id,
    local_time(occurred_at) as occurred_at,
    local_time(recorded_at) as recorded_at,
    facility, status, category, marks
from coded_events
