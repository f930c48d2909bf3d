"""Cube -> the slices that rose above their own past: tested, paid for, and explained away one by one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from closeloop.cube import Floats, Series
from closeloop.leaves import Leaves, leaves_of, without_largest
from closeloop.model import Slice
from closeloop.stats.level_shift import Rise, rise
from closeloop.stats.outbreaks import trust
from closeloop.stats.recent_rise import recent_rise
from closeloop.strains import MIN_EXPOSURE, RECENT, WINDOWS, Learnt, named

SPENT = {"long": 0.8, "recent": 0.2}
"""How the chance of a false alarm is shared between the looks at half a year and those at recent weeks."""

Q = 0.05
"""False discovery rate over all slices, metrics and windows of one week's scan; metrics share it equally."""

SHARES = {0: 0.2, 1: 0.4, 2: 0.4}
"""Parts of that rate for the whole merchant, for slices of one dimension, and for those of two."""

STILL_UP = 0.4
"""The part of its rise that the newest weeks of a window must show: a spell that ended is no pattern."""

LATELY = 0.02
"""The chance at most of the newest week or two by themselves."""

MOST_PATTERNS = 5
"""Patterns of one metric that a week's report can show."""

MOST_FOLDED = 12
"""Slices that are named as explained by another."""

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


@dataclass(frozen=True)
class Scan:
    """One metric's slices, each tested at its best window; `p` pays for the choice of window.

    `recent` tells which are best told from the weeks right before the window, not from half a year; `trust` how
    much each week counts as normal; `lately` is the p of the newest week or two alone.
    """

    series: Series
    learnt: Learnt
    window: NDArray[np.int_]
    best: Rise
    p: Floats
    recent: NDArray[np.bool_]
    trust: Floats
    lately: Floats

    def since(self, row: int) -> date:
        """Return the first week of the window in which a slice is best told."""
        return self.series.weeks[-int(self.window[row])]


def scan(series: Series, learnt: Learnt) -> Scan:
    """Test every slice over all windows, against half a year and against the weeks right before."""
    binomial, bad, total = series.metric.kind == "share", series.bad, series.total
    usual = trust(bad, total, binomial=binomial) * (np.arange(bad.shape[1]) >= learnt.rebased[:, None])
    rises = [
        rise(bad, total, w, binomial=binomial, strain=learnt.strain[i], trust=usual) for i, w in enumerate(WINDOWS)
    ]
    late = [
        recent_rise(bad, total, w, scale, binomial=binomial, looks=looks)
        for w, (scale, looks) in zip(RECENT, learnt.scales, strict=False)
    ]
    spent = SPENT if late else {"long": 1.0, "recent": 1.0}
    paid = [len(WINDOWS) / spent["long"]] * len(rises) + [len(RECENT) / spent["recent"]] * len(late)
    p = np.minimum(1.0, np.stack([one.p * times for one, times in zip([*rises, *late], paid, strict=True)]))
    choice, rows = p.argmin(axis=0), np.arange(p.shape[1])
    best = Rise(*(np.stack(field)[choice, rows] for field in zip(*rises, *late, strict=True)))
    windows = np.asarray([*WINDOWS, *RECENT[: len(late)]])[choice]
    lately = np.stack([one.p for one in (*rises[:2], *late[:2])]).min(axis=0)
    return Scan(series, learnt, windows, best, p[choice, rows], choice >= len(WINDOWS), usual, lately)


def large_enough(series: Series) -> Series:
    """Leave out slices with so few rows a week that a rise could not be told from chance."""
    return series.only(named(series) & (series.effective[:, -8:].mean(axis=1) >= MIN_EXPOSURE))


def _discoveries(scan_: Scan, q: float) -> NDArray[np.int_]:
    """Return the rows that pass: Benjamini and Hochberg (1995), the rate shared as `SHARES` has it.

    Each p is divided by the weight of its slice; weights have a mean of 1 (Genovese, Roeder and Wasserman 2006,
    Biometrika 93:509), so that four hundred thin pairs do not drown a carrier or a channel.
    """
    depth = np.array([len(where.where) for where in scan_.series.slices])
    weight = np.zeros(len(depth))
    for fixed, part in SHARES.items():
        weight[depth == fixed] = part * len(depth) / max(1, int((depth == fixed).sum()))
    p = scan_.p / weight
    tested = np.sort(p)
    passed = np.flatnonzero(tested <= q * np.arange(1, len(p) + 1) / max(1, len(p)))
    return np.flatnonzero(p <= (tested[passed[-1]] if len(passed) else -1.0))


class Pick(NamedTuple):
    """One slice that explains a rise: the scan in which it stood out, its row, and what it folds."""

    scan: Scan
    row: int
    folded: tuple[Slice, ...]


def explain(con: duckdb.DuckDBPyConnection, first: Scan, leaves: dict[str, Leaves], q: float) -> list[Pick]:
    """Take the slice that explains most, take its excess out of all others, and look again.

    The false discovery rate is asked for anew each time, since one broad problem lets many slices
    through that have nothing left once it is taken out.
    """
    found: list[Pick] = []
    candidates = _discoveries(first, q)
    rest, open_ones = first, candidates
    for _ in range(MOST_PATTERNS):
        worth = [int(i) for i in open_ones if _worth(rest, int(i))]
        if not worth:
            break
        best = max(worth, key=lambda i: (_score(rest, i), -i))
        where, before = first.series.slices[best], rest
        if best not in _discoveries(scan(without_largest(con, rest.series, best, rest.since(best)), rest.learnt), q):
            candidates = open_ones = open_ones[open_ones != best]
            continue
        rest = scan(_without(con, rest, best, candidates, leaves), rest.learnt)
        still = np.intersect1d(_discoveries(rest, q), candidates)
        gone = [first.series.slices[i] for i in np.setdiff1d(open_ones, still) if i != best]
        found.append(Pick(before, best, tuple(w for w in gone if w.overlaps(where))[:MOST_FOLDED]))
        open_ones = still
    return found


class Level(NamedTuple):
    """What a slice shows a week, what is to be expected of it, and its rows, or their cost."""

    observed: float
    expected: float
    total: float


def _level(scan_: Scan, row: int) -> Level:
    best, window = scan_.best, int(scan_.window[row])
    return Level(*(float(each[row]) / window for each in (best.observed, best.expected, best.total)))


def _newest(scan_: Scan, row: int) -> Level:
    """Return the level of the newest one or two weeks of the window."""
    weeks, whole, series = max(1, min(2, int(scan_.window[row]) // 2)), _level(scan_, row), scan_.series
    bad, total = (float(each[row, -weeks:].sum()) / weeks for each in (series.bad, series.total))
    return Level(bad, whole.expected / whole.total * total, total)


def _goes_on(scan_: Scan, row: int) -> bool:
    """Tell whether the newest one or two weeks of the window are still up, not only the older ones."""
    if scan_.lately[row] > LATELY:
        return False
    whole, newest = _level(scan_, row), _newest(scan_, row)
    rise = (whole.observed - whole.expected) / whole.total
    return newest.total > 0 and (newest.observed - newest.expected) / newest.total >= STILL_UP * rise


def _worth(scan_: Scan, row: int) -> bool:
    """Tell whether a rise goes on and is large enough: what still grows is worth what it has come to."""
    return _goes_on(scan_, row) and any(
        _is_large(scan_.series, level) for level in (_level(scan_, row), _newest(scan_, row))
    )


def _is_large(series: Series, level: Level) -> bool:
    excess = level.observed - level.expected
    if series.metric.kind == "index":
        whole = float(series.bad[0, -8:].mean())
        return excess >= max(MIN_COST_SHARE * level.expected, MIN_COST_OF_ALL * whole)
    floor = max(MIN_EXCESS, MIN_SHARE_OF_ALL * float(series.total[0, -8:].mean()))
    return excess >= floor and level.observed / max(level.expected, 1e-9) >= MIN_RATIO


def _score(scan_: Scan, row: int) -> float:
    """Compare slices by one common likelihood: deviance over the metric's dispersion, less its freedom."""
    best = scan_.best
    x, e, n = float(best.observed[row]), float(best.expected[row]), float(best.total[row])
    common = float(np.median(best.dispersion))
    where = scan_.series.slices[row]
    freedom = 2 * np.log(scan_.series.cells[where.dims]) + len(where.where)
    if scan_.series.metric.kind != "share":
        return (x - e) ** 2 / (common * n) - freedom
    good, good_expected = max(n - x, 1e-9), max(n - e, 1e-9)
    deviance = 2 * (x * np.log(max(x, 1e-9) / e) + good * np.log(good / good_expected))
    return float(deviance / common - freedom)


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
