-- One row per outbound parcel that another one replaced, with the moment at which it did. A second parcel of an order
-- replaces the first where the file says so, where the order is one single unit (which cannot be split), or
-- where the first was lost, damaged or sent back before the second label was made.
with several as (
    select shipment_id, shipment_key, order_key, label_at, cost, replaces_shipment_id, order_units, exception_at, exception_category
    from parcel_facts where coalesce(order_parcels, 2) > 1
)
select earlier.shipment_key, min(later.label_at) as replaced_at, arg_min(later.cost, later.label_at) as cost
from several as earlier
join several as later
    on later.order_key = earlier.order_key and later.label_at > earlier.label_at + interval 1 day
where later.replaces_shipment_id = earlier.shipment_id
   or (later.replaces_shipment_id is null and earlier.order_units = 1)
   or (later.replaces_shipment_id is null and earlier.exception_at < later.label_at
       and earlier.exception_category in ('lost', 'damaged', 'return_to_sender', 'presumed_lost'))
group by earlier.shipment_key
