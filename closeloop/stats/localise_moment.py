"""Which segment explains an incident of a rate at one moment, when nothing tells what was usual.

Regions, servers and clients have rates of their own, and so has every cell; a segment is the incident when it
stands out beyond both.  All of that is one logistic model with random effects, fitted by penalized quasi-likelihood
(Breslow & Clayton 1993, "Approximate inference in generalized linear mixed models"): an effect for every value of
every dimension, drawn towards zero, cells that wobble, and one segment at a time that may move freely.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.special import expit, logit, xlogy
from scipy.stats import chi2

from closeloop.stats import cuboids as cb
from closeloop.stats.localise_baseline import RateCube, Rows, rows
from closeloop.stats.localise_results import Changed, Localised, Search

Array = NDArray[np.float64]

SCREENED, CLOSER = 400, 30  # segments that are screened by one step, and those of them that are fitted
STEPS = 8  # Newton steps of a fit, each at most TWO on the scale of log odds
TWO = 2.0
PART = 0.1  # of how unlike values seem: what stands out is rather the incident than one of its kind
LEAST, MOST = 1e-3, 2.0  # variances on the scale of log odds that are thought possible
CHI2_MEDIAN, CHI2_CAPPED, CAP = 0.4549, 0.95, 6.0  # median of chi-square, and its mean when values are capped
USUAL, FREE = 0.9, 1.0  # log of the factor by which incidents move a segment: centre and spread
Z95 = 1.959964
CLOSE = 2.2  # twice the log of 3: a rival whose likelihood is within a factor 3 is as good


class Cells(NamedTuple):
    """Events and exposure of every leaf as far as they count, the effects that it has a part in, and their precision.

    A cell that wobbles by itself tells less than its exposure says: both are scaled down.
    """

    events: Array
    exposure: Array
    design: sparse.csr_matrix
    precision: Array


class Fit(NamedTuple):
    """Effects, the rate of each leaf, the curvature of the effects, and the penalized log-likelihood."""

    effects: Array
    rate: Array
    curvature: Array
    likelihood: float


class Looked(NamedTuple):
    """One segment (row) fitted: by how much it moved in log odds, the variance of that, and the deviance gained.

    `score` is that less its price, `usual` the rates of its leaves had it not moved.
    """

    row: int
    moved: float
    variance: float
    gained: float
    score: float
    usual: Array


def localise_moment(cube: RateCube, search: Search) -> Localised:
    """Name the segments that explain too many events best, the likeliest first, each as if it were the only one."""
    cube = cube._replace(exposure1=_enough(cube.count1, cube.exposure1))
    flat = np.full(len(cube.count1), cube.count1.sum() / cube.exposure1.sum())
    table = rows(cube, flat, search.depth, search.support)
    cells = _cells(cube)
    quiet = _fit(cells)
    looked = [_closer(table, cells, quiet, row) for row in _screen(table, cells, quiet)]
    ranked = sorted((one for one in looked if one.moved > 0), key=lambda one: (-one.score, one.row))
    named = [_changed(cube, table, one, ranked) for one in ranked[: search.most]]
    kept = tuple(one for one in named if one.p <= search.alpha)
    observed, excess = float(cube.count1.sum()), kept[0].excess if kept else 0.0
    return Localised(kept, observed, observed - excess, 0.0, 1.0, len(table.segments))


def _enough(count: Array, exposure: Array) -> Array:
    """Exposure that no count exceeds: events that may occur more than once are taken as rare ones of more."""
    most = float((count / np.maximum(exposure, 1e-300)).max())
    return exposure if most <= 1 else exposure * 10 * most


def _cells(cube: RateCube) -> Cells:
    """Learn how unlike values are and how much cells wobble, in a few rounds, and weigh both in."""
    design = _design(cube)
    plain = Cells(cube.count1, cube.exposure1, design, np.ones(1 + sum(len(axis.values) for axis in cube.axes)))
    unlike, wobble = 0.1, 0.1
    rate = np.full(len(cube.count1), cube.count1.sum() / cube.exposure1.sum())
    for _ in range(4):
        fit = _fit(_weighed(plain, unlike, wobble, rate))
        unlike, wobble, rate = float(np.sqrt(unlike * _unlike(fit, unlike))), _wobble(plain, fit.rate), fit.rate
    return _weighed(plain, max(LEAST, PART * unlike), wobble, rate)


def _design(cube: RateCube) -> sparse.csr_matrix:
    n = len(cube.count1)
    starts = np.cumsum([1, *(len(axis.values) for axis in cube.axes)])
    columns = np.concatenate([np.zeros(n, int), *(s + c for s, c in zip(starts, cube.codes, strict=False))])
    at = np.tile(np.arange(n), len(cube.codes) + 1)
    return sparse.csr_matrix((np.ones(len(at)), (at, columns)), shape=(n, int(starts[-1])))


def _weighed(plain: Cells, unlike: float, wobble: float, rate: Array) -> Cells:
    """Scale cells down to what they tell, their variance being n p q (1 + wobble n p q) instead of n p q."""
    precision = np.full(len(plain.precision), 1 / unlike)
    precision[0] = 1e-6
    part = 1 / (1 + wobble * plain.exposure * rate * (1 - rate))
    return Cells(plain.events * part, plain.exposure * part, plain.design, precision)


def _unlike(fit: Fit, unlike: float) -> float:
    """Variance between the values of dimensions, by the median of squares, which a few that failed do not move."""
    variance = np.diag(linalg.solve(fit.curvature, np.eye(len(fit.effects)), assume_a="pos"))
    told = np.maximum(1 - variance[1:] / unlike, 0.02)
    use = told > 0.15
    if use.sum() <= 5:
        return 0.05
    return float(np.clip(np.median(fit.effects[1:][use] ** 2 / told[use]) / CHI2_MEDIAN, LEAST, MOST))


def _wobble(plain: Cells, rate: Array) -> float:
    """Variance of cells by themselves, such that their capped squares are as large on average as they should be."""
    chance = plain.exposure * rate * (1 - rate)
    big = chance >= 1
    if big.sum() <= 20:
        return 0.1
    off, chance = (plain.events - plain.exposure * rate)[big] ** 2, chance[big]
    grid = np.geomspace(LEAST, MOST, 41)
    seen = [float(np.minimum(off / (chance + x * chance**2), CAP).mean()) for x in grid]
    return float(grid[np.argmin(np.abs(np.array(seen) - CHI2_CAPPED))])


def _fit(cells: Cells) -> Fit:
    """Fit all effects by Newton's method."""
    effects = np.zeros(len(cells.precision))
    effects[0] = logit(min(0.99, cells.events.sum() / cells.exposure.sum()))
    for _ in range(STEPS):
        rate = expit(cells.design @ effects)
        step = _bounded(linalg.solve(_curvature(cells, rate), _slope(cells, rate, effects), assume_a="pos"))
        effects += step
        if np.abs(step).max() < 1e-3:
            break
    rate = expit(cells.design @ effects)
    return Fit(effects, rate, _curvature(cells, rate), _likelihood(cells, rate, effects))


def _bounded(step: Array) -> Array:
    return step * min(1.0, TWO / max(float(np.abs(step).max()), 1e-12))


def _slope(cells: Cells, rate: Array, effects: Array) -> Array:
    return cells.design.T @ (cells.events - cells.exposure * rate) - cells.precision * effects


def _curvature(cells: Cells, rate: Array) -> Array:
    weight = cells.exposure * rate * (1 - rate)
    curvature = np.asarray((cells.design.T @ cells.design.multiply(weight[:, None])).todense())
    curvature[np.diag_indices_from(curvature)] += cells.precision
    return curvature


def _likelihood(cells: Cells, rate: Array, effects: Array) -> float:
    fits = xlogy(cells.events, rate) + xlogy(cells.exposure - cells.events, 1 - rate)
    return float(fits.sum() - (cells.precision[1:] * effects[1:] ** 2).sum() / 2)


def _screen(table: Rows, cells: Cells, fit: Fit) -> cb.Ints:
    """Segments with too many events, likeliest first, judged by one step that lets all effects give way."""
    o, n, e = (table.members @ values for values in (cells.events, cells.exposure, cells.exposure * fit.rate))
    high = np.clip(o / n, 1e-9, 1 - 1e-9)
    gained = np.where(o > e, 2 * (xlogy(o, high / (e / n)) + xlogy(n - o, (1 - high) / (1 - e / n))), 0.0)
    near = np.argsort(table.price - gained, kind="stable")[:SCREENED]
    near = near[o[near] > e[near]]
    weight = cells.exposure * fit.rate * (1 - fit.rate)
    alone = table.members[near] @ weight
    shared = np.asarray((table.members[near].multiply(weight[None, :]) @ cells.design).todense())
    given = (shared * linalg.solve(fit.curvature, shared.T, assume_a="pos").T).sum(axis=1)
    free = np.maximum(1 - given / np.maximum(alone, 1e-300), 0.02)
    return near[np.argsort(table.price[near] - gained[near] / free, kind="stable")[:CLOSER]]


def _closer(table: Rows, cells: Cells, quiet: Fit, row: int) -> Looked:
    """Let one segment move, and all effects with it, by steps along a curvature that is taken once."""
    inside = table.members[row].indices
    effects, moved = quiet.effects.copy(), USUAL
    rate = _moved_rate(cells, effects, inside, moved)
    whole = _bordered(cells, quiet, inside, rate)
    solver = linalg.cho_factor(whole)
    for _ in range(STEPS):
        off = (cells.events - cells.exposure * rate)[inside].sum() - (moved - USUAL) / FREE**2
        step = _bounded(linalg.cho_solve(solver, np.append(_slope(cells, rate, effects), off)))
        effects, moved = effects + step[:-1], moved + float(step[-1])
        rate = _moved_rate(cells, effects, inside, moved)
        if np.abs(step).max() < 1e-2:
            break
    gained = 2 * (_likelihood(cells, rate, effects) - quiet.likelihood) - ((moved - USUAL) / FREE) ** 2
    usual = expit(cells.design[inside] @ effects)
    variance = float(linalg.cho_solve(solver, np.eye(len(whole))[-1])[-1])
    return Looked(row, moved, variance, gained, gained - float(table.price[row]), usual)


def _moved_rate(cells: Cells, effects: Array, inside: cb.Ints, moved: float) -> Array:
    odds = cells.design @ effects
    odds[inside] += moved
    return expit(odds)


def _bordered(cells: Cells, quiet: Fit, inside: cb.Ints, rate: Array) -> Array:
    """Curvature of all effects and the segment's own, from the quiet one and what is different inside."""
    part, n = cells.design[inside], cells.exposure[inside]
    weight, before = (n * r * (1 - r) for r in (rate[inside], quiet.rate[inside]))
    effects = quiet.curvature + np.asarray((part.T @ part.multiply((weight - before)[:, None])).todense())
    border = np.asarray(part.T @ weight)
    return np.block([[effects, border[:, None]], [border[None, :], weight.sum() + 1 / FREE**2]])


def _changed(cube: RateCube, table: Rows, one: Looked, rivals: list[Looked]) -> Changed:
    """Say what one segment showed, and what its leaves would have shown had it not moved."""
    inside = table.members[one.row].indices
    n = cube.exposure1[inside]
    o, e = float(cube.count1[inside].sum()), float(one.usual @ n)
    odds, half = logit(one.usual), Z95 * float(np.sqrt(one.variance))
    low, high = (float(expit(odds + one.moved + side) @ n) for side in (-half, half))
    total, axes = float(cube.count1.sum()), cube.axes
    near = [r.row for r in rivals if r.row != one.row and r.score >= one.score - CLOSE]
    return Changed(
        where=cb.where(axes, table.segments[one.row]),
        observed=o,
        expected=e,
        excess=o - e,
        excess_low=low - e,
        excess_high=high - e,
        ratio=o / e,
        ratio_low=low / e,
        ratio_high=high / e,
        p=min(1.0, float(chi2.sf(one.gained, 1) * table.tests[one.row])),
        evidence=one.score,
        share=abs(o - e) / total,
        same_leaves=tuple(cb.where(axes, s) for s in table.aliases[one.row]),
        equally_good=tuple(cb.where(axes, table.segments[row]) for row in near),
    )
