"""Cube -> patterns: which slices rose above their own past, each problem once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np

from closeloop.cells import FIRST_MONDAY
from closeloop.cube import Cube, Series
from closeloop.leaves import Leaves
from closeloop.model import Estimate, Metric, Pattern, Point, Slice, stable_id
from closeloop.scan import Pick, Q, Scan, explain, large_enough, scan
from closeloop.stats import level_shift
from closeloop.stats.control_chart import control_chart
from closeloop.stats.drift import Drift, drift
from closeloop.strains import WINDOWS, Strain, strain_of
from closeloop.words import day, number, share

LONGEST_DRIFT = 20
"""Weeks back to which the start of a drift is looked for."""

LONGEST_WEEKS = 12
"""Weeks back to which the onset of a pattern is looked for."""

WORSE = 1.2
"""A pattern is worse when it is surely this many times what it was the week before."""

REPLAY_WEEKS = 16
"""Weeks that are scanned again, at least, to tell since when a pattern has been seen."""

REPLAY_FROM = 13
"""The replay begins at the first of so many weeks of the calendar: a run a week later begins at the same one, and
so gives the same names."""

STRANGERS = 3
"""The distance of two patterns that have nothing to do with each other."""

UPSTREAM = ("ready_to_label", "late_handover", "order_to_handover", "label_to_first_scan", "idle_labels",
            "exception_rate", "slow_transit", "on_time_delivery")  # fmt: skip
"""Metrics in the order in which one delay passes through them."""


@dataclass(frozen=True)
class Found:
    """The patterns of a week, those resolved since the week before, and how many tests were made."""

    patterns: tuple[Pattern, ...]
    resolved: tuple[Pattern, ...]
    tests_made: int


def find(con: duckdb.DuckDBPyConnection, cube: Cube) -> Found:
    """Scan the newest weeks, then the weeks before, to say what is new, continuing, worse or resolved."""
    leaves: dict[str, Leaves] = {}
    strains = {s.metric.id: strain_of(s.until(cube.week)) for s in cube.series if s.metric.scanned}
    before, resolved, tests = tuple[Pattern, ...](), tuple[Pattern, ...](), 0
    more = ((cube.week - FIRST_MONDAY).days // 7 - REPLAY_WEEKS + 1) % REPLAY_FROM
    for back in range(REPLAY_WEEKS - 1 + more, -1, -1):
        week = cube.week - timedelta(weeks=back)
        now, tests = scan_week(con, cube, week, strains, leaves)
        patterns = _identified(now, before)
        names = {pattern.id for pattern in patterns}
        resolved = tuple(replace(p, status="resolved") for p in before if p.id not in names)
        before = patterns
    return Found(before, resolved, tests)


def scan_week(
    con: duckdb.DuckDBPyConnection,
    cube: Cube,
    week: date,
    strains: dict[str, Strain],
    leaves: dict[str, Leaves],
    q: float = Q,
) -> tuple[list[Pattern], int]:
    """Return what stood out at the end of one week, without its past, and how many tests were made."""
    finals = [s.until(week) for s in cube.series if s.metric.scanned]
    large = [large_enough(series) for series in finals if series.weeks]
    scans = [scan(series, strains[series.metric.id].of(series)) for series in large]
    found = [_pattern(s, pick, week) for s in scans for pick in explain(con, s, leaves, q / len(scans))]
    return _one_problem_once(sorted(found, key=lambda p: p.p)), sum(len(s.p) for s in scans) * len(WINDOWS)


def _pattern(first: Scan, pick: Pick, week: date) -> Pattern:
    rest, row, series, metric = pick.scan, pick.row, pick.scan.series, pick.scan.series.metric
    best, weeks = rest.best, _weeks(rest, row)
    onset, slow = series.weeks[-weeks], drift(series.bad[row], series.total[row], LONGEST_DRIFT)
    began = ()
    if slow:
        began = (series.weeks[-slow.earliest], series.weeks[-slow.latest])
        onset, weeks = series.weeks[-slow.periods], min(weeks, int(pick.scan.window[row]))
    x, n = float(series.bad[row, -weeks:].sum()), float(series.total[row, -weeks:].sum())
    e = (slow.level if slow else float(best.expected[row] / best.total[row])) * n
    se = math.hypot(float(best.se[row]) * math.sqrt(n / float(best.total[row])), _scatter(series, row, weeks))
    excess = _shrunken(x - e, se, weeks)
    return Pattern(
        metric=metric.id, slice=series.slices[row],
        kind="drift" if slow else "spike" if onset == series.weeks[-1] else "step",
        onset=onset, week=week, value=metric.shown(x / n), expected=metric.shown(e / n),
        excess=excess, unit=metric.unit, p=float(rest.p[row]), q=_q(rest, float(rest.p[row])), total=n / weeks,
        history=history(first.series, row, mark=onset), folded=pick.folded, began=began,
        sentence=_sentence(metric, series.slices[row], x / n, e / n, excess, n / weeks)
        + (_grows(metric, series.weeks, slow) if slow else ""),
    )  # fmt: skip


def _weeks(rest: Scan, row: int) -> int:
    """Return how many weeks ago a rise began; where levels wander, only the weeks around its window can tell."""
    bad, total = rest.series.bad[row], rest.series.total[row]
    if not rest.recent[row]:
        return level_shift.onset(bad, total, LONGEST_WEEKS, rest.trust[row])
    longest = 2 * int(rest.window[row])
    near = slice(-(longest + level_shift.MIN_BASELINE), None)
    return level_shift.onset(bad[near], total[near], longest)


def _scatter(series: Series, row: int, weeks: int) -> float:
    """Return the error of a sum of money from its own weeks since the onset: prices may have no noise before."""
    if series.metric.kind == "share" or weeks < 2:
        return 0.0
    bad, total = series.bad[row, -weeks:], series.total[row, -weeks:]
    rest = bad - bad.sum() / total.sum() * total
    return float(np.sqrt((rest**2).sum() * weeks / (weeks - 1)))


def _shrunken(excess: float, se: float, weeks: int) -> Estimate:
    """Shrink the excess per week: the slice was picked for being bad (James-Stein, positive part)."""
    z = excess / max(se, 1e-9)
    factor = max(0.0, 1 - 1 / z**2) if z else 0.0
    middle, half = factor * excess / weeks, 1.96 * se / weeks
    return Estimate(middle, middle - half, middle + half)


def _q(scan_: Scan, p: float) -> float:
    return min(1.0, p * len(scan_.p) / max(1, int((scan_.p <= p).sum())))


def _sentence(metric: Metric, where: Slice, now: float, usual: float, excess: Estimate, total: float) -> str:
    if metric.kind == "index":
        return f"{metric.label}, {where.spoken}: {share(now / usual - 1)} more than the same parcels used to cost."
    shown, was = share(metric.shown(now)), share(metric.shown(usual))
    more = f"{number(excess.value)} more {metric.unit} a week than expected"
    return f"{metric.label}, {where.spoken}: {shown} instead of {was}; {more}, among {number(total)} a week."


def _grows(metric: Metric, weeks: tuple[date, ...], slow: Drift) -> str:
    size = 100 if metric.kind in ("share", "index") else 1
    by, low, high = (f"{size * abs(value):.1f}" for value in (slow.slope, slow.low, slow.high))
    since, earliest, latest = (day(weeks[-n]) for n in (slow.periods, slow.earliest, slow.latest))
    began = f"the week of {since}" + (f" (between {earliest} and {latest})" if earliest != latest else "")
    return f" It is no step but a drift: {by} points worse every week ({low} to {high}) since {began}."


def history(series: Series, row: int, mark: date | None = None, weeks: int = 26) -> tuple[Point, ...]:
    """Return a slice's last weeks with the limits of an XmR chart over the weeks before `mark`."""
    metric, total = series.metric, series.total[row]
    shown = [metric.shown(x / n) if n > 0 else math.nan for x, n in zip(series.bad[row], total, strict=True)]
    normal = [w < mark if mark else bool(final) for w, final in zip(series.weeks, series.final, strict=True)]
    usual = [value for value, keep in zip(shown, normal, strict=True) if keep and not math.isnan(value)]
    chart = control_chart(usual or [value for value in shown if not math.isnan(value)])
    low, high = float(chart.low[-1]), float(chart.high[-1])
    if metric.kind == "share":
        low, high = max(0.0, low), min(1.0, high)
    points = [
        Point(week, shown[i], low, high, total[i], bool(series.final[i]))
        for i, week in enumerate(series.weeks)
        if total[i] > 0
    ]
    return tuple(points[-weeks:])


def _one_problem_once(found: Sequence[Pattern]) -> list[Pattern]:
    """Fold patterns of several metrics that one delay passes through, keeping the most certain."""
    kept: list[Pattern] = []
    for pattern in found:
        part = next((i for i, other in enumerate(kept) if _is_part(pattern, other)), None)
        same = next((i for i, other in enumerate(kept) if _same_problem(other, pattern)), None)
        if part is not None:
            kept[part] = replace(kept[part], folded=(*kept[part].folded, pattern.slice))
        elif same is not None:
            kept[same] = replace(kept[same], also_in=(*kept[same].also_in, pattern.sentence))
        else:
            kept.append(pattern)
    return kept


def _is_part(pattern: Pattern, other: Pattern) -> bool:
    """A slice within another, hit harder from the same weeks on, is a detail of it."""
    together = abs((pattern.onset - other.onset).days) <= 14 or "drift" in (pattern.kind, other.kind)
    return pattern.metric == other.metric and other.slice.contains(pattern.slice) and together


def _same_problem(one: Pattern, other: Pattern) -> bool:
    related = one.metric in UPSTREAM and other.metric in UPSTREAM and one.metric != other.metric
    nested = one.slice.contains(other.slice) or other.slice.contains(one.slice)
    return related and nested and _together(one, other)


def _together(one: Pattern, other: Pattern) -> bool:
    """Whether two patterns may have begun as one; a drift shows in some metrics long before others."""
    slow = "drift" in (one.kind, other.kind)
    return abs((one.onset - other.onset).days) <= (7 * LONGEST_DRIFT if slow else 28)


def _identified(now: Sequence[Pattern], before: Sequence[Pattern]) -> tuple[Pattern, ...]:
    """Give each pattern the name that its problem had last week, the closest first, or a new one; none twice."""
    pairs = sorted((_distance(old, new), i, j) for i, new in enumerate(now) for j, old in enumerate(before))
    known: dict[int, Pattern] = {}
    for distance, i, j in pairs:
        if distance < STRANGERS and i not in known and before[j] not in known.values():
            known[i] = before[j]
    taken = {old.id for old in known.values()}
    return tuple(_named(pattern, known.get(i), taken) for i, pattern in enumerate(now))


def _distance(old: Pattern, new: Pattern) -> int:
    """Return 0 for the same slice, 1 for one inside the other, 2 for another view of one problem, else 3."""
    if old.metric != new.metric:
        return 2 if _same_problem(old, new) else STRANGERS
    if old.slice == new.slice:
        return 0
    if old.slice.contains(new.slice) or new.slice.contains(old.slice):
        return 1
    return 2 if old.slice.overlaps(new.slice) and old.onset == new.onset else STRANGERS


def _named(pattern: Pattern, old: Pattern | None, taken: set[str]) -> Pattern:
    if old:
        worse = old.metric == pattern.metric and pattern.excess.low > WORSE * old.excess.value
        return replace(pattern, id=old.id, first_seen=old.first_seen, status="worse" if worse else "continuing")
    name = stable_id("P", pattern.metric, pattern.slice)
    if name in taken:
        name = stable_id("P", pattern.metric, pattern.slice, pattern.week)
    return replace(pattern, id=name, first_seen=pattern.week, status="new")
