"""Change + facts -> verdict: what the metric did in the changed slice, beside slices left alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import duckdb
import pandas as pd

from closeloop import crossed, metrics, patterns
from closeloop.changes.marks import PICKED
from closeloop.cube import Cube
from closeloop.doubts import Doubt, Pull, began_within, elsewhere, placebo, receivers, spilled, test
from closeloop.model import Change, Decision, Estimate, Faded, Metric, Point, Verdict
from closeloop.observed import (
    TREATED,
    baseline_start,
    counted_until,
    daily_sums,
    held_against,
    metric_of,
    pattern_start,
    shifting,
)
from closeloop.stats.panel import ALPHA, BeforeAfter, Interval
from closeloop.words import avoided, day, plural, relative, share

CLAIMS = ("improved", "worsened")

FEWEST_NORMAL = 4
"""Weeks before a pattern that can tell what is normal."""

REMEMBERED = 26
"""Weeks after which a closed change is no longer measured anew: its verdict and estimate stand in the log."""

OVERLAP = "overlapping scope"
"""In the mark of a change whose effect may be that of another."""


def verdict_on(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change, others: Sequence[Change] = ()) -> Verdict:
    """Judge a shipped change, or recall what it was closed with once that is `REMEMBERED` weeks ago.

    So a week's report takes no longer for each change that was ever closed.
    """
    closed_on = change.decided_on if change.verdict and change.estimate else None
    if closed_on and closed_on <= cube.week - timedelta(weeks=REMEMBERED):
        return _recalled(change)
    return judge(con, cube, change, others)


def _recalled(change: Change) -> Verdict:
    assert change.decided_on
    assert change.verdict
    unit = next((one.unit for one in metrics.METRICS if one.id == change.metric), "cases")
    said = f"closed as {change.verdict} on {day(change.decided_on)}, as the log says"
    return Verdict(
        change=change, decision=change.verdict, method="the improvement log", before=math.nan, after=math.nan,
        effect=change.estimate, avoided=None, unit=unit, p=None, weeks_after=0, next_step="",
        sentence=f"{_what(change)}: {said}.", reasons=change.flags,
    )  # fmt: skip


def judge(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change, others: Sequence[Change] = ()) -> Verdict:
    """Say what a shipped change did, as far as the final weeks of its metric can tell.

    `others` are the changes of the log: a comparison slice that one of them touched is no comparison.
    """
    try:
        metric = metric_of(con, change)
        crossed.check(con, metric.id, metric.view, change.scope)
    except ValueError as error:
        return _unjudged(change, f"Its metric or scope cannot be found: {error}.", early=False)
    end = counted_until(cube, metric, change)
    daily = daily_sums(con, metric, change, end)
    if doubt := _doubt(cube, change, daily):
        return _unjudged(change, doubt, early=end <= change.settled, unit=metric.unit)
    if mixed := shifting(con, metric, change, end):
        daily = daily_sums(con, metric, change, end, mixed)
    result, doubts = _tested(daily, metric, change, others)
    pull: Pull = "better" if result.effect.value < 0 else "worse"
    doubts = (
        *doubts,
        *began_within(change, result.effect.value),
        *placebo(con, cube, change, pull if result.decision in CLAIMS else "none"),
    )
    return _verdict(con, cube, metric, change, daily, _lowered(result, change, doubts, mixed))


def _tested(
    daily: pd.DataFrame, metric: Metric, change: Change, others: Sequence[Change]
) -> tuple[BeforeAfter, tuple[Doubt, ...]]:
    """Judge against the slices left alone: neither touched by another change nor by the work that moved."""
    spoiled, said = elsewhere(change, others)
    controls = sorted(set(daily["segment"]) - {TREATED})
    moved = tuple(one for one in receivers(daily, change) if one.segment in controls)
    rest = [c for c in controls if c not in spoiled and c not in {one.segment for one in moved}]
    left_out = tuple(
        Doubt(
            f"{c} is left out of the comparison: change {spoiled[c].id} shipped there on"
            f" {day(spoiled[c].shipped_on)}."
        )
        for c in controls
        if c in spoiled
    )
    result = test(daily, metric, change, TREATED, rest or controls)
    return result, (*said, *left_out, *spilled(daily, metric, change, moved, rest))


def _lowered(result: BeforeAfter, change: Change, doubts: Sequence[Doubt], mixed: str) -> BeforeAfter:
    """Add the doubts to the reasons, and take the claim away where it cannot stand beside them."""
    picked = list(_picked(result, change))
    held = [f"The mix of {mixed.replace('_', ' ')} shifted, and is held fixed."] if mixed else []
    reasons = (*result.reasons, *held, *(doubt.said for doubt in (*picked, *doubts)))
    fatal = any(doubt.fatal for doubt in (*picked, *doubts)) or any(OVERLAP in flag for flag in change.flags)
    blind = any(doubt.blind for doubt in doubts) and result.decision != "too early"
    lost = blind or (fatal and result.decision in CLAIMS)
    return replace(result, reasons=reasons, decision="not comparable" if lost else result.decision)


def _picked(result: BeforeAfter, change: Change) -> Iterator[Doubt]:
    """Ask for more where the metric may have been picked by its result: the clearest of many is clear by luck."""
    if result.decision in CLAIMS and any(PICKED in flag for flag in change.flags):
        level, many = ALPHA / len(metrics.METRICS), len(metrics.METRICS)
        enough = result.p < level
        yield Doubt(
            f"Picked among {many} metrics it must be that much clearer (p below {level:.1g} instead of {ALPHA:g}):"
            f" {'it is' if enough else 'it is not, and is not claimed'}.",
            fatal=not enough,
        )


def _doubt(cube: Cube, change: Change, daily: pd.DataFrame) -> str:
    """Say why there is nothing to judge, if so."""
    lack = dict(cube.missing).get(change.metric)
    if lack:
        return f"This data cannot give {change.metric}: {lack}."
    if TREATED not in set(daily["segment"]):
        return f"There are too few rows of {change.scope} to judge it by."
    if change.review_date <= change.settled:
        return f"The review ({day(change.review_date)}) comes before the change has settled in."
    return ""


def _unjudged(change: Change, doubt: str, *, early: bool, unit: str = "cases") -> Verdict:
    decision: Decision = "too early" if early else "not comparable"
    return Verdict(
        change=change, decision=decision, method="", before=math.nan, after=math.nan, effect=None, avoided=None,
        unit=unit, p=None, weeks_after=0, next_step=_next_step(change, decision),
        sentence=f"{_what(change)}: {decision}. {doubt}", reasons=(*change.flags, doubt),
    )  # fmt: skip


def _what(change: Change) -> str:
    return f"{change.change_shipped} ({change.id}, shipped {day(change.shipped_on)})"


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
    old = (mine["date"] < shipped) & (mine["date"] >= pd.Timestamp(held_against(change)))
    before, after = mine[old], mine[mine["date"] >= shipped]
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
        history=_history(con, cube, metric, change), faded=_faded(result),
    )  # fmt: skip


def _baseline_note(change: Change) -> list[str]:
    if not pattern_start(change):
        return []
    since = day(held_against(change))
    return [
        f"Held against the weeks since the pattern began ({since}): had it ended by itself, that would look the same."
    ]


def _estimate(interval: Interval) -> Estimate | None:
    return None if math.isnan(interval.value) else Estimate(*interval)


def _faded(result: BeforeAfter) -> Faded | None:
    if not result.fades or result.checks is None or result.second_half is None:
        return None
    late = result.checks.halves
    now = Estimate(*(math.expm1(log) for log in (late.late, late.late_low, late.late_high)))
    return Faded(result.second_half.date(), now)


def _history(con: duckdb.DuckDBPyConnection, cube: Cube, metric: Metric, change: Change) -> tuple[Point, ...]:
    """Return the weeks since the baseline began; what is normal is read off those before the pattern."""
    series = crossed.series_of(con, cube, metric, change.scope)
    began = change.since or change.shipped_on
    known = sum(week < began for week in series.weeks)
    points = patterns.history(series, 0, mark=began if known >= FEWEST_NORMAL else change.shipped_on)
    return tuple(point for point in points if point.week >= baseline_start(change))


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
        "no clear change": f"no clear effect. {shown}, most likely {relative(effect)} against what would have been.",
        "too early": f"too early to tell after {plural(result.blocks_after, 'week')};"
        f" review on {day(change.review_date)}.",
        "not comparable": f"cannot be judged. {' '.join(result.reasons[:1])}",
    }
    return f"{what}: {said[result.decision]}"


def _next_step(change: Change, decision: Decision) -> str:
    return {
        "improved": "Keep it, and look for the next slice in which it would help.",
        "worsened": "Revert it, and log what was learned.",
        "no clear change": "Do not count on it: extend the review while its interval holds what you hoped for, else"
        " revert it, try another cause, and close the entry.",
        "too early": f"Wait for the review on {day(change.review_date)}.",
        "not comparable": "Decide by judgement; name a comparison before the next change.",
    }[decision]
