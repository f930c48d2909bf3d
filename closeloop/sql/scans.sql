-- One row per parcel that was scanned, in one pass over the scans: its milestones, its first exception, and on
-- how many days it was seen between its first and its last scan.
select
    shipment_id,
    min(occurred_at) filter (where moved) as first_scan_at,
    max(occurred_at) filter (where moved) as last_scan_at,
    bit_count(bit_or(case when moved then 1::bigint << (day_no % 62) end)) as days_seen,
    min(occurred_at) filter (where status in ('at_destination', 'out_for_delivery', 'attempt_failed', 'delivered'))
        as at_destination_at,
    min(occurred_at) filter (where status in ('attempt_failed', 'available_for_pickup', 'delivered')) as attempt_at,
    min(occurred_at) filter (where status = 'attempt_failed') as attempt_failed_at,
    min(occurred_at) filter (where status = 'delivered') as delivered_at,
    min(occurred_at) filter (where status in ('delivered', 'returned', 'lost', 'disposed', 'expired')) as ended_at,
    count(*) filter (where status = 'accepted') as acceptance_scans,
    min(occurred_at) filter (where category is not null) as exception_at,
    arg_min(category, occurred_at) filter (where category is not null) as exception_category
from named_events
group by shipment_id
