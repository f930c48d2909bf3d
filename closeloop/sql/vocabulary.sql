-- One row per code of the sources' systems: its canonical status, whether it is an exception, and what it marks on a
-- parcel's way, as a sum of powers of two, since a number is compared once where words were compared in turn:
-- 1 the parcel moves, 2 it is near its address, 4 it was tried, 8 in vain, 16 ended, 32 delivered, 64 accepted,
-- 128 look at all its scans: it was tried or ended otherwise than by delivery. Its `alarm` is 128 where it tells of an
-- exception, and else 0.
select
    code, status, exception_category, origin,
    case when exception_category is null then 0::bigint else 128::bigint end as alarm,
    cast(case when status not in ('label_created', 'unknown', 'voided') then 1 else 0 end
    + case when status in ('at_destination', 'out_for_delivery', 'attempt_failed', 'delivered') then 2 else 0 end
    + case when status in ('attempt_failed', 'available_for_pickup', 'delivered') then 4 else 0 end
    + case when status = 'attempt_failed' then 8 else 0 end
    + case when status in ('delivered', 'returned', 'lost', 'disposed', 'expired') then 16 else 0 end
    + case when status = 'delivered' then 32 else 0 end
    + case when status = 'accepted' then 64 else 0 end
    + case when status in ('attempt_failed', 'available_for_pickup', 'returned', 'lost', 'disposed', 'expired')
           then 128 else 0 end as bigint) as marks
from words
