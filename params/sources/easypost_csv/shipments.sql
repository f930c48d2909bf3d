-- One row per shipment bought; times are UTC.
select
    tracking_code as shipment_id,
    ltrim(reference, '#') as order_id,
    case lower(is_return) when 'true' then 'return' when 'false' then 'outbound' end as direction,
    carrier,
    service,
    coalesce(postage_label_created_at, created_at) as born_at,
    postage_label_created_at as label_created_at,
    case when refund_status in ('submitted', 'refunded') then created_at end as voided_at,
    usps_zone as zone,
    predefined_package as package_type,
    try_cast(weight as double) * 28.349523 as weight_g,
    rate as cost,
    'USD' as currency,
    _file,
    _row
from report
where tracking_code is not null
