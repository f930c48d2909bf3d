"""Change + facts -> verdict: what the metric did in the changed slice, beside slices left alone."""

from __future__ import annotations

import math
from datetime import date, timedelta

import duckdb
import pandas as pd

from closeloop import crossed, metrics, patterns
from closeloop.cube import Cube
from closeloop.model import Change, Decision, Estimate, Metric, Point, Verdict
from closeloop.stats.panel import BeforeAfter, Interval, before_after
from closeloop.words import avoided, day, plural, relative, share

BASELINE_WEEKS = 12
"""Weeks before the change that tell what would have happened without it, at most."""

FEWEST_WEEKS = 5
"""Weeks that a pattern must have lasted before the change to be its baseline."""

FEWEST_A_DAY = 1.0
"""Rows a day below which a comparison slice is too thin to be one."""

TREATED = "changed"


def judge(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change) -> Verdict:
    """Say what a shipped change did, as far as the final weeks of its metric can tell."""
    metric = metrics.by_id(change.metric)
    end = final_until(cube, metric)
    try:
        crossed.check(con, metric.id, metric.view, change.scope)
    except ValueError as error:
        return _unjudged(metric, change, f"Its scope cannot be found: {error}.", early=False)
    daily = daily_sums(con, metric, change, end)
    if doubt := _doubt(cube, change, daily):
        return _unjudged(metric, change, doubt, early=end <= _settled(change))
    controls = sorted(set(daily["segment"]) - {TREATED})
    result = before_after(
        daily, on="date", unit="segment", treated=TREATED, controls=controls, shipped=_settled(change).isoformat(),
        count="x" if metric.kind == "share" else None, value=None if metric.kind == "share" else "x",
        squares=None if metric.kind == "share" else "squares", exposure="n", review=change.review_date.isoformat(),
    )  # fmt: skip
    return _verdict(con, cube, metric, change, daily, result)


def _doubt(cube: Cube, change: Change, daily: pd.DataFrame) -> str:
    """Say why there is nothing to judge, if so."""
    lack = dict(cube.missing).get(change.metric)
    if lack:
        return f"This data cannot give {change.metric}: {lack}."
    if TREATED not in set(daily["segment"]):
        return f"There are too few rows of {change.scope} to judge it by."
    if change.review_date <= _settled(change):
        return f"The review ({day(change.review_date)}) comes before the change has settled in."
    return ""


def _unjudged(metric: Metric, change: Change, doubt: str, *, early: bool) -> Verdict:
    decision: Decision = "too early" if early else "not comparable"
    return Verdict(
        change=change, decision=decision, method="", before=math.nan, after=math.nan, effect=None, avoided=None,
        unit=metric.unit, p=None, weeks_after=0, next_step=_next_step(change, decision),
        sentence=f"{_what(change)}: {decision}. {doubt}", reasons=(*change.flags, doubt),
    )  # fmt: skip


def _what(change: Change) -> str:
    return f"{change.change_shipped} ({change.id}, shipped {day(change.shipped_on)})"


def _baseline_start(change: Change) -> date:
    """Return the first day of the baseline: the pattern's own, if it lasted long enough to be one."""
    if change.since and change.since <= change.shipped_on - timedelta(weeks=FEWEST_WEEKS):
        return max(change.since, change.shipped_on - timedelta(weeks=BASELINE_WEEKS))
    return change.shipped_on - timedelta(weeks=BASELINE_WEEKS)


def _settled(change: Change) -> date:
    """Return the day from which the change counts: the days in which it settles in are left out."""
    return change.shipped_on + timedelta(days=change.settling_days)


def final_until(cube: Cube, metric: Metric) -> date:
    """Return the first day that is not final yet for this metric."""
    final = cube.as_of - timedelta(days=metric.complete_after)
    return final.date()


def daily_sums(con: duckdb.DuckDBPyConnection, metric: Metric, change: Change, end: date) -> pd.DataFrame:
    """Sum the metric by day for the changed slice and for each slice that it is compared with."""
    start = _baseline_start(change)
    values = {f"value{i}": value for i, (_, value) in enumerate(change.scope.where)}
    segment = _segment_sql(change)
    frame = con.execute(
        f"""
        SELECT {metric.at}::DATE AS date, {segment} AS segment, sum(({metric.bad})::DOUBLE) AS x,
               sum(({metric.bad})::DOUBLE ** 2) AS squares, sum(({metric.total})::DOUBLE) AS n
        FROM {metric.view}
        WHERE ({metric.rows}) AND {metric.at}::DATE >= $start AND {metric.at}::DATE < $end AND segment IS NOT NULL
          AND NOT {metric.at}::DATE BETWEEN $shipped AND $settled::DATE - 1
        GROUP BY ALL ORDER BY ALL
        """,
        {**values, "start": start, "end": end, "shipped": change.shipped_on, "settled": _settled(change)},
    ).df()
    volume = frame.groupby("segment")["n"].sum() / max(1, (end - start).days)
    return frame[frame["segment"].map(volume) >= FEWEST_A_DAY].reset_index(drop=True)


def _segment_sql(change: Change) -> str:
    """Name each row's segment: the changed slice, or the value of the compared dimension elsewhere."""
    inside = " AND ".join(f"{dim} = $value{i}" for i, (dim, _) in enumerate(change.scope.where)) or "true"
    if change.comparison not in change.scope.dims:
        return f"CASE WHEN {inside} THEN '{TREATED}' END"
    others = " AND ".join(
        f"{dim} {'<>' if dim == change.comparison else '='} $value{i}"
        for i, (dim, _) in enumerate(change.scope.where)
    )
    return f"CASE WHEN {inside} THEN '{TREATED}' WHEN {others} THEN '{change.comparison} ' || {change.comparison} END"


def _verdict(
    con: duckdb.DuckDBPyConnection,
    cube: Cube,
    metric: Metric,
    change: Change,
    daily: pd.DataFrame,
    result: BeforeAfter,
) -> Verdict:
    mine = daily[daily["segment"] == TREATED]
    shipped = pd.Timestamp(change.shipped_on)
    before, after = mine[mine["date"] < shipped], mine[mine["date"] >= shipped]
    effect = _estimate(result.effect)
    avoided_ = _estimate(result.avoided)
    unit = metric.unit
    levels = tuple(metric.shown(part["x"].sum() / max(part["n"].sum(), 1e-9)) for part in (before, after))
    return Verdict(
        change=change, decision=result.decision, method=result.method, before=levels[0], after=levels[1],
        effect=effect, avoided=avoided_, unit=unit, p=None if math.isnan(result.p) else result.p,
        weeks_after=result.blocks_after, next_step=_next_step(change, result.decision),
        sentence=_sentence(change, metric, levels, effect, avoided_, result),
        reasons=(*change.flags, *_baseline_note(change), *result.reasons),
        history=_history(con, cube, metric, change),
    )  # fmt: skip


def _baseline_note(change: Change) -> list[str]:
    start = _baseline_start(change)
    if start != change.since:
        return []
    return [f"The baseline begins with the pattern ({day(start)}): had it gone by itself, that would count too."]


def _estimate(interval: Interval) -> Estimate | None:
    return None if math.isnan(interval.value) else Estimate(*interval)


def _history(con: duckdb.DuckDBPyConnection, cube: Cube, metric: Metric, change: Change) -> tuple[Point, ...]:
    series = crossed.series_of(con, cube, metric, change.scope)
    points = patterns.history(series, 0, mark=change.shipped_on)
    return tuple(point for point in points if point.week >= _baseline_start(change))


def _sentence(
    change: Change,
    metric: Metric,
    levels: tuple[float, ...],
    effect: Estimate | None,
    spared: Estimate | None,
    result: BeforeAfter,
) -> str:
    what = _what(change)
    if effect is None or spared is None:
        return f"{what}: {result.decision}. {' '.join(result.reasons)}"
    shown = (
        metric.label
        if metric.kind != "share"
        else f"{metric.label} went from {share(levels[0])} to {share(levels[1])}"
    )
    saved = f"{avoided(spared, metric.unit)} spared a week"
    said = {
        "improved": f"it worked. {shown}: {saved}.",
        "worsened": f"it made things worse. {shown}, {relative(effect)}.",
        "no clear change": f"no clear effect. {shown}; an effect of {relative(effect)} fits the data.",
        "too early": f"too early to tell after {plural(result.blocks_after, 'week')};"
        f" review on {day(change.review_date)}.",
        "not comparable": f"cannot be judged. {' '.join(result.reasons[:1])}",
    }
    return f"{what}: {said[result.decision]}"


def _next_step(change: Change, decision: Decision) -> str:
    return {
        "improved": "Keep it, and look for the next slice in which it would help.",
        "worsened": "Revert it, and log what was learned.",
        "no clear change": "Do not count on it: revert it or try another cause, and close the entry.",
        "too early": f"Wait for the review on {day(change.review_date)}.",
        "not comparable": "Decide by judgement; name a comparison before the next change.",
    }[decision]
