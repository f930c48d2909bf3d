"""What a change is judged by: the metric's sums by day, in the changed slice and in those it is compared with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pandas as pd

from closeloop import metrics, times
from closeloop.cube import Cube
from closeloop.metrics.weekly import SCAN_LAG_DAYS
from closeloop.model import Change, Metric, TimeMetric
from closeloop.slices import filter_sql
from closeloop.strata import Strata, strata

BASELINE_WEEKS = 12
"""Weeks before the change that tell what would have happened without it, at most."""

FEWEST_A_DAY = 1.0
"""Rows a day below which a comparison slice is too thin to be one."""

PATTERN_LASTED = timedelta(weeks=3)
"""How long a pattern must have lasted to be what a change is held against: a bad week or two often just end."""

TREATED = "changed"

UPSTREAM = ("complexity", "weight_band", "zone", "region", "channel", "category", "sku")
"""What customers decide: a shift among these is no merit of a change; one of carrier or service may be its aim."""

MOST_STRATA = 12
NOTABLE_MIX = 0.02


def metric_of(con: duckdb.DuckDBPyConnection, change: Change) -> Metric:
    """Return the metric of a change; a time becomes the share that takes longer than the median before it shipped.

    The share is asked at one age for all rows, so that a young week does not look quick. Raises ValueError when the
    metric is unknown, or when fewer than half of the rows before the change have ended.
    """
    known = {time.id: time for time in metrics.TIMES}
    return _slower(con, known[change.metric], change) if change.metric in known else metrics.by_id(change.metric)


def _slower(con: duckdb.DuckDBPyConnection, time: TimeMetric, change: Change) -> Metric:
    window = f"{time.start} >= DATE '{held_against(change)}' AND {time.start} < DATE '{change.shipped_on}'"
    before = replace(time, rows=f"({time.rows}) AND {window}")
    limit = times.durations(con, before, change.scope, by="all")[0].median.value
    if limit == float("inf"):
        raise ValueError(f"{time.id}: fewer than half of {change.scope} ended before {change.shipped_on}; no median")
    age = {"hours": limit, "days": 24 * limit}[time.unit]
    gone = f"{time.start} + INTERVAL {round(age * 3600)} SECOND"
    late = f"{time.end} > {gone}" if time.clock == "calendar" else f"business_hours({time.start}, {time.end}) > {age}"
    left = f" AND NOT ({time.end} IS NULL AND coalesce({time.ended_otherwise} <= {gone}, false))"
    return Metric(
        id=time.id, label=f"{time.label} over {limit:g} {time.unit}", question=time.question, view=time.view,
        at=time.start, rows=f"({time.rows}) AND {time.start} IS NOT NULL" + (left if time.ended_otherwise else ""),
        bad=f"({time.end} IS NULL OR {late})::INT", total="1", kind="share", better="lower",
        unit=f"cases over the old median of {limit:g} {time.unit}", needs=time.needs, dims=time.dims,
        definition=f"share that takes over {limit:g} {time.unit}, the median before the change", level=time.level,
        complete_after=age / 24 + SCAN_LAG_DAYS if time.clock == "calendar" else 1.4 * age / 24 + 3,
        estimator="fixed horizon", scanned=False,
    )  # fmt: skip


def baseline_start(change: Change) -> date:
    """Return the first day of the weeks before the change that are looked at: those since another one worked."""
    return max(change.shipped_on - timedelta(weeks=BASELINE_WEEKS), change.clear_from or date.min)


def pattern_start(change: Change) -> date | None:
    """Return the first day of a pattern that is younger than the baseline, if a change can be held against it."""
    if change.since and baseline_start(change) < change.since <= change.shipped_on - PATTERN_LASTED:
        return change.since
    return None


def too_young(change: Change) -> bool:
    """Whether the pattern began within the baseline, but too late for its change to be held against it."""
    since = change.since
    return bool(since and baseline_start(change) < since <= change.shipped_on and not pattern_start(change))


def tellable_from(change: Change) -> date | None:
    """Return the first ship date on which a change could be held against its pattern, where its own is too early."""
    return change.since + PATTERN_LASTED if change.since and too_young(change) else None


def held_against(change: Change) -> date:
    """Return the first day of what the time since is held against: a pattern that has lasted, or the baseline."""
    return pattern_start(change) or baseline_start(change)


def final_until(cube: Cube, metric: Metric) -> date:
    """Return the first day that is not final yet for this metric."""
    final = cube.as_of - timedelta(days=metric.complete_after)
    return final.date()


def counted_until(cube: Cube, metric: Metric, change: Change) -> date:
    """Return the first day that does not tell what the change did: it is not final, or another change acts."""
    return min(final_until(cube, metric), change.clear_until or date.max)


def daily_sums(
    con: duckdb.DuckDBPyConnection, metric: Metric, change: Change, end: date, stratum: str = "NULL"
) -> pd.DataFrame:
    """Sum the metric by day for the changed slice and for each slice that it is compared with.

    `stratum` names a dimension whose values are kept apart.
    """
    start = baseline_start(change)
    inside, values = filter_sql(change.scope)
    segment = _segment_sql(change, inside)
    frame = con.execute(
        f"""
        SELECT {metric.at}::DATE AS date, {segment} AS segment, coalesce({stratum}::VARCHAR, '') AS stratum,
               sum(({metric.bad})::DOUBLE) AS x,
               sum(({metric.bad})::DOUBLE ** 2) AS squares,
               sum(({metric.total})::DOUBLE) AS n
        FROM {metric.view}
        WHERE ({metric.rows}) AND {metric.at}::DATE >= $start AND {metric.at}::DATE < $end AND segment IS NOT NULL
          AND {_settled(metric)}
        GROUP BY ALL ORDER BY ALL
        """,
        {**values, "start": start, "end": end, **_settling(change)},
    ).df()
    volume = frame.groupby("segment")["n"].sum() / max(1, (end - start).days)
    return frame[frame["segment"].map(volume) >= FEWEST_A_DAY].reset_index(drop=True)


def _settled(metric: Metric) -> str:
    """Leave out the days in which a change was taking hold; `_settling` names them."""
    return f"NOT {metric.at}::DATE BETWEEN $shipped AND $settled::DATE - 1"


def _settling(change: Change) -> dict[str, date]:
    return {"shipped": change.shipped_on, "settled": change.settled}


def _segment_sql(change: Change, inside: str) -> str:
    """Name each row's segment: the changed slice, or the value of the compared dimension elsewhere."""
    if change.comparison not in change.scope.dims:
        return f"CASE WHEN {inside} THEN '{TREATED}' END"
    others = " AND ".join(
        f"{dim} {'<>' if dim == change.comparison else '='} $value{i}"
        for i, (dim, _) in enumerate(change.scope.where)
    )
    return f"CASE WHEN {inside} THEN '{TREATED}' WHEN {others} THEN '{change.comparison} ' || {change.comparison} END"


def shifting(con: duckdb.DuckDBPyConnection, metric: Metric, change: Change, end: date) -> str:
    """Return the dimension whose mix moved the metric of the changed slice most, or nothing if none did much.

    Only volumes after the change are looked at, never their results, so that this choice favours no verdict.
    """
    dims = [dim for dim in UPSTREAM if dim in metric.dims and dim not in (*change.scope.dims, change.comparison)]
    inside, values = filter_sql(change.scope)
    params = {**values, "start": baseline_start(change), "end": end, "split": change.shipped_on}
    within = f"({inside}) AND {metric.at}::DATE >= $start AND {metric.at}::DATE < $end AND {_settled(metric)}"
    found = strata(con, metric, dims, within, {**params, **_settling(change)})
    enough = FEWEST_A_DAY * max(1, (end - baseline_start(change)).days)
    moved = {dim: _mix(told) for dim, told in found.items() if told.total.sum() >= enough}
    most = max(moved, key=lambda dim: abs(moved[dim]), default="")
    return most if most and abs(moved[most]) >= NOTABLE_MIX else ""


def _mix(told: Strata) -> float:
    """Relative change of the metric had each stratum kept the level it had before."""
    there = told.total[0] > 0
    bad, before, after = told.bad[0, there], told.total[0, there], told.total[1, there]
    overall = float(bad.sum() / max(before.sum(), 1e-9))
    if not 2 <= len(before) <= MOST_STRATA or overall <= 0 or not told.total[1].any():
        return 0.0
    level = (bad + overall) / (before + 1)
    return float((after * level).sum() / max(after.sum(), 1e-9) / overall - 1)
