-- One row per parcel that was scanned, in one pass over the scans: its milestones, its first exception, and on
-- how many days it was seen between its first and its last scan.
select
    shipment_id,
    min(occurred_at) filter (where moved) as first_scan_at,
    max(occurred_at) filter (where moved) as last_scan_at,
    bit_count(bit_or(1::bigint << day_no) filter (where moved)) as days_seen,
    min(occurred_at) filter (where (marks & 2) <> 0) as at_destination_at,
    min(occurred_at) filter (where (marks & 4) <> 0) as attempt_at,
    min(occurred_at) filter (where (marks & 8) <> 0) as attempt_failed_at,
    min(occurred_at) filter (where (marks & 16) <> 0) as delivered_at,
    min(occurred_at) filter (where (marks & 32) <> 0) as ended_at,
    count(*) filter (where (marks & 64) <> 0) as acceptance_scans,
    min(occurred_at) filter (where category is not null) as exception_at,
    arg_min(category, occurred_at) filter (where category is not null) as exception_category
from (
    select shipment_id, occurred_at, marks, category, (marks & 1) <> 0 as moved,
           date_diff('day', date '1970-01-01', occurred_at::date) % 62 as day_no
    from named_events
)
group by shipment_id
