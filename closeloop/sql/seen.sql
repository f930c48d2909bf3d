-- One row per parcel that was scanned, in one pass over the scans: four instants, and all else as bits of one number,
-- since each value more that is kept of a parcel costs as much as a tenth of the pass. Bits 60 to 62 say whether
-- it was delivered, accepted, and must be looked at; bits 0 to 59 in which spans of 4.8 hours (2^34 microseconds,
-- counted modulo 60) it was scanned. A parcel whose scans must be looked at one by one is `watched`: it met an
-- exception or ended otherwise than by delivery, did not end yet, was under way for more than 60 spans, or was not
-- seen for eight of them in turn: 48 hours on the wall, 47 where the clocks are put forward, have as many.
select
    shipment_key, first_at, near_at, tried_at,
    (ends & 2) <> 0 as accepted,
    (ends & 4) <> 0 or (ends & 1) = 0 or spans >= 60
        or (silent & (silent >> 1) & (silent >> 2) & (silent >> 3) & (silent >> 4) & (silent >> 5) & (silent >> 6)
            & (silent >> 7)) <> 0 as watched
from (
    select
        shipment_key, first_at, near_at, tried_at, ends, spans,
        -- From the first scan on, a bit for each span without one.
        (~((scanned >> first_span) | ((scanned & ((1::bigint << first_span) - 1)) << (60 - first_span))))
            & ((1::bigint << least(coalesce(spans_tried, 0), 60)::int) - 1) as silent
    from (
        select
            shipment_key, first_at, near_at, tried_at, (bits >> 60) as ends,
            (bits & ((1::bigint << 60) - 1)) as scanned,
            (((epoch_us(first_at) >> 34) + 1200000000) % 60)::int as first_span,
            (epoch_us(last_at) >> 34) - (epoch_us(first_at) >> 34) as spans,
            (epoch_us(tried_at) >> 34) - (epoch_us(first_at) >> 34) as spans_tried
        from (
            select
                shipment_key,
                min(case when (marks & 1) <> 0 then occurred_at end) as first_at,
                max(case when (marks & 1) <> 0 then occurred_at end) as last_at,
                min(case when (marks & 2) <> 0 then occurred_at end) as near_at,
                min(case when (marks & 4) <> 0 then occurred_at end) as tried_at,
                -- Instants before 1970 count as well: what is added makes the number of their span positive.
                bit_or(((marks >> 5) << 60) | ((marks & 1) << (((epoch_us(occurred_at) >> 34) + 1200000000) % 60)::int))
                    as bits
            from (
                select row_key(shipment_id) as shipment_key, occurred_at, marks
                from coded_events
            ) as marked
            where occurred_at is not null
            group by shipment_key
        ) as summed
    ) as told
) as placed
