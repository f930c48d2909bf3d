-- Orders beside the chance that their promise will be missed, if they take as long as like orders used to.
select orders.*, late_chances.late_chance
from promise_days as orders
left join late_chances
    on late_chances.state = orders.state and late_chances.asked_class = orders.asked_class
    and late_chances.order_week = orders.order_week and late_chances.promised_in = orders.promised_in
