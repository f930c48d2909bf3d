"""Level, trend and season of many count series at once: penalised, overdispersed, robust to outbreaks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from closeloop.stats.count_tails import Floats, count_score

_OUTBREAK = 2.58  # score above which a past period is taken for an outbreak (Noufaily et al. 2013)
_FULL_TRUST = 1.5  # an outbreak of this score would keep its whole weight; 1 finds more, and cries wolf more
_CANDIDATE = 1.3  # standard deviations; below this no count reaches _OUTBREAK
_STEPS = (5, 2, 2)  # scoring steps before the first, second and third look at the dispersion
_FARTHEST = 20.0  # bound of the linear predictor; exp(20) is half a billion cases a period
_SERIES_AT_ONCE = 256  # keeps the working arrays in the processor's cache


class CountData(NamedTuple):
    """Counts of many series (series x periods) and what they are out of; NaN where missing."""

    counts: Floats
    trials: Floats | None = None

    def rows(self, chosen: slice) -> CountData:
        """Return some of the series."""
        return CountData(self.counts[chosen], None if self.trials is None else self.trials[chosen])


class TrendFit(NamedTuple):
    """Coefficients (series x terms) and how sure they are."""

    coefficients: Floats
    covariance: Floats  # series x terms x terms, for a dispersion of 1
    dispersion: Floats  # variance over that of a Poisson or binomial count, at least 1
    log_variance: Floats  # sampling variance of log dispersion


class _Problem(NamedTuple):
    data: CountData  # missing values filled with 0 out of 1
    seen: Floats  # 1 where there is a value, else 0
    design: Floats
    penalty: Floats


def fit_trend(data: CountData, design: Floats, penalty: Floats) -> TrendFit:
    """Fit a log-linear (or, with trials, logistic) trend to every series.

    Args:
        data: Counts; missing periods are left out, not taken as 0.
        design: Regressors (periods x terms, the first is the level), shared by all series.
        penalty: Prior precision of each coefficient, 0 for none.

    Quasi-likelihood scoring; periods that look like past outbreaks weigh (1.5 / score) squared, after
    Farrington et al. (1996, JRSS A 159:547-563) and Noufaily et al. (2013, Stat Med 32:1206-1222).
    The score is that of the overdispersed tail itself instead of an Anscombe residual, so that
    skewed quiet series keep more of their own high counts.

    """
    parts = [_fit(_problem(data.rows(rows), design, penalty)) for rows in _slices(len(data.counts))]
    return TrendFit(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def linear(coefficients: Floats, design: Floats) -> Floats:
    """Return the linear predictor (series x periods)."""
    return np.clip(coefficients @ design.T, -_FARTHEST, _FARTHEST)


def moments(predictor: Floats, trials: Floats | None) -> tuple[Floats, Floats]:
    """Return mean and Poisson or binomial variance of counts with this linear predictor."""
    if trials is None:
        mean = np.exp(predictor)
        return mean, mean
    rate = expit(predictor)
    return trials * rate, trials * rate * (1 - rate)


def _slices(length: int) -> list[slice]:
    return [slice(first, first + _SERIES_AT_ONCE) for first in range(0, max(length, 1), _SERIES_AT_ONCE)]


def _problem(data: CountData, design: Floats, penalty: Floats) -> _Problem:
    """Fill the gaps, and give half a case to each whole series (Jeffreys).

    Without that half case a series that never had any would expect exactly none.
    """
    seen = np.isfinite(data.counts).astype(float)
    share = 0.5 / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    count = np.nan_to_num(data.counts) + share * seen
    trials = None if data.trials is None else np.nan_to_num(data.trials, nan=1.0) + 2 * share
    return _Problem(CountData(count, trials), seen, design, penalty)


def _fit(problem: _Problem) -> TrendFit:
    dispersion, weight = np.ones(len(problem.seen)), problem.seen
    coefficients, covariance = _level_only(problem), np.empty(0)
    for look, steps in enumerate(_STEPS):
        if look:
            weight = problem.seen * _trust(problem, linear(coefficients, problem.design), dispersion)
        for _ in range(steps):
            step, covariance = _scoring_step(problem, coefficients, weight, dispersion)
            coefficients = coefficients + step
        dispersion = _dispersion(problem, coefficients, weight)
    log_variance = _log_variance(problem, coefficients, weight, dispersion)
    return TrendFit(coefficients, covariance, dispersion, log_variance)


def _level_only(problem: _Problem) -> Floats:
    """Start from the overall level of each series."""
    (count, trials), seen = problem.data, problem.seen
    total = count.sum(axis=1)
    coefficients = np.zeros((len(count), problem.design.shape[1]))
    if trials is None:
        coefficients[:, 0] = np.log(total / np.maximum(seen.sum(axis=1), 1))
    else:
        coefficients[:, 0] = np.log(total / ((trials * seen).sum(axis=1) - total))
    return coefficients


def _scoring_step(
    problem: _Problem, coefficients: Floats, weight: Floats, dispersion: Floats
) -> tuple[Floats, Floats]:
    """Return one Fisher scoring step and the inverse of the information."""
    design, terms = problem.design, problem.design.shape[1]
    mean, variance = moments(linear(coefficients, design), problem.data.trials)
    pairs = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    prior = dispersion[:, None] * problem.penalty
    information = ((weight * variance) @ pairs).reshape(-1, terms, terms)
    information[:, np.arange(terms), np.arange(terms)] += prior
    slope = (weight * (problem.data.counts - mean)) @ design - prior * coefficients
    covariance = np.linalg.inv(information)
    step: Floats = np.clip(np.einsum("sij,sj->si", covariance, slope), -2, 2)
    return step, covariance.astype(np.float64)


def _trust(problem: _Problem, predictor: Floats, dispersion: Floats) -> Floats:
    """Return 1 for quiet periods and less for those that look like outbreaks."""
    count, trials = problem.data
    mean, variance = moments(predictor, trials)
    variance = variance * dispersion[:, None]
    high = np.nonzero(count - mean > _CANDIDATE * np.sqrt(variance))
    score = count_score(count[high], mean[high], variance[high], None if trials is None else trials[high])
    trust = np.ones_like(count)
    trust[high] = np.where(score > _OUTBREAK, (_FULL_TRUST / np.maximum(score, 1)) ** 2, 1.0)
    return trust


def _dispersion(problem: _Problem, coefficients: Floats, weight: Floats) -> Floats:
    """Return the Pearson estimate, at least 1."""
    mean, variance = moments(linear(coefficients, problem.design), problem.data.trials)
    squares = (weight * (problem.data.counts - mean) ** 2 / variance).sum(axis=1)
    return np.maximum(squares / _freedom(problem, weight), 1.0)


def _log_variance(problem: _Problem, coefficients: Floats, weight: Floats, dispersion: Floats) -> Floats:
    """Return the variance of log dispersion: squared residuals vary by 2 + excess kurtosis."""
    _, variance = moments(linear(coefficients, problem.design), problem.data.trials)
    wide = dispersion[:, None]
    kurtosis = 6 * (wide - 1) / variance + 1 / (wide * variance)
    return (weight**2 * (2 + kurtosis)).sum(axis=1) / _freedom(problem, weight) ** 2


def _freedom(problem: _Problem, weight: Floats) -> Floats:
    return np.maximum(weight.sum(axis=1) - problem.design.shape[1], 1.0)
