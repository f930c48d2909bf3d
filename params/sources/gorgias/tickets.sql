-- Of the subject only its topic and order number are kept.
with worded as (
    select item as ticket, lower(concat_ws(' ', item->>'$.tags', item->>'$.subject')) as words, _file, _row
    from tickets_json
)
select
    'gorgias ' || (ticket->>'$.id') as ticket_id,
    coalesce(case when ticket->>'$.external_id' not like '%@%' then ticket->>'$.external_id' end,
        nullif(regexp_extract(ticket->>'$.subject', '#?([0-9]{4,}(-[0-9]+)*)', 1), '')) as order_id,
    ticket->>'$.channel' as channel,
    case when words ~ '.*(wismo|where.is.my|tracking|not.arrived|is.late).*' then 'wismo'
         when words ~ '.*(not.received|missing.parcel|stolen).*' then 'delivered_not_received'
         when words ~ '.*(damaged|broken).*' then 'damaged'
         when words ~ '.*(wrong.item|missing.item|incomplete).*' then 'wrong_or_missing_item'
         when words ~ '.*address.*' then 'address_change'
         when words ~ '.*cancel.*' then 'cancel'
         when words ~ '.*(return|refund|exchange).*' then 'return_refund'
         else 'other' end as topic,
    ticket->>'$.created_datetime' as created_at,
    ticket->>'$.closed_datetime' as solved_at,
    _file,
    _row
from worded
