-- Returned items with the class of their reason and whose fault that usually is; both are empty for a reason that no
-- list of the source knows.
select returns.*, reasons.class as reason_class, reasons.origin as reason_origin
from returns_known as returns
left join reasons on reasons.code = replace(replace(lower(trim(returns.reason)), '_', '-'), ' ', '-')
