"""Cube -> patterns: which slices rose above their own past, each problem once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np

from closeloop import promises
from closeloop.cells import FIRST_MONDAY
from closeloop.cube import Cube, Series
from closeloop.days_off import DaysOff, days_off
from closeloop.leaves import Leaves
from closeloop.model import Change, Estimate, Metric, Pattern, Point, Slice
from closeloop.problems import LONGEST_DRIFT, identified, one_delay, one_problem_once, one_spell
from closeloop.scan import STILL_UP, Pick, Q, Scan, explain, large_enough, scan
from closeloop.stats import level_shift
from closeloop.stats.control_chart import control_chart
from closeloop.stats.drift import Drift, drift
from closeloop.strains import WINDOWS, Strain, strain_of
from closeloop.words import day, number, share

LONGEST_WEEKS = 12
"""Weeks back to which the onset of a pattern is looked for."""

REPLAY_WEEKS = 16
"""Weeks that are scanned again, at least, to tell since when a pattern has been seen."""

REPLAY_FROM = 13
"""The replay begins at the first of so many weeks of the calendar: a run a week later begins at the same one, and
so gives the same names."""


@dataclass(frozen=True)
class Found:
    """The patterns of a week, those resolved since the week before, and how many tests were made.

    `waiting` is what rose everywhere after a day off, which is a pattern only if it lasts.
    """

    patterns: tuple[Pattern, ...]
    resolved: tuple[Pattern, ...]
    tests_made: int
    waiting: tuple[Pattern, ...] = ()


def find(con: duckdb.DuckDBPyConnection, cube: Cube, changes: Sequence[Change] = ()) -> Found:
    """Scan the newest weeks, then the weeks before, to say what is new, continuing, worse or resolved.

    `changes` are those of the improvement log: what has gone since one shipped is over, and where one made things
    better, that level is the normal one since.
    """
    leaves: dict[str, Leaves] = {}
    strains = {s.metric.id: strain_of(s.until(cube.week), changes) for s in cube.series if s.metric.scanned}
    before, resolved, tests, each = tuple[Pattern, ...](), tuple[Pattern, ...](), 0, list[Pattern]()
    off, waiting = days_off(con), list[Pattern]()
    more = ((cube.week - FIRST_MONDAY).days // 7 - REPLAY_WEEKS + 1) % REPLAY_FROM
    for back in range(REPLAY_WEEKS - 1 + more, -1, -1):
        week = cube.week - timedelta(weeks=back)
        new, tests = scan_week(con, cube, week, strains, leaves)
        each = not_mended(cube, week, [*new, *_still_up(cube, week, each, new)], changes)
        once, waiting = shown(con, off, each, leaves)
        patterns = identified(once, before)
        names = {pattern.id for pattern in patterns}
        resolved = tuple(replace(p, status="resolved") for p in before if p.id not in names)
        before = patterns
    return Found(before, resolved, tests, tuple(waiting))


def shown(
    con: duckdb.DuckDBPyConnection, off: DaysOff, rises: Iterable[Pattern], leaves: dict[str, Leaves]
) -> tuple[list[Pattern], list[Pattern]]:
    """Return each problem of a week once, and apart from them what a day off alone may have made."""
    kept, waiting = off.split(promises.broken(con, rises))
    return one_problem_once(kept, leaves), one_problem_once(waiting, leaves)


def _still_up(cube: Cube, week: date, before: Sequence[Pattern], now: Sequence[Pattern]) -> list[Pattern]:
    """Carry on those of the week before that the scan does not show anew, but that have not gone away either.

    What lasts becomes part of the past that it is held against; it goes on until it no longer holds `STILL_UP` of
    its rise, is shown in a wider or narrower slice, or has lasted so long that it is the level.
    """
    found: list[Pattern] = []
    for old in before:
        if not any(old.metric == new.metric and (old.slice.nests(new.slice) or one_spell(old, new)) for new in now):
            series = cube.of(old.metric).until(week)
            found += [carried] if (carried := _carried(old, large_enough(series), week)) else []
    return found


def _carried(old: Pattern, series: Series, week: date) -> Pattern | None:
    """Return a pattern of the week before as it is a week later; None where it is over."""
    longest = LONGEST_DRIFT if old.kind == "drift" else LONGEST_WEEKS
    weeks = sum(monday >= old.onset for monday in series.weeks)
    if not 2 <= weeks <= longest or old.slice not in series.slices:
        return None
    row, metric = series.row(old.slice), series.metric
    bad, total = series.bad[row], series.total[row]
    usual = (old.expected - metric.shown(0.0)) / (metric.shown(1.0) - metric.shown(0.0))
    if not all(_is_up(series, old, newest) for newest in (1, 2)):
        return None
    x, n = float(bad[-weeks:].sum()), float(total[-weeks:].sum())
    se = (old.excess.high - old.excess.low) / (2 * 1.96) * weeks
    excess = _shrunken(x - usual * n, se, weeks)
    return replace(
        old, kind="drift" if old.kind == "drift" else "step", week=week, value=metric.shown(x / n), excess=excess,
        total=n / weeks, history=history(series, row, mark=old.onset), folded=(), also_in=(),
        sentence=_sentence(metric, old.slice, x / n, usual, excess, n / weeks),
    )  # fmt: skip


def _is_up(series: Series, pattern: Pattern, newest: int) -> bool:
    """Whether the newest weeks still hold `STILL_UP` of a pattern's rise."""
    row, shown = series.row(pattern.slice), series.metric.shown
    now = float(series.bad[row, -newest:].sum()) / max(float(series.total[row, -newest:].sum()), 1e-9)
    rise, was = shown(now) - pattern.expected, pattern.value - pattern.expected
    return rise / was >= STILL_UP if was else False


def not_mended(cube: Cube, week: date, found: Sequence[Pattern], changes: Sequence[Change]) -> list[Pattern]:
    """Leave out what has gone since a change of the log settled, though a longer look back still holds it."""
    return [p for p in found if not any(_mended(cube.of(p.metric).until(week), p, change) for change in changes)]


def _mended(series: Series, pattern: Pattern, change: Change) -> bool:
    if not (pattern.onset < change.shipped_on and one_delay(pattern.metric, change.metric)):
        return False
    if not pattern.slice.nests(change.scope):
        return False
    since = sum(monday >= change.settled for monday in series.weeks)
    return since > 0 and not _is_up(series, pattern, since)


def scan_week(
    con: duckdb.DuckDBPyConnection,
    cube: Cube,
    week: date,
    strains: dict[str, Strain],
    leaves: dict[str, Leaves],
    q: float = Q,
) -> tuple[list[Pattern], int]:
    """Return what rose at the end of one week, in each metric for itself, the surest first, and the tests made.

    Nothing is folded or held back yet: see `shown`.
    """
    finals = [s.until(week) for s in cube.series if s.metric.scanned]
    large = [large_enough(series) for series in finals if series.weeks]
    scans = [scan(series, strains[series.metric.id].of(series)) for series in large]
    found = [_pattern(s, pick, week) for s in scans for pick in explain(con, s, leaves, q / len(scans))]
    return sorted(found, key=lambda p: p.p), sum(len(s.p) for s in scans) * len(WINDOWS)


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
