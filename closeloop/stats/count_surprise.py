"""The score of a count given its expectation, the doubt about it, and the period before."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from closeloop.stats.count_tails import Floats, count_score

_MOST_FROM_MEMORY = 1.3  # scores; so a period flagged at p < .005 has p < .1 by itself
_ENOUGH_TO_POOL = 5  # series
_MOST_LOG_VARIANCE = 0.5  # a dispersion that no data show is still known to a factor of two
_LEAST_SPREAD = 0.01  # variance of log dispersion between series; two series are never quite alike


class Forecast(NamedTuple):
    """What is expected of the previous and the judged period, before dispersions are pooled."""

    mean: Floats  # series x 2
    base_variance: Floats  # Poisson or binomial; also the slope of the mean in the linear predictor
    doubt: Floats  # series x 2 x 2, covariance of the linear predictor for a dispersion of 1
    dispersion: Floats  # one a series, as the next
    log_variance: Floats  # of log dispersion


class Expectation(NamedTuple):
    """All that decides how surprising a count of the judged period is; one value a series."""

    mean: Floats
    variance: Floats
    trials: Floats | None
    memory: Floats  # weighted score of the previous period
    scale: Floats  # standard deviation of this period's score plus memory
    freedom: Floats  # degrees of freedom behind the dispersion

    def score(self, count: Floats) -> Floats:
        """Return the normal score of these counts.

        The scores of two periods are added (Stouffer's weighted z). What the previous period adds is
        bounded, so that no quiet period is flagged for its predecessor. A t quantile allows for the
        dispersion being an estimate.
        """
        alone = count_score(count, self.mean, self.variance, self.trials)
        joint = np.clip((alone + self.memory) / self.scale, alone - _MOST_FROM_MEMORY, alone + _MOST_FROM_MEMORY)
        return -np.sign(joint) * ndtri(stdtr(self.freedom, -np.abs(joint)))

    def limits(self, score: float) -> tuple[Floats, Floats]:
        """Return the least and the greatest count whose score lies within -score..score."""
        low = self._greatest(lambda count: self.score(count) < -score) + 1
        return low, self._greatest(lambda count: self.score(count) <= score)

    def _greatest(self, holds: Callable[[Floats], NDArray[np.bool_]]) -> Floats:
        """Return the greatest count for which `holds`, by bisection; -1 if it never does."""
        below = np.full_like(self.mean, -1.0)
        far = np.ceil(self.mean + 40 * np.sqrt(self.variance) + 40)
        above = far if self.trials is None else self.trials + 1
        while np.any(above - below > 1):
            middle = np.clip(np.floor((below + above) / 2), 0, None)
            inside = holds(middle)
            below, above = np.where(inside, middle, below), np.where(inside, above, middle)
        return below


def expectation(forecast: Forecast, previous: Floats, trials: Floats | None, *, memory: float) -> Expectation:
    """Combine forecasts, pooled dispersion and the previous period's counts (NaN: no memory of it).

    `trials` holds those of both periods (series x 2).
    """
    dispersion, freedom = pool_dispersion(forecast.dispersion, forecast.log_variance)
    slope = forecast.base_variance
    doubt = dispersion[:, None, None] * slope[:, :, None] * slope[:, None, :] * forecast.doubt
    variance = dispersion[:, None] * slope + np.einsum("sii->si", doubt)
    before, now = (None, None) if trials is None else (trials[:, 0], trials[:, 1])
    known = np.isfinite(previous)
    score = count_score(np.where(known, previous, 0), forecast.mean[:, 0], variance[:, 0], before)
    weight = np.where(known, memory, 0.0)
    shared = doubt[:, 0, 1] / np.sqrt(variance[:, 0] * variance[:, 1])
    scale = np.sqrt(1 + weight**2 + 2 * weight * shared)
    return Expectation(forecast.mean[:, 1], variance[:, 1], now, weight * score, scale, freedom)


def pool_dispersion(dispersion: Floats, log_variance: Floats) -> tuple[Floats, Floats]:
    """Shrink dispersions towards their common value; return them and their degrees of freedom.

    Empirical Bayes on the log scale: the spread between series by DerSimonian and Laird (1986,
    Controlled Clinical Trials 7:177-188), the rest is sampling error. A log variance v is worth 2 / v
    degrees of freedom. Under five series there is nothing to learn from: they stay as they are.
    """
    log_variance = np.minimum(log_variance, _MOST_LOG_VARIANCE)
    if len(dispersion) < _ENOUGH_TO_POOL:
        return dispersion, 2 / log_variance
    log, precision = np.log(dispersion), 1 / log_variance
    centre = np.average(log, weights=precision)
    surplus = (precision * (log - centre) ** 2).sum() - (len(log) - 1)
    spread = max(surplus / (precision.sum() - (precision**2).sum() / precision.sum()), _LEAST_SPREAD)
    centre = np.average(log, weights=1 / (log_variance + spread))
    own = spread / (spread + log_variance)
    return np.exp(own * log + (1 - own) * centre), 2 / (own * log_variance)
