"""Cube -> patterns: which slices rose above their own past, each problem once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np
from numpy.typing import NDArray

from closeloop.cube import Cube, Floats, Series
from closeloop.leaves import Leaves, leaves_of
from closeloop.model import Estimate, Metric, Pattern, Point, Slice, stable_id
from closeloop.stats import level_shift
from closeloop.stats.control_chart import control_chart
from closeloop.stats.level_shift import Rise, rise
from closeloop.words import number, share

WINDOWS = (1, 2, 4, 8)
"""Weeks that a problem may have lasted when it is looked for; each look is paid for."""

LONGEST_WEEKS = 12
"""Weeks back to which the onset of a pattern is looked for."""

Q = 0.05
"""False discovery rate over all slices, metrics and windows of one week's scan."""

STILL_UP = 0.4
"""The part of its rise that the newest weeks of a window must show: a spell that ended is no pattern."""

MOST_PATTERNS = 5
"""Patterns of one metric that a week's report can show."""

MIN_EXPOSURE = 20
"""Rows a week below which a slice is not tested: it could not tell."""

MIN_EXCESS = 5.0
"""Excess a week below which a rise is not worth a person's attention."""

MIN_RATIO = 1.2
"""How many times the expected a rise must be to be worth it."""

MIN_SHARE_OF_ALL = 0.001
"""The part of all the merchant's rows in a week that the excess must be."""

MIN_COST_SHARE = 0.02
"""For money: the share of the slice's cost that the excess must be."""

MIN_COST_OF_ALL = 0.001
"""For money: the share of the whole merchant's cost that the excess must be."""

WORSE = 1.2
"""A pattern is worse when it is surely this many times what it was the week before."""

REPLAY_WEEKS = 16
"""Weeks that are scanned again to tell since when a pattern has been seen."""

STRANGERS = 3
"""The distance of two patterns that have nothing to do with each other."""

UNNAMED = {"unknown", "none"}
"""Values that name nothing one could act on."""

UPSTREAM = ("ready_to_label", "late_handover", "order_to_handover", "label_to_first_scan", "idle_labels",
            "exception_rate", "slow_transit", "on_time_delivery")  # fmt: skip
"""Metrics in the order in which one delay passes through them."""


@dataclass(frozen=True)
class Scan:
    """One metric's slices, each tested at its best window; `p` pays for the choice of window."""

    series: Series
    strain: Floats
    window: NDArray[np.int_]
    best: Rise
    p: Floats


@dataclass(frozen=True)
class Found:
    """The patterns of a week, those resolved since the week before, and how many tests were made."""

    patterns: tuple[Pattern, ...]
    resolved: tuple[Pattern, ...]
    tests_made: int


def find(con: duckdb.DuckDBPyConnection, cube: Cube) -> Found:
    """Scan the newest weeks, then the weeks before, to say what is new, continuing, worse or resolved."""
    leaves: dict[str, Leaves] = {}
    strains = {s.metric.id: strain_of(s.until(cube.week)) for s in cube.series if s.metric.dims}
    before, resolved, tests = tuple[Pattern, ...](), tuple[Pattern, ...](), 0
    for back in range(REPLAY_WEEKS - 1, -1, -1):
        week = cube.week - timedelta(weeks=back)
        now, tests = _scan_week(con, cube, week, strains, leaves)
        patterns = _identified(now, before)
        names = {pattern.id for pattern in patterns}
        resolved = tuple(replace(p, status="resolved") for p in before if p.id not in names)
        before = patterns
    return Found(before, resolved, tests)


def _scan_week(
    con: duckdb.DuckDBPyConnection, cube: Cube, week: date, strains: dict[str, Strain], leaves: dict[str, Leaves]
) -> tuple[list[Pattern], int]:
    finals = [s.until(week) for s in cube.series if s.metric.dims]
    large = [_large_enough(series) for series in finals if series.weeks]
    scans = [scan(series, strains[series.metric.id].of(series)) for series in large]
    found = [p for s in scans for p in _explain(con, s, week, leaves)]
    return _one_problem_once(sorted(found, key=lambda p: p.p)), sum(len(s.p) for s in scans) * len(WINDOWS)


@dataclass(frozen=True)
class Strain:
    """How much more one metric's slices moved in the past than their errors say, by slice."""

    factor: dict[Slice, Floats]

    def of(self, series: Series) -> Floats:
        """Return windows x slices; a slice that was too small to tell gets the usual factor."""
        unknown = np.full(len(WINDOWS), level_shift.UNKNOWN_STRAIN)
        return np.stack([self.factor.get(where, unknown) for where in series.slices], axis=1)


def strain_of(series: Series) -> Strain:
    """Learn from the weeks before the newest ones how far each kind of slice wanders by itself."""
    large = _large_enough(series)
    binomial, dims = series.metric.kind == "share", [where.dims for where in large.slices]
    factors = [level_shift.strain(large.bad, large.total, w, dims, binomial=binomial) for w in WINDOWS]
    return Strain(dict(zip(large.slices, np.stack(factors, axis=1), strict=True)))


def scan(series: Series, strain: Floats) -> Scan:
    """Test every slice over all windows; `strain` is windows x slices."""
    binomial = series.metric.kind == "share"
    rises = [
        rise(series.bad, series.total, window, binomial=binomial, strain=strain[i])
        for i, window in enumerate(WINDOWS)
    ]
    choice = np.stack([r.p for r in rises]).argmin(axis=0)
    rows = np.arange(len(choice))
    best = Rise(*(np.stack(field)[choice, rows] for field in zip(*rises, strict=True)))
    p = np.minimum(1.0, best.p * len(WINDOWS))
    return Scan(series, strain, np.asarray(WINDOWS)[choice], best, p)


def _large_enough(series: Series) -> Series:
    """Leave out slices with so few rows a week that a rise could not be told from chance."""
    named = np.array([not UNNAMED & {value for _, value in where.where} for where in series.slices])
    return series.only(named & (series.total[:, -8:].mean(axis=1) >= MIN_EXPOSURE))


def _discoveries(p: Floats) -> NDArray[np.int_]:
    """Return the rows that Benjamini and Hochberg (1995, section 3) let through."""
    tested = np.sort(p)
    passed = np.flatnonzero(tested <= Q * np.arange(1, len(p) + 1) / max(1, len(p)))
    return np.flatnonzero(p <= tested[passed[-1]]) if len(passed) else np.array([], dtype=np.int_)


def _explain(con: duckdb.DuckDBPyConnection, first: Scan, week: date, leaves: dict[str, Leaves]) -> list[Pattern]:
    """Take the slice that explains most, take its excess out of all others, and look again.

    The false discovery rate is asked for anew each time, since one broad problem lets many slices
    through that have nothing left once it is taken out.
    """
    found: list[Pattern] = []
    candidates = _discoveries(first.p)
    rest, open_ones = first, candidates
    for _ in range(MOST_PATTERNS):
        worth = [int(i) for i in open_ones if _worth(rest, int(i))]
        if not worth:
            break
        best = max(worth, key=lambda i: (_score(rest, i), -i))
        pattern = _pattern(rest, first, best, week)
        rest = scan(_without(con, rest, best, candidates, leaves), rest.strain)
        still = np.intersect1d(_discoveries(rest.p), candidates)
        gone = [first.series.slices[i] for i in np.setdiff1d(open_ones, still) if i != best]
        found.append(replace(pattern, folded=tuple(w for w in gone if w.overlaps(pattern.slice))[:12]))
        open_ones = still
    return found


def _goes_on(scan_: Scan, row: int) -> bool:
    """Tell whether the newest one or two weeks of the window are still up, not only the older ones."""
    newer = slice(-max(1, min(2, int(scan_.window[row]) // 2)), None)
    series = scan_.series
    usual = float(scan_.best.expected[row] / scan_.best.total[row])
    whole = float(scan_.best.observed[row] / scan_.best.total[row]) - usual
    n = float(series.total[row, newer].sum())
    return n > 0 and float(series.bad[row, newer].sum()) / n - usual >= STILL_UP * whole


def _worth(scan_: Scan, row: int) -> bool:
    if not _goes_on(scan_, row):
        return False
    excess = float(scan_.best.observed[row] - scan_.best.expected[row])
    if scan_.series.metric.kind == "index":
        per_week = excess / int(scan_.window[row])
        whole = float(scan_.series.bad[0, -8:].mean())
        own = MIN_COST_SHARE * float(scan_.best.expected[row])
        return excess >= own and per_week >= MIN_COST_OF_ALL * whole
    floor = max(MIN_EXCESS, MIN_SHARE_OF_ALL * float(scan_.series.total[0, -8:].mean()))
    ratio = float(scan_.best.observed[row]) / max(float(scan_.best.expected[row]), 1e-9)
    return excess / int(scan_.window[row]) >= floor and ratio >= MIN_RATIO


def _score(scan_: Scan, row: int) -> float:
    """Compare slices by one common likelihood: deviance over the metric's dispersion, less its freedom."""
    best = scan_.best
    x, e, n = float(best.observed[row]), float(best.expected[row]), float(best.total[row])
    common = float(np.median(best.dispersion))
    freedom = 2 * np.log(_cells(scan_.series, scan_.series.slices[row])) + len(scan_.series.slices[row].where)
    if scan_.series.metric.kind != "share":
        return (x - e) ** 2 / (common * n) - freedom
    good, good_expected = max(n - x, 1e-9), max(n - e, 1e-9)
    deviance = 2 * (x * np.log(max(x, 1e-9) / e) + good * np.log(good / good_expected))
    return float(deviance / common - freedom)


def _cells(series: Series, where: Slice) -> int:
    return series.cells[where.dims]


def _without(
    con: duckdb.DuckDBPyConnection,
    scan_: Scan,
    row: int,
    candidates: NDArray[np.int_],
    leaves: dict[str, Leaves],
) -> Series:
    """Return the series as they would be had the slice of `row` stayed at its expected level."""
    series, where, window = scan_.series, scan_.series.slices[row], int(scan_.window[row])
    kept = float(scan_.best.expected[row] / scan_.best.observed[row])
    if series.metric.id not in leaves:
        leaves[series.metric.id] = leaves_of(con, series)
    rows = leaves[series.metric.id]
    first = series.weeks[-window]
    inside = rows.only(rows.mask(where) & rows.between(first, series.weeks[-1]))
    columns = inside.columns(series.weeks[0])
    bad = series.bad.copy()
    for i in candidates:
        if series.slices[i].overlaps(where):
            weights = inside.bad * inside.mask(series.slices[i])
            bad[i] -= np.bincount(columns, weights, minlength=len(series.weeks)) * (1 - kept)
    return replace(series, bad=bad)


def _pattern(rest: Scan, first: Scan, row: int, week: date) -> Pattern:
    series, metric = rest.series, rest.series.metric
    window, best = int(rest.window[row]), rest.best
    x, e, se, n = (float(v[row]) for v in (best.observed, best.expected, best.se, best.total))
    onset = series.weeks[-level_shift.onset(series.bad[row], series.total[row], LONGEST_WEEKS)]
    excess = _shrunken(x - e, se, window)
    return Pattern(
        metric=metric.id, slice=series.slices[row], kind="spike" if onset == series.weeks[-1] else "step",
        onset=onset, week=week, value=metric.shown(x / n), expected=metric.shown(e / n),
        excess=excess, unit=metric.unit, p=float(rest.p[row]), q=_q(first, float(rest.p[row])), total=n / window,
        history=history(first.series, row, mark=onset),
        sentence=_sentence(metric, series.slices[row], x / n, e / n, excess, n / window),
    )  # fmt: skip


def _shrunken(excess: float, se: float, window: int) -> Estimate:
    """Shrink the excess per week: the slice was picked for being bad (James-Stein, positive part)."""
    z = excess / max(se, 1e-9)
    factor = max(0.0, 1 - 1 / z**2) if z else 0.0
    middle, half = factor * excess / window, 1.96 * se / window
    return Estimate(middle, middle - half, middle + half)


def _q(scan_: Scan, p: float) -> float:
    return min(1.0, p * len(scan_.p) / max(1, int((scan_.p <= p).sum())))


def _sentence(metric: Metric, where: Slice, now: float, usual: float, excess: Estimate, total: float) -> str:
    if metric.kind == "index":
        return f"{where.spoken} costs {share(now / usual - 1)} more than it did for the same parcels."
    shown, was = share(metric.shown(now)), share(metric.shown(usual))
    more = f"{number(excess.value)} more {metric.unit} a week than expected"
    return f"{metric.label}, {where.spoken}: {shown} instead of {was}; {more}, among {number(total)} a week."


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
        same = next((i for i, other in enumerate(kept) if _same_problem(other, pattern)), None)
        if same is None:
            kept.append(pattern)
        else:
            kept[same] = replace(kept[same], also_in=(*kept[same].also_in, pattern.sentence))
    return kept


def _same_problem(one: Pattern, other: Pattern) -> bool:
    related = one.metric in UPSTREAM and other.metric in UPSTREAM and one.metric != other.metric
    nested = one.slice.contains(other.slice) or other.slice.contains(one.slice)
    return related and nested and abs((one.onset - other.onset).days) <= 28


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
