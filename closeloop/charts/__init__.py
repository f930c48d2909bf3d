"""Charts: one function for each, from a record to a drawing that page, mail and notebook can show."""

from closeloop.charts.lasting import lasting
from closeloop.charts.ranked import ranking
from closeloop.charts.saved import saved, saved_alt
from closeloop.charts.spark import sparkline
from closeloop.charts.steps import milestone_split
from closeloop.charts.weekly import before_after, control_chart
from closeloop.pictures import Drawing, Shown, png, shown

__all__ = [
    "Drawing",
    "Shown",
    "before_after",
    "control_chart",
    "lasting",
    "milestone_split",
    "png",
    "ranking",
    "saved",
    "saved_alt",
    "shown",
    "sparkline",
]
