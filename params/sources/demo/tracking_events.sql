-- Tracker history: one row per scan, with when it happened and when it reached the merchant.
-- EasyPost has no code for a failed attempt; its message tells.
select
    tracking_code as shipment_id,
    datetime as occurred_at,
    recorded_at,
    status as source_status,
    case when message like 'Delivery attempted%' then 'delivery_attempted' else status_detail end as source_code,
    facility,
    state,
    _file,
    _row
from tracker
