"""The model behind the before/after test: a panel of logs whose noise is integrated out on a grid.

The log level of unit s in block w is

    z[s, w] = level[s] + block[w] + effect * after[w] * treated[s] + noise[s, w],

with free block effects, random unit levels, sampling variance known from the counts, and slow noise that all units
share in kind: tau_a^2 AR1(phi) + tau_i^2.  The treated unit may be noisier (k), may answer more or less to what moves
every unit (loading), and may be drifting already (slope).  Nothing of this is chosen: each point of a small grid is
weighted by its restricted likelihood (Harville 1977, JASA 72:320) and its prior mass, so that the effect is a mixture
of normals from which estimate, interval and p value all come.

The treated unit is predicted from its own past, which is what protects against regression to the mean when it was
picked for being bad (Hauer et al. 2002, Transportation Research Record 1784).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from closeloop.stats.panel_days import Hint
from closeloop.stats.panel_mixture import Mixture
from closeloop.stats.panel_noise import Prior, noise_kinds, noise_logmass

Array = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]

UNKNOWN_LEVEL, UNKNOWN_RISE = 4.0, 100.0  # variances: a level that few units tell, a known pattern's first step
MISSING = 1e4  # sampling variance of a block without data
NEGLIGIBLE = 1e-6  # grid points with less weight are dropped


class Panel(NamedTuple):
    """Logs of units x blocks, the treated unit in row 0; blocks without data have sampling variance `MISSING`."""

    logs: Array
    variance: Array
    after: Flags
    season: npt.NDArray[np.int64] | None = None  # season of each block, 0..11
    turn: float = 0.0  # how far the effect may drift from its first block to its last, sd in logs
    joined: int = 1  # how many blocks the last one stands for
    room: float = 1.0  # what the share of the treated unit left to one before; 1 where levels are logs
    risen: Array | None = None  # part of each block in which the pattern stood that the change is aimed at
    hint: Hint | None = None  # what the days within weeks tell of the treated unit


TIMES = Prior((0.7, 1.0, 1.4, 2.0, 2.8), (0.14, 0.68, 0.09, 0.06, 0.03))
SLOPE = Prior((0.0,), (1.0,))
TREND = Prior((0.0, 0.02, -0.02), (0.60, 0.20, 0.20))
ABOUT = 0.4  # sd of a trend around the one it is about, as a part of it
LOADING = Prior((0.0, 0.5), (0.85, 0.15))
SEASON_VARIANCE = 0.15**2  # how far the seasons of a unit stray from those of all


@dataclass(frozen=True)
class TreatedPrior:
    """What the treated unit may have of its own: noise (times), a trend, another answer to shared movement (sd).

    A trend per period is about one of `trend`, and strays from it by one of the sds of `slope`. A trend worth fearing
    is not next to none: a prior that leaves out the middle lets data tell the two apart sooner than one that is
    densest at none (Johnson and Rossell 2010, JRSS B 72:143).
    """

    times: Prior = TIMES
    slope: Prior = SLOPE
    loading: Prior = LOADING
    trend: Prior = TREND


NONE = Prior((0.0,), (1.0,))
ALONE = TreatedPrior()
LONG = 24  # blocks before, from which trends too small to matter in twelve are told by the data, and add up
FOLLOWED = TreatedPrior(slope=Prior((0.0, 0.008), (0.5, 0.5)))
PLAIN = TreatedPrior(Prior((1.0,), (1.0,)), NONE, NONE, NONE)


@lru_cache
def prior_grid(prior: TreatedPrior) -> tuple[Array, Array]:
    """What each point makes of residual, step, time and movement (slopes x loadings x 4 x 4), and its log mass."""
    trend, slope, loading = np.meshgrid(prior.trend.values, prior.slope.values, prior.loading.values, indexing="ij")
    made = np.zeros((*trend.shape, 4, 4))
    spread = np.hypot(slope, ABOUT * trend)
    made[..., range(4), range(4)] = np.stack([np.ones_like(slope), np.ones_like(slope), spread, loading], axis=-1)
    made[..., 0, 2] = -trend
    masses = prior.times.mass, prior.trend.mass, prior.slope.mass, prior.loading.mass
    mass = np.einsum("k,t,s,l->ktsl", *masses).reshape(len(prior.times.mass), -1, loading.shape[-1])
    return made.reshape(-1, loading.shape[-1], 4, 4), np.log(mass)


class Shared(NamedTuple):
    """What the controls say, for each kind of noise (first axis)."""

    noise: Array  # kinds x blocks x blocks
    precision: Array  # kinds x controls x blocks x blocks
    weighted: Array  # kinds x controls x blocks: precision times logs
    logweight: Array  # kinds: restricted log likelihood of the controls


class Common(NamedTuple):
    """The block effects as the controls tell them, for each kind of noise."""

    effect: Array  # kinds x blocks
    covariance: Array  # kinds x blocks x blocks


class Unit(NamedTuple):
    """One unit to be judged: its logs, their fixed covariance and when it changed.

    Logs and covariance may have a first axis that runs along with the kinds of noise.
    """

    logs: Array  # blocks
    covariance: Array  # blocks x blocks: sampling noise, level, season
    after: Flags
    time: Array  # periods, 0 in the middle of the time before
    turn: float = 0.0  # sd of the drift of the effect from its first block to its last
    hint: Hint | None = None


def level_variance(panel: Panel) -> float:
    """How much the levels of units differ, by moments; unknown below five controls."""
    controls, variance = panel.logs[1:], panel.variance[1:]
    if len(controls) < 5:
        return UNKNOWN_LEVEL
    seen = variance < MISSING
    count = np.maximum(seen.sum(axis=1), 1)
    level = (controls * seen).sum(axis=1) / count
    noise = (variance * seen).sum(axis=1) / count**2
    return float(max(level.var(ddof=1) - noise.mean(), 1e-3))


def fixed_covariance(panel: Panel) -> Array:
    """What does not depend on the kind of noise: units x blocks x blocks."""
    blocks = panel.logs.shape[1]
    fixed = panel.variance[:, :, None] * np.eye(blocks) + level_variance(panel)
    if panel.season is not None:
        fixed += SEASON_VARIANCE * (panel.season[:, None] == panel.season)
    return fixed


def listen(panel: Panel, noise: Array) -> Shared:
    """Weigh the controls under each kind of noise."""
    covariance = noise[:, None] + fixed_covariance(panel)[1:]
    precision = np.linalg.inv(covariance)
    weighted = np.einsum("bsij,sj->bsi", precision, panel.logs[1:])
    fit = np.einsum("bsi,si->b", weighted, panel.logs[1:]) + log_det(covariance).sum(axis=1)
    return Shared(noise, precision, weighted, -0.5 * fit)


def log_det(covariance: Array) -> Array:
    """Log determinants of a stack of covariances."""
    factor = np.linalg.cholesky(covariance)
    return 2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)


def block_effects(shared: Shared) -> Common:
    """The free effect of every block from all controls; nothing without controls."""
    kinds, controls, blocks = shared.weighted.shape
    if controls == 0:
        return Common(np.zeros((kinds, blocks)), np.zeros((kinds, blocks, blocks)))
    return combine(shared.precision.sum(axis=1), shared.weighted.sum(axis=1))


def without_each(shared: Shared) -> Common:
    """The block effects with each control left out in turn (first axis), for one kind of noise."""
    precision, weighted = shared.precision[0], shared.weighted[0]
    return combine(precision.sum(axis=0) - precision, weighted.sum(axis=0) - weighted)


def combine(precision: Array, weighted: Array) -> Common:
    """Block effects from sums over controls."""
    covariance = np.linalg.inv(precision)
    return Common(np.einsum("bij,bj->bi", covariance, weighted), covariance)


def control_logweight(shared: Shared, common: Common) -> Array:
    """Restricted log likelihood of the controls, block effects integrated out."""
    if shared.weighted.shape[1] == 0:
        return np.zeros(len(shared.noise))
    explained = np.einsum("bi,bi->b", shared.weighted.sum(axis=1), common.effect)
    return shared.logweight + 0.5 * (explained + log_det(common.covariance))


class Points(NamedTuple):
    """Answer and log weight of every point: kinds x times x slopes x loadings."""

    mean: Array
    variance: Array
    logweight: Array


def judge(unit: Unit, common: Common, noise: Array, prior: TreatedPrior) -> Points:
    """Estimate the effect on one unit at every point of the grid.

    Slope and loading have normal priors, so they are integrated out of a 3 x 3 Gram matrix; only the noise of the
    unit needs a factorisation for each point.
    """
    gram, logdet = whitened_gram(unit, common, noise, prior.times)
    if unit.hint is not None:
        gram = with_answer(gram, unit.hint)
        logdet = logdet - 2 * unit.hint.log_likelihood(np.array(prior.times.values))
    made, logmass = prior_grid(prior)
    gram = made @ gram[:, :, None, None] @ made.swapaxes(-1, -2)
    inner = gram[..., 1:, 1:] + np.diag([0.0, 1.0, 1.0])
    cross = gram[..., 1:, 0]
    inverse = np.linalg.inv(inner)
    beta = (inverse @ cross[..., None])[..., 0]
    misfit = gram[..., 0, 0] - (cross * beta).sum(axis=-1)
    logweight = -0.5 * (logdet[:, :, None, None] + np.log(np.linalg.det(inner)) + misfit)
    return Points(beta[..., 0], inverse[..., 0, 0], logweight + logmass)


def whitened_gram(unit: Unit, common: Common, noise: Array, times: Prior) -> tuple[Array, Array]:
    """Inner products of residual, step, time and common movement in the metric of the noise, and its log det."""
    k = np.array(times.values)
    known = common.covariance + unit.covariance + drift_of_effect(unit.after, unit.turn)
    covariance = k[:, None, None] ** 2 * noise[:, None] + known[:, None]
    factor = np.linalg.cholesky(covariance)
    movement = common.effect - common.effect[:, ~unit.after].mean(axis=1, keepdims=True)
    step, time = np.broadcast_arrays(unit.after.astype(float), unit.time)
    rows = np.broadcast_to(np.stack([step, time]), (len(movement), 2, len(step)))
    columns = np.concatenate([(unit.logs - common.effect)[:, None], rows, movement[:, None]], axis=1)
    white = np.linalg.solve(factor, np.broadcast_to(columns.swapaxes(1, 2)[:, None], (*factor.shape[:3], 4)))
    return white.swapaxes(-1, -2) @ white, 2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)


def with_answer(gram: Array, hint: Hint) -> Array:
    """The same with one more observation, of how the treated unit answers: its residual, and its movement of one."""
    seen = np.array([hint.answer - 1, 0.0, 0.0, 1.0])
    return gram + hint.precision * np.outer(seen, seen)


def drift_of_effect(after: Flags, turn: float) -> Array:
    """Covariance of an effect that grows or fades over the blocks after; the estimate is then its mean.

    Without it an effect that grows for years would be told by its first step alone.
    """
    number = int(after.sum())
    path = np.zeros(len(after))
    path[after] = (np.arange(number) - (number - 1) / 2) / max(number, 1)
    return turn**2 * np.outer(path, path)


def time_from(after: Flags) -> Array:
    """Periods counted from the middle of the time before the change."""
    time = np.arange(len(after), dtype=float)
    return time - time[~after].mean()


def treated_unit(panel: Panel) -> Unit:
    """Row 0 of the panel, to be judged."""
    time = time_from(panel.after)
    time[-1] += (panel.joined - 1) / 2
    own = 0.0 if panel.risen is None else UNKNOWN_RISE * np.outer(panel.risen, panel.risen)
    return Unit(panel.logs[0], fixed_covariance(panel)[0] + own, panel.after, time, panel.turn, panel.hint)


class Fit(NamedTuple):
    """Everything the grid said: kept so that the checks need not start again."""

    panel: Panel
    shared: Shared
    common: Common
    points: Points
    kinds: Array  # weight of each kind of noise
    prior: TreatedPrior

    def mixture(self, least: float = NEGLIGIBLE) -> Mixture:
        """The shift as one mixture of normals; points with less weight than the least are left out."""
        return mix(self.points, least)


def mix(points: Points, least: float = NEGLIGIBLE) -> Mixture:
    """Normalise the weights and drop what does not count."""
    weight = np.exp(points.logweight - points.logweight.max()).ravel()
    keep = weight > least * weight.sum()
    weight = weight[keep] / weight[keep].sum()
    return Mixture(points.mean.ravel()[keep], np.sqrt(points.variance.ravel()[keep]), weight)


def fit(panel: Panel, prior: TreatedPrior | None = None) -> Fit:
    """Integrate the noise out: the whole grid at once."""
    prior = prior or (FOLLOWED if (~panel.after).sum() >= LONG else ALONE)
    noise = noise_kinds(panel.logs.shape[1], panel.joined)
    shared = listen(panel, noise)
    common = block_effects(shared)
    points = judge(treated_unit(panel), common, noise, prior)
    kind = control_logweight(shared, common) + noise_logmass()
    logweight = points.logweight + kind[:, None, None, None]
    points = points._replace(logweight=logweight)
    kinds = np.exp(logweight - logweight.max()).sum(axis=(1, 2, 3))
    return Fit(panel, shared, common, points, kinds / kinds.sum(), prior)
