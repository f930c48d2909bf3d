-- One row per tracking number of each fulfilment; without a number, one per fulfilment.
with fulfilments as (
    select item->>'$.name' as name, unnest(item->'$.fulfillments[*]') as fulfilment, _file, _row from orders_json
),
numbered as (
    select name, fulfilment, unnest(coalesce(nullif(fulfilment->>'$.tracking_numbers[*]', []),
        [coalesce(fulfilment->>'$.tracking_number', fulfilment->>'$.id')])) as tracking, _file, _row
    from fulfilments
)
select
    tracking as shipment_id,
    ltrim(name, '#') as order_id,
    fulfilment->>'$.tracking_company' as carrier,
    fulfilment->>'$.location_id' as warehouse,
    fulfilment->>'$.created_at' as born_at,
    fulfilment->>'$.created_at' as label_created_at,
    case when fulfilment->>'$.status' = 'cancelled' then fulfilment->>'$.updated_at' end as voided_at,
    _file,
    _row
from numbered
