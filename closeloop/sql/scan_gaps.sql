-- One row per parcel that a carrier has: its longest silence in hours. It is 0 where the parcel was seen on every day
-- of its way: then no silence lasted two days.
select parcels.*, coalesce(longest_gaps.gap_hours, 0) as gap_hours
from parcel_facts as parcels left join longest_gaps on longest_gaps.shipment_key = parcels.shipment_key
where parcels.first_scan_at is not null and (parcels.ended_at is null or parcels.first_scan_at < parcels.ended_at)
