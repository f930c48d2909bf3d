"""What each leaf and segment of a rate cube should have shown, learned from quiet periods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import gammaln
from scipy.stats import chi2

from closeloop.stats import cuboids as cb

Array = NDArray[np.float64]

PSEUDO = 10.0  # events added to both sides of every main effect, so that thin values lean on the average
WEIGHTS = 5.0 * 2.0 ** np.arange(7)  # prior weights, in events, among which the data choose
CAUTION = 0.1  # variation between periods is taken at its upper 90 % limit: eight weeks tell little of it


class RateCube(NamedTuple):
    """Leaves of a rate: counts and exposure of quiet periods (periods x leaves) and of the current one."""

    axes: list[cb.Axis]
    codes: list[cb.Ints]
    count0: Array
    exposure0: Array
    count1: Array
    exposure1: Array


class Rows(NamedTuple):
    """Segments under test: a sparse row of leaves each, and what the quiet periods say of it.

    `calibration` multiplies the leaf model's expectation.  `doubt` is the squared relative error of that
    expectation for one more period, `level_doubt` the same for the whole.  `price` is what a segment must
    gain in deviance to be worth naming, `tests` the number of tests to pay for.
    """

    members: sparse.csr_matrix
    segments: list[cb.Segment]
    aliases: list[list[cb.Segment]]
    price: Array
    tests: Array
    calibration: Array
    doubt: Array
    level_doubt: float


class _Quiet(NamedTuple):
    """Observed and expected events of one cuboid's cells (rows) in the quiet periods (columns)."""

    observed: Array
    expected: Array


def map_level(observed: Array, expected: Array, doubt: float) -> tuple[Array, Array]:
    """Log level a that maximises O a - E exp(a) - a^2 / (2 doubt), and that maximum, by Newton steps.

    With no doubt this is Kulldorff's (1997) unconditional scan likelihood, with endless doubt the
    conditional one; in between, how much totals usually wobble decides.
    """
    a, weight = np.zeros_like(expected, dtype=float), 1 / max(doubt, 1e-8)
    for _ in range(6):
        grown = expected * np.exp(a)
        a = np.clip(a + (observed - grown - a * weight) / (grown + weight), -3.0, 3.0)
    return a, observed * a - expected * np.exp(a) - a**2 * weight / 2


def shrinkage(observed: Array, expected: Array) -> float:
    """Prior weight, in events, of the expectation: the likeliest for gamma-Poisson counts.

    Empirical Bayes as in DuMouchel (1999), with one gamma component of mean 1.
    """
    some = expected > 0
    o, e, m = observed[some], expected[some], WEIGHTS[:, None]
    fit = gammaln(o + m) - gammaln(m) - (o + m) * np.log(m + e) + m * np.log(m)
    return float(WEIGHTS[int((fit + o * np.log(e)).sum(axis=1).argmax())])


def leaf_rates(cube: RateCube) -> Array:
    """Rate of every leaf from main effects and shrunken pair effects, by proportional fitting.

    Deming & Stephan (1940), with pseudo-counts; pairs are fitted after the main effects have settled.
    """
    count, exposure = cube.count0.sum(axis=0), cube.exposure0.sum(axis=0)
    rate = np.full(len(count), count.sum() / exposure.sum())
    for _ in range(4):
        for codes in cube.codes:
            rate *= _factors(codes, count, exposure * rate, PSEUDO)
    for _ in range(2):
        for i, j in combinations(range(len(cube.codes)), 2):
            pair = cube.codes[i] * len(cube.axes[j].values) + cube.codes[j]
            rate *= _factors(pair, count, exposure * rate, None)
    return rate


def _factors(ids: cb.Ints, count: Array, expected: Array, weight: float | None) -> Array:
    o, e = (np.asarray(np.bincount(ids, w), dtype=float) for w in (count, expected))
    m = shrinkage(o, e) if weight is None else weight
    return ((o + m) / (e + m))[ids]


def rows(cube: RateCube, rate: Array, depth: int, support: float) -> Rows:
    """Segments with enough events to test, calibrated on the quiet periods."""
    groups = [cb.cells(cube.codes, [len(a.values) for a in cube.axes], c) for c in cb.cuboids(len(cube.axes), depth)]
    members = _stack(groups, len(cube.count1))
    group = np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    quiet, level_doubt = _relative_to_level(members, cube, rate)
    calibration, doubt = _calibrate(quiet, group, support)
    doubt = doubt + _reweighting(members, cube, rate)
    most = np.maximum(members @ cube.count1, members @ (cube.exposure1 * rate))
    plausible = np.bincount(group[most >= 1], minlength=len(groups)).astype(float)
    price = np.array([2 * np.log(len(g)) + len(g.cuboid) for g in groups])
    kept, twins = _distinct(members, len(cube.count1), np.flatnonzero(most >= support))
    name = _namer(groups)
    return Rows(
        members=members[kept],
        segments=[name(r) for r in kept],
        aliases=[[name(r) for r in t] for t in twins],
        price=price[group[kept]],
        tests=plausible[group[kept]] * len(groups),
        calibration=calibration[kept],
        doubt=doubt[kept],
        level_doubt=level_doubt,
    )


def _stack(groups: Sequence[cb.Cells], n_leaves: int) -> sparse.csr_matrix:
    """Membership of leaves in the occupied cells of all cuboids, one row a cell; each leaf is in one of each."""
    starts = np.cumsum([0, *(len(g) for g in groups)])
    at = np.empty((n_leaves, len(groups)), dtype=np.int32)
    for i, (group, start) in enumerate(zip(groups, starts, strict=False)):
        at[:, i] = group.ids + start
    ends = np.arange(0, at.size + 1, len(groups))
    columns = sparse.csc_matrix((np.ones(at.size), at.ravel(), ends), shape=(int(starts[-1]), n_leaves))
    return sparse.csr_matrix(columns)


def _relative_to_level(members: sparse.csr_matrix, cube: RateCube, rate: Array) -> tuple[_Quiet, float]:
    """Quiet periods of every row, expectations raised to the level of the rest of each period."""
    total_o, total_e = cube.count0.sum(axis=1), np.array([(period * rate).sum() for period in cube.exposure0])
    level_doubt = variation(total_o[None], total_e[None], WEIGHTS[-1])
    o = np.stack([members @ period for period in cube.count0], axis=1)
    e = np.stack([members @ (period * rate) for period in cube.exposure0], axis=1)
    level, _ = map_level(total_o - o, np.maximum(total_e - e, 1e-9), level_doubt)
    return _Quiet(o, e * np.exp(level)), level_doubt


def _calibrate(quiet: _Quiet, group: cb.Ints, support: float) -> tuple[Array, Array]:
    """Ratio of observed to modelled events, shrunken, and its doubt, for the cells of each cuboid."""
    o, e = quiet.observed.sum(axis=1), quiet.expected.sum(axis=1)
    calibration, doubt = np.ones(len(o)), np.zeros(len(o))
    for g in range(int(group[-1]) + 1):
        at = group == g
        m = shrinkage(o[at], e[at])
        big = quiet.expected[at].mean(axis=1) >= support / 2
        calibration[at] = (o[at] + m) / (e[at] + m)
        doubt[at] = variation(quiet.observed[at][big], quiet.expected[at][big], m)
    return calibration, doubt


def variation(observed: Array, expected: Array, weight: float) -> float:
    """Squared relative variation between periods (columns) beyond Poisson, pooled over cells (rows).

    Each period is held against the others; the result is the upper limit that `CAUTION` asks for.
    """
    df = observed.shape[0] * (observed.shape[1] - 1)
    if df < 1:
        return 0.0
    others_o = observed.sum(axis=1, keepdims=True) - observed
    others_e = expected.sum(axis=1, keepdims=True) - expected
    fit = expected * (others_o + weight) / (others_e + weight)
    surplus = (observed - fit) ** 2 - fit - fit**2 / (others_o + weight)
    return max(float(surplus.sum() / (fit**2).sum()), 0.0) * df / float(chi2.ppf(CAUTION, df))


def _reweighting(members: sparse.csr_matrix, cube: RateCube, rate: Array) -> Array:
    """Squared relative error of an expectation that rests on a finite baseline with another mix."""
    now, before = cube.exposure1 * rate, cube.exposure0.sum(axis=0) * rate
    total = np.maximum(members @ now, 1e-9)
    return (members @ (now**2 / (before + 0.5))) / total**2


def _distinct(members: sparse.csr_matrix, n_leaves: int, eligible: cb.Ints) -> tuple[cb.Ints, list[list[int]]]:
    """Rows with leaves of their own, and for each the later rows that cover exactly the same leaves."""
    marks = members @ np.random.default_rng(0).uniform(size=n_leaves)
    sizes = members.getnnz(axis=1)
    same: dict[tuple[float, int], list[int]] = {}
    for row in eligible.tolist():
        size = int(sizes[row])
        same.setdefault((round(float(marks[row]), 7), size), []).append(row)
    return np.array([v[0] for v in same.values()], dtype=int), [v[1:] for v in same.values()]


def _namer(groups: Sequence[cb.Cells]) -> Callable[[int], cb.Segment]:
    starts = np.cumsum([0, *(len(g) for g in groups)])

    def name(row: int) -> cb.Segment:
        g = int(np.searchsorted(starts, row, side="right")) - 1
        return groups[g].segment(int(row - starts[g]))

    return name
