-- GET fulfillment_events.json: an event belongs to a fulfilment; the first of its tracking numbers stands for it.
with fulfilments as (
    select unnest(item->'$.fulfillments[*]') as fulfilment from orders_json
)
select
    coalesce(fulfilment->>'$.tracking_numbers[0]', fulfilment->>'$.tracking_number', item->>'$.fulfillment_id')
        as shipment_id,
    item->>'$.happened_at' as occurred_at,
    coalesce(item->>'$.created_at', item->>'$.happened_at') as recorded_at,
    lower(item->>'$.status') as source_status,
    item->>'$.city' as facility,
    item->>'$.province' as state,
    _file,
    _row
from events_json
left join fulfilments on fulfilment->>'$.id' = item->>'$.fulfillment_id'
