-- Parcels beside what was usual in the base period: the cost of the same carrier, service, zone and pound,
-- and the time in which six of seven parcels of the same service and zone were attempted.
with base as (
    select * from parcel_facts where sent_at < (select ends_at from base_period)
),
costs as (
    select carrier, service, zone, billed_lb, cast(sum(cost)::double / count(cost) as decimal(18, 6)) as reference_cost
    from base group by all
),
lanes as (
    select service, zone, case when zone = 'unknown' then state else 'unknown' end as place,
           cast(floor(round(quantile_cont(epoch(attempt_at) - epoch(handed_over_at), 0.85), 3)) as bigint)
               as usual_seconds
    from base where attempt_at >= handed_over_at group by all having count(*) >= 30
)
select
    parcels.*,
    costs.reference_cost,
    parcels.handed_over_at + lanes.usual_seconds * interval 1 second as transit_due_at
from parcel_facts as parcels
left join costs using (carrier, service, zone, billed_lb)
left join lanes
    on lanes.service = parcels.service and lanes.zone = parcels.zone
    and lanes.place = case when parcels.zone = 'unknown' then parcels.state else 'unknown' end
