-- The name of the way from each warehouse to each region.
select sites.warehouse, places.region, sites.warehouse || ' to ' || places.region as lane
from (select distinct coalesce(warehouse, 'unknown'::warehouse_values) as warehouse from parcels) as sites
cross join (select distinct region from order_facts union select 'unknown') as places
