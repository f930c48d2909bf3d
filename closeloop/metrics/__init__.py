"""Every metric, one entry each, in the file of its kind."""

from closeloop.metrics.movement import MOVEMENT
from closeloop.metrics.outcome import OUTCOME
from closeloop.metrics.times import STOCKS, TIMES
from closeloop.metrics.weekly import WEEKLY
from closeloop.model import Metric, StockMetric, TimeMetric

ON_REQUEST = (*MOVEMENT, *OUTCOME)
"""Metrics to look at: the scan does not test them, since each one tested makes the others' false alarms rarer."""

METRICS: tuple[Metric, ...] = (*WEEKLY, *ON_REQUEST)
"""Metrics that are sums over sums: the cube holds them for every slice and week."""

EVERY: tuple[Metric | TimeMetric | StockMetric, ...] = (*METRICS, *TIMES, *STOCKS)

__all__ = ["EVERY", "METRICS", "ON_REQUEST", "STOCKS", "TIMES", "WEEKLY", "by_id", "time_by_id"]


def by_id(metric_id: str) -> Metric:
    """Return the metric of that name. Raises ValueError that lists the known ones."""
    known = {metric.id: metric for metric in METRICS}
    if metric_id not in known:
        raise ValueError(f"unknown metric {metric_id!r}; known: {', '.join(known)}")
    return known[metric_id]


def time_by_id(metric_id: str) -> TimeMetric:
    """Return the time metric of that name. Raises ValueError that lists the known ones."""
    known = {metric.id: metric for metric in TIMES}
    if metric_id not in known:
        raise ValueError(f"unknown time {metric_id!r}; known: {', '.join(known)}")
    return known[metric_id]
