"""Where in the process a slice loses its time: mean hours of each step, before and since, here and elsewhere."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from closeloop import metrics
from closeloop.model import Metric, Pattern, Stage
from closeloop.slices import filter_sql

BEFORE_WEEKS = 8
"""Weeks before the onset that stand for 'before'."""

MILESTONES = (
    ("ordered_at", "ordered"),
    ("ready_at", "ready"),
    ("label_at", "label"),
    ("handed_over_at", "first scan"),
    ("at_destination_at", "destination"),
    ("attempt_at", "first attempt"),
)

ORDER_MILESTONES = {"ordered_at", "ready_at", "label_at", "handed_over_at", "attempt_at"}
"""Those that an order has as a whole."""

LONGEST_STAGE_H = 30 * 24
"""Hours at which one stage of one parcel is capped, so that a lost parcel does not carry the mean."""

BINS_AN_HOUR = 4
BINS = LONGEST_STAGE_H * BINS_AN_HOUR + 1


class Counts(NamedTuple):
    """Parcels by the quarter hours after which they finished a step (`done`) or left our sight (`left`)."""

    done: NDArray[np.float64]
    left: NDArray[np.float64]

    @property
    def waiting(self) -> NDArray[np.float64]:
        """The share that still waits after each quarter hour (Kaplan-Meier)."""
        at_risk = self.left[::-1].cumsum()[::-1]
        return np.cumprod(1 - self.done / np.maximum(at_risk, 1), dtype=np.float64)

    @property
    def watched(self) -> int:
        """How many quarter hours can be told: all of them, once nobody waits any more."""
        last = int(np.flatnonzero(self.left)[-1]) + 1
        return BINS if self.waiting[last - 1] <= 0 else last

    def mean(self, until: int) -> float:
        """Mean quarter hours in the step, each counted up to `until`."""
        still = np.concatenate([[1.0], self.waiting])[: until + 1]
        return float((still[:-1] + still[1:]).sum() / 2)


def milestone_split(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> tuple[Stage, ...]:
    """Mean hours of each step for parcels of the slice and for the rest, before the onset and since.

    A parcel that is still in the step counts as waiting that long at least (restricted mean survival time:
    Royston and Parmar 2013, BMC Medical Research Methodology 13:152), up to the longest time that all four groups
    could be watched, 30 days at most: the mean of finished parcels alone falls when deliveries get stuck. A step
    whose end was skipped is not counted.
    """
    metric = metrics.by_id(pattern.metric)
    if metric.kind != "share" or metric.foreseen or metric.view == "line_facts":
        return ()
    present = [(column, name) for column, name in MILESTONES if _has(con, metric.view, column)]
    pairs = list(pairwise(present))
    groups = _waits(con, metric, pattern, present)
    return tuple(_stage(f"{a} to {b}", groups.get(i, {})) for i, ((_, a), (_, b)) in enumerate(pairs))


def _waits(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, present: list[tuple[str, str]]
) -> dict[int, dict[tuple[bool, bool], Counts]]:
    """Count, by step, inside and since, how many finished it after so many quarter hours or still wait.

    They are the metric's own rows, by its own day: an order that waits for its parcel is in no table of parcels.
    """
    condition, values = filter_sql(pattern.slice)
    end = "cancelled_at" if metric.view == "order_facts" else "ended_at"
    steps = []
    for i, ((a, _), (b, _)) in enumerate(pairwise(present)):
        later = " AND ".join(f"{column} IS NULL" for column, _ in present[i + 2 :]) or "true"
        steps.append(
            f"SELECT {i} AS step, inside, since, {b} IS NOT NULL AS done, least({LONGEST_STAGE_H}, greatest(0,"
            f" epoch(coalesce({b}, {end}, now) - {a}) / 3600)) AS hours FROM told"
            f" WHERE {a} IS NOT NULL AND ({b} IS NOT NULL OR ({later}))"
        )
    rows = con.execute(
        f"""
        WITH told AS MATERIALIZED (
            SELECT {", ".join(column for column, _ in present)}, {end}, ({condition}) AS inside,
                   ({metric.at})::DATE >= $onset AS since, (SELECT as_of FROM clock) AS now
            FROM {metric.view} WHERE ({metric.rows}) AND ({metric.at})::DATE BETWEEN $start AND $end
        )
        SELECT step, inside, since, floor(hours * {BINS_AN_HOUR})::INT AS at,
               count(*) FILTER (done AND hours < {LONGEST_STAGE_H}), count(*)
        FROM ({" UNION ALL ".join(steps)}) GROUP BY ALL ORDER BY ALL
        """,
        {**values, **span_of(pattern)},
    ).fetchall()
    found: dict[int, dict[tuple[bool, bool], Counts]] = {}
    for step, inside, since, at, done, all_ in rows:
        counts = found.setdefault(step, {}).setdefault((bool(inside), bool(since)), Counts(*np.zeros((2, BINS))))
        counts.done[at] += done
        counts.left[at] += all_
    return found


def _stage(name: str, groups: dict[tuple[bool, bool], Counts]) -> Stage:
    watched = min((counts.watched for counts in groups.values()), default=BINS)

    def hours(inside: bool, since: bool) -> float:
        counts = groups.get((inside, since))
        return round(counts.mean(watched) / BINS_AN_HOUR, 2) if counts else 0.0

    return Stage(name, hours(True, False), hours(True, True), hours(False, False), hours(False, True))


def _has(con: duckdb.DuckDBPyConnection, view: str, column: str) -> bool:
    if view == "order_facts" and column not in ORDER_MILESTONES:
        return False
    [row] = con.execute(f"SELECT count({column}) FROM {view}").fetchall()
    return bool(row and row[0])


def span_of(pattern: Pattern) -> dict[str, date]:
    """Return the days before and since the onset that are compared."""
    return {
        "onset": pattern.onset,
        "start": pattern.onset - timedelta(weeks=BEFORE_WEEKS),
        "end": pattern.week + timedelta(days=6),
    }


def final_span(pattern: Pattern) -> dict[str, date]:
    """Return the same days, but for those whose rows are too young for the pattern's metric to be final."""
    reported = datetime.combine(pattern.week, time(6)) + timedelta(days=7)
    last = reported - timedelta(days=1 + metrics.by_id(pattern.metric).complete_after)
    span = span_of(pattern)
    return {**span, "end": min(span["end"], last.date())}
