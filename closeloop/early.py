"""Any day of the week: what stands out in the seven days up to yesterday, before the weekly report would say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import duckdb
import numpy as np

from closeloop import cube, metrics
from closeloop.days_off import days_off
from closeloop.leaves import Leaves
from closeloop.model import Metric, Pattern
from closeloop.patterns import scan_week, shown
from closeloop.strains import strain_of

QUICK_DAYS = 0.5
"""Metrics that are final so soon after the day they ask for: the others would only repeat the weekly scan."""

Q_DAILY = 0.01
"""False discovery rate of one day's scan: seven of them share what one weekly scan may spend, and a little more."""


NEW_DAYS = 14
"""Days for which something is new: what has lasted longer stands in the weekly report."""


def alarms(con: duckdb.DuckDBPyConnection, day: date) -> tuple[Pattern, ...]:
    """Return what stands out in the seven days that end the evening before `day`, the surest first.

    What a day off alone may have made comes last and says so.

    The facts must be built on `con` as of six in the morning of `day`. Days are moved so that each period of seven
    days ends like the newest one; so every period holds each weekday once, and the tests are those of the weekly
    scan, at a lower false discovery rate, since they are made every day. `week` of a pattern is the first of its
    seven newest days.
    """
    ahead = timedelta(days=(7 - day.weekday()) % 7)
    quick = [_moved(metric, ahead.days) for metric in metrics.WEEKLY if metric.scanned and _is_quick(metric)]
    week = day + ahead - timedelta(days=7)
    moved = cube.build(con, week, quick)
    strains = {series.metric.id: strain_of(series.until(week)) for series in moved.series}
    leaves: dict[str, Leaves] = {}
    found, _ = scan_week(con, moved, week, strains, leaves, Q_DAILY)
    rows = {name: replace(one, week=one.week - np.timedelta64(ahead.days, "D")) for name, one in leaves.items()}
    once, waiting = shown(con, days_off(con), (_moved_back(pattern, ahead) for pattern in found), rows)
    return tuple(p for p in (*once, *waiting) if p.onset >= day - timedelta(days=NEW_DAYS))


def _is_quick(metric: Metric) -> bool:
    return metric.complete_after <= QUICK_DAYS


def _moved(metric: Metric, days: int) -> Metric:
    return replace(metric, at=f"(({metric.at}) + INTERVAL {days} DAY)") if days else metric


def _moved_back(pattern: Pattern, ahead: timedelta) -> Pattern:
    history = tuple(replace(point, week=point.week - ahead) for point in pattern.history)
    return replace(pattern, onset=pattern.onset - ahead, week=pattern.week - ahead, history=history)
