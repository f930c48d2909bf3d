-- Parcels with all that other views know of them, for many metrics in one look: what was usual, the longest silence of
-- those that a carrier has, and the moment at which another parcel replaced them.
select
    parcels.*,
    case when parcels.first_scan_at is not null and (parcels.ended_at is null or parcels.first_scan_at < parcels.ended_at)
         then coalesce(longest_gaps.gap_hours, 0) end as gap_hours,
    replacements.replaced_at
from parcel_references as parcels
left join longest_gaps on longest_gaps.shipment_key = parcels.shipment_key
left join replacements on replacements.shipment_key = parcels.shipment_key
