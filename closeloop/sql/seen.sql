-- One row per parcel that was scanned, in one pass over the scans: three instants, and all else as bits of one number,
-- since each value more that is kept of a parcel costs as much as a tenth of the pass. Bits 55 to 62 are the marks
-- that its scans have together, bits 0 to 54 the days (of UTC, counted modulo 55) on which it was seen. A parcel
-- whose scans must be looked at one by one is `watched`: it met an exception or ended otherwise than by
-- delivery, did not end yet, or was not seen for a day between its first and its last scan.
select
    shipment_id, first_at, near_at, tried_at,
    (marks & 64) <> 0 as accepted,
    (marks & 128) <> 0 or (marks & 16) = 0
        or days_seen <= floor(epoch(last_at) / 86400) - floor(epoch(first_at) / 86400) as watched
from (
    select shipment_id, first_at, last_at, near_at, tried_at, bits >> 55 as marks,
           bit_count(bits & ((1::bigint << 55) - 1)) as days_seen
    from (
        select
            shipment_id,
            min(occurred_at) filter (where (marks & 1) <> 0) as first_at,
            max(occurred_at) filter (where (marks & 1) <> 0) as last_at,
            min(occurred_at) filter (where (marks & 2) <> 0) as near_at,
            min(occurred_at) filter (where (marks & 4) <> 0) as tried_at,
            bit_or((marks << 55) | ((marks & 1) << (cast(floor(epoch(occurred_at) / 86400) as bigint) % 55))) as bits
        from (select shipment_id, occurred_at, cast(marks as bigint) as marks from coded_events) as marked
        where occurred_at is not null
        group by shipment_id
    ) as summed
) as told
