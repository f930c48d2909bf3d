"""What else could explain the result of a change: a placebo that moved, work that moved, other changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import duckdb
import pandas as pd

from closeloop import crossed
from closeloop.cube import Cube
from closeloop.model import Change, Metric, Slice
from closeloop.observed import (
    TREATED,
    baseline_start,
    counted_until,
    daily_sums,
    metric_of,
    pattern_start,
    too_young,
)
from closeloop.percent import chance
from closeloop.stats.panel import BeforeAfter, before_after
from closeloop.words import change as percent
from closeloop.words import day, plural

MOVED = 0.15
"""Relative change of volume from which work has moved from one slice to another."""

TAKEN = 0.2
"""The part of the work lost that a slice must have gained to have received it."""

SURE = 0.01
"""P value below which a placebo that moved takes the claim away; at .05 it is only told."""

Pull = Literal["better", "worse", "none"]


class Doubt(NamedTuple):
    """A sentence for the verdict, and whether a claim, or any answer at all, cannot stand beside it."""

    said: str
    fatal: bool = False
    blind: bool = False


class Moved(NamedTuple):
    """A comparison slice to which work of the changed slice went, and its growth."""

    segment: str
    growth: float


def test(daily: pd.DataFrame, metric: Metric, change: Change, treated: str, controls: Sequence[str]) -> BeforeAfter:
    """Judge one segment of the daily sums against others; the mix is held fixed where strata are kept apart."""
    counted = metric.kind == "share"
    several = daily["stratum"].nunique() > 1
    review, since = (change.review_date, pattern_start(change)) if treated == TREATED else (None, None)
    return before_after(
        daily, on="date", unit="segment", treated=treated, controls=list(controls), exposure="n",
        shipped=change.settled.isoformat(), review=review, since=since, count="x" if counted else None,
        value=None if counted else "x", squares=None if counted else "squares", strata="stratum" if several else None,
    )  # fmt: skip


def receivers(daily: pd.DataFrame, change: Change) -> tuple[Moved, ...]:
    """Return the slices to which the work of the changed one moved when it shipped."""
    late = pd.Series(daily["date"] >= pd.Timestamp(change.shipped_on))
    days = daily.groupby(late)["date"].nunique()
    if len(days) < 2:
        return ()
    volume = daily.pivot_table(values="n", index="segment", columns=late, aggfunc="sum", fill_value=0.0) / days
    expected = volume[False] * volume[True].sum() / max(float(volume[False].sum()), 1e-9)
    gained = volume[True] - expected
    lost = -float(gained[TREATED])
    if lost < MOVED * float(expected[TREATED]):
        return ()
    grown = (gained / expected.clip(lower=1e-9)).drop(TREATED)
    taken = [s for s in grown.index if grown[s] >= MOVED and gained[s] >= TAKEN * lost]
    return tuple(Moved(str(segment), float(grown[segment])) for segment in taken)


def spilled(
    daily: pd.DataFrame, metric: Metric, change: Change, moved: Sequence[Moved], rest: Sequence[str]
) -> Iterator[Doubt]:
    """Say where work went and what it did there."""
    for one in moved:
        found = test(daily, metric, change, one.segment, rest)
        level = found.effect
        clear = found.p == found.p and found.p < 0.05
        how = f"{percent(level.value)} (95 % interval {percent(level.low)} to {percent(level.high)})"
        tail = (
            f"and it got {'worse' if level.value > 0 else 'better'} there: {how}. Count both to call it a gain"
            if clear
            else f"where no change is clear: {how}"
        )
        kept = "it is left out of the comparison" if rest else "there is nothing else to compare with"
        yield Doubt(f"Work moved to {one.segment} (volume {percent(one.growth)}), {tail}; {kept}.", fatal=not rest)


def placebo(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change, pull: Pull) -> Iterator[Doubt]:
    """Say whether the metric that the change should not move moved all the same."""
    if not change.placebo_metric:
        return
    other = replace(change, metric=change.placebo_metric)
    try:
        metric = metric_of(con, other)
        crossed.check(con, metric.id, metric.view, change.scope)
        daily = daily_sums(con, metric, other, counted_until(cube, metric, other))
        controls = sorted(set(daily["segment"]) - {TREATED})
        found = test(daily, metric, other, TREATED, controls)
    except (ValueError, duckdb.Error):
        yield Doubt(f"The placebo metric {change.placebo_metric} cannot be seen in this scope.")
        return
    if not found.p < 0.05:
        if found.p == found.p:
            yield Doubt(f"The placebo metric {metric.label} did not clearly move ({percent(found.effect.value)}).")
        return
    same = (found.effect.value < 0) == (pull == "better")
    yield Doubt(
        f"The placebo metric {metric.label}, which this change should leave alone, moved too"
        f" ({percent(found.effect.value)}, {chance(found.p)}): something else changed here.",
        fatal=same and pull != "none" and found.p < SURE,
    )


def began_within(change: Change, worse: float) -> tuple[Doubt, ...]:
    """Doubt a rise when the pattern was too young to be held against: the change was made because of that rise.

    Against a week or two of a pattern, luck that ended by itself would look like success; so a fall is still held
    against the whole baseline, and only a rise is doubted.
    """
    if worse <= 0 or not change.since or not too_young(change):
        return ()
    weeks = max(1, round((change.shipped_on - change.since).days / 7))
    return (
        Doubt(
            f"The pattern began on {day(change.since)}, {plural(weeks, 'week')} before the change, and the baseline"
            " reaches farther back: being above it may be the pattern's own doing. After three weeks of a pattern a"
            " change can be held against it.",
            blind=True,
        ),
    )


def elsewhere(change: Change, others: Sequence[Change]) -> tuple[dict[str, Change], tuple[Doubt, ...]]:
    """Return the logged changes that spoil comparison slices, by segment, and what else acted in the scope."""
    start = baseline_start(change)
    near = [o for o in others if o.id != change.id and start <= o.shipped_on < change.review_date]
    spoiled = {
        f"{change.comparison} {value}": o
        for o in near
        if o.metric == change.metric
        for value in [dict(o.scope.where).get(change.comparison)]
        if value and o.scope.overlaps(_with(change.scope, change.comparison, value))
    }
    window = [o for o in near if o.metric != change.metric and o.shipped_on >= change.shipped_on - timedelta(weeks=4)]
    said = (
        Doubt(
            f"Change {o.id} ({o.metric}) shipped in the same scope on {day(o.shipped_on)}: it may have a part in it."
        )
        for o in window
        if o.scope.overlaps(change.scope)
    )
    return spoiled, tuple(said)


def _with(scope: Slice, dim: str, value: str) -> Slice:
    """Return the slice that a scope is compared with at one value of a dimension."""
    fixed: Any = {**dict(scope.where), dim: value}
    return Slice.of(fixed.items())
