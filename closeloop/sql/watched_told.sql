-- The scans of parcels whose whole history matters, as they were told.
select * from tracking_events_told
where row_key(shipment_id) in (select shipment_key from seen where watched)
