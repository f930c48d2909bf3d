-- One row per parcel that was scanned: its milestones and its first exception.
select
    shipment_id,
    min(occurred_at) filter (status not in ('label_created', 'unknown', 'voided')) as first_scan_at,
    min(occurred_at) filter (status in ('at_destination', 'out_for_delivery', 'attempt_failed', 'delivered'))
        as at_destination_at,
    min(occurred_at) filter (status in ('attempt_failed', 'available_for_pickup', 'delivered')) as attempt_at,
    min(occurred_at) filter (status = 'attempt_failed') as attempt_failed_at,
    min(occurred_at) filter (status = 'delivered') as delivered_at,
    min(occurred_at) filter (status in ('delivered', 'returned', 'lost', 'disposed', 'expired')) as ended_at,
    count(*) filter (status = 'accepted') as acceptance_scans,
    min(occurred_at) filter (category is not null) as exception_at,
    arg_min(category, occurred_at) filter (category is not null) as exception_category
from named_events
group by shipment_id
