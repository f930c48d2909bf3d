-- One row per outbound parcel, with the moment at which another one replaced it.
select parcels.*, replacements.replaced_at
from parcel_facts as parcels left join replacements on replacements.shipment_key = parcels.shipment_key
