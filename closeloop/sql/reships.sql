-- One row per outbound parcel, with the moment at which another one replaced it. A second parcel of an order
-- replaces the first where the file says so, where the order is one single unit (which cannot be split), or
-- where the first was lost, damaged or sent back before the second label was made.
with pairs as (
    select earlier.shipment_id, min(later.label_at) as replaced_at
    from parcel_facts as earlier
    join parcel_facts as later
        on later.order_id = earlier.order_id and later.label_at > earlier.label_at + interval 1 day
    left join order_facts as orders on orders.order_id = earlier.order_id
    where later.replaces_shipment_id = earlier.shipment_id
       or (later.replaces_shipment_id is null and orders.n_units = 1)
       or (later.replaces_shipment_id is null and earlier.exception_at < later.label_at
           and earlier.exception_category in ('lost', 'damaged', 'return_to_sender', 'presumed_lost'))
    group by earlier.shipment_id
)
select parcels.*, pairs.replaced_at
from parcel_facts as parcels left join pairs on pairs.shipment_id = parcels.shipment_id
