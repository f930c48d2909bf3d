"""Has one series stepped, or does it drift?  A ramp from a first period on, with intervals for slope and start."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import t as student

from closeloop.stats.level_shift import MIN_BASELINE

Floats = NDArray[np.float64]

SHORTEST = 6
"""Periods that a drift must have lasted: fewer look like a step that began within a period."""

BETTER = 6.0
"""Twice the log likelihood by which a ramp must beat a step, both with one free start and one free size."""


class Drift(NamedTuple):
    """A ratio that has grown by `slope` a period (95 %: `low` to `high`) from `level` on, for `periods` periods.

    The start lies with 95 % `latest` to `earliest` periods back.
    """

    level: float
    slope: float
    low: float
    high: float
    periods: int
    latest: int
    earliest: int


def drift(bad: Floats, total: Floats, longest: int) -> Drift | None:
    """Return the upward drift of the newest periods of one series, or None where a step fits as well.

    Weighted least squares of bad / total on a flat line that bends up once (a one-phase regression with known
    continuity: Hinkley 1969, Biometrika 56:495), against a step at any period; the interval of the start is that
    of its profile likelihood, the slope's is Student's at the best start.
    """
    known = total > 0
    ratio, weight = bad[known] / total[known], total[known]
    n = len(ratio)
    lengths = range(SHORTEST, min(longest, n - MIN_BASELINE) + 1)
    if not lengths:
        return None
    age = np.arange(n, 0, -1)
    ramps = {length: _fit(ratio, weight, np.maximum(0.0, length + 1.0 - age)) for length in lengths}
    steps = [_fit(ratio, weight, (age <= length).astype(np.float64)).rest for length in range(1, lengths[-1] + 1)]
    best = min(ramps, key=lambda length: ramps[length].rest)
    fit = ramps[best]
    half = float(student.ppf(0.975, n - 3)) * fit.se
    if fit.slope <= half or n * np.log(min(steps) / max(fit.rest, 1e-300)) < BETTER:
        return None
    limit = fit.rest * np.exp(chi2.ppf(0.95, 1) / n)
    starts = [length for length in lengths if ramps[length].rest <= limit]
    return Drift(fit.level, fit.slope, fit.slope - half, fit.slope + half, best, min(starts), max(starts))


class _Fit(NamedTuple):
    level: float
    slope: float
    se: float
    rest: float


def _fit(ratio: Floats, weight: Floats, x: Floats) -> _Fit:
    """Fit a line by weighted least squares."""
    middle, share = float(np.average(x, weights=weight)), weight / weight.sum()
    mean = float(np.average(ratio, weights=weight))
    spread = float((share * (x - middle) ** 2).sum())
    slope = float((share * (x - middle) * (ratio - mean)).sum()) / max(spread, 1e-12)
    rest = float((share * (ratio - mean - slope * (x - middle)) ** 2).sum())
    se = float(np.sqrt(rest / max(len(x) - 3, 1) / max(spread, 1e-12)))
    return _Fit(mean - slope * middle, slope, se, rest)
