-- GET /v1/labels: one object per label.
select
    item->>'$.tracking_number' as shipment_id,
    ltrim(coalesce(item->>'$.external_order_id', item->>'$.external_shipment_id'), '#') as order_id,
    case item->>'$.is_return_label' when 'true' then 'return' else 'outbound' end as direction,
    item->>'$.carrier_code' as carrier,
    item->>'$.service_code' as service,
    item->>'$.warehouse_id' as warehouse,
    item->>'$.created_at' as born_at,
    item->>'$.created_at' as label_created_at,
    coalesce(item->>'$.voided_at', case when item->>'$.voided' = 'true' then item->>'$.created_at' end) as voided_at,
    item->>'$.packages[0].package_code' as package_type,
    try_cast(item->>'$.packages[0].weight.value' as double)
        * case item->>'$.packages[0].weight.unit'
          when 'ounce' then 28.349523 when 'pound' then 453.59237 when 'gram' then 1 when 'kilogram' then 1000 end
        as weight_g,
    item->>'$.shipment_cost.amount' as cost,
    upper(item->>'$.shipment_cost.currency') as currency,
    _file,
    _row
from labels
