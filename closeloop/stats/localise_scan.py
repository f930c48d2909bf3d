"""Greedy likelihood scan over the segments of a rate cube, with second thoughts.

Each step takes the segment that explains most of what is left, fits all ratios again, and lets every
earlier choice be swapped or dropped.  Segments of all depths compete on one likelihood (Kulldorff 1997);
whether one is more than chance is judged by its own variation between periods.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, xlogy

from closeloop.stats.localise_baseline import Rows, map_level

Array = NDArray[np.float64]
Ints = NDArray[np.integer]
Picked = tuple[int, ...]

MEDIAN_CHI2 = 0.4549  # median of chi-square with one degree of freedom
FREE = 1.0  # doubt of a level that may move by any factor worth the name
LOOKED_AT = 300  # highest-scoring segments whose tail probability is worked out


class Data(NamedTuple):
    """The current period: events of each leaf, what the leaf model expects without any segment, and the most it can.

    Where events are a part of the exposure, no leaf can have more of them than that: a segment of which most is bad
    already cannot triple.
    """

    events: Array
    base: Array
    most: Array


class Fit(NamedTuple):
    """Picked segments (row numbers), and the leaves' expectation with their ratios multiplied in."""

    picked: Picked
    leaves: Array


class Scores(NamedTuple):
    """For every segment: deviance gained less its price, events observed, and events expected."""

    score: Array
    observed: Array
    expected: Array


def tail(observed: Array, expected: Array, doubt: Array) -> Array:
    """Two-sided mid-p of a negative binomial count with mean `expected` and relative variance `doubt`.

    Written with the incomplete beta function, so that scaled (fractional) counts are allowed.
    """
    size = 1 / np.maximum(doubt, 1e-9)
    chance, some = size / (size + expected), np.maximum(observed, 1e-9)
    inside = np.where(observed > 0, betainc(size, some, chance), 0.0)
    below = (betainc(size, observed + 1, chance) + inside) / 2
    beyond = np.where(observed > 0, betainc(some, size, 1 - chance), 1.0)
    above = (betainc(observed + 1, size, 1 - chance) + beyond) / 2
    return np.minimum(1.0, 2 * np.minimum(below, above))


def scores(rows: Rows, data: Data, leaves: Array) -> Scores:
    """Likelihood-ratio score of every segment, the rest of the cube free to move as it usually does."""
    o = rows.members @ data.events
    e = np.maximum(rows.calibration * (rows.members @ leaves), 1e-9)
    total_o, total_e = data.events.sum(), leaves.sum()
    level, rest = map_level(total_o - o, np.maximum(total_e - e, 1e-9), rows.level_doubt)
    _, nothing = map_level(total_o, total_e, rows.level_doubt)
    deviance = 2 * (xlogy(o, o / e) - o + rest - nothing)
    return Scores(deviance - rows.price, o, e * np.exp(level))


def adjusted_p(rows: Rows, found: Scores, which: Ints) -> Array:
    """Tail probabilities times the number of tests: the error rate is shared evenly among cuboids."""
    p = tail(found.observed[which], found.expected[which], rows.doubt[which])
    return np.minimum(1.0, p * rows.tests[which])


def widen(rows: Rows, data: Data) -> Rows:
    """Add the variation between segments to every doubt, when a single quiet period shows none.

    The variation is such that the middle half of the segments is as far from its expectation as it
    should be: an incident that leaves most segments alone does not change it.
    """
    found = scores(rows._replace(level_doubt=FREE), data, data.base)
    off, e = (found.observed - found.expected) ** 2, found.expected
    extra = np.concatenate([[0.0], np.geomspace(1e-4, 4.0, 60)])
    spread = [float(np.median(off / (e + e**2 * (rows.doubt + x)))) if len(e) else 0.0 for x in extra]
    enough = np.flatnonzero(np.array(spread) <= MEDIAN_CHI2)
    return rows._replace(doubt=rows.doubt + extra[enough[0] if len(enough) else -1], level_doubt=FREE)


def best(rows: Rows, data: Data, leaves: Array, alpha: float) -> int | None:
    """Highest-scoring segment that is beyond chance, if there is one."""
    found = scores(rows, data, leaves)
    top = np.argsort(-found.score, kind="stable")[:LOOKED_AT]
    top = top[found.score[top] > 0]
    beyond = top[adjusted_p(rows, found, top) <= alpha]
    return int(beyond[0]) if len(beyond) else None


def refit(rows: Rows, data: Data, picked: Picked) -> Fit:
    """Ratios of the picked segments and the common level, fitted together by proportional fitting."""
    starts = rows.members.indptr
    parts = [rows.members.indices[starts[r] : starts[r + 1]] for r in picked]
    leaves, level = data.base.copy(), 0.0
    for _ in range(12):
        level = float(map_level(data.events.sum(), leaves.sum(), rows.level_doubt)[0])
        for row, part in zip(picked, parts, strict=True):
            expected = rows.calibration[row] * leaves[part].sum() * np.exp(level)
            grown = leaves[part] * (max(data.events[part].sum(), 0.1) / max(expected, 1e-9))
            leaves[part] = np.minimum(grown, data.most[part])
    return Fit(picked, leaves)


def search(rows: Rows, data: Data, alpha: float, most: int) -> Fit:
    """Forward steps, each followed by second thoughts, until nothing more is beyond chance."""
    fit = refit(rows, data, ())
    while len(fit.picked) < most:
        found = best(rows, data, fit.leaves, alpha)
        if found is None or found in fit.picked:
            break
        revised = _revise(rows, data, refit(rows, data, (*fit.picked, found)), alpha)
        if set(revised.picked) == set(fit.picked):
            break
        fit = revised
    return fit


def _revise(rows: Rows, data: Data, fit: Fit, alpha: float) -> Fit:
    """Give up each segment in turn for the best one given the others, or for none."""
    for _ in range(3 if len(fit.picked) > 1 else 0):
        before = fit.picked
        for row in before:
            others = tuple(k for k in fit.picked if k != row)
            rest = refit(rows, data, others)
            found = best(rows, data, rest.leaves, alpha)
            fit = refit(rows, data, (*others, found)) if found is not None and found not in others else rest
        if set(fit.picked) == set(before):
            break
    return fit
