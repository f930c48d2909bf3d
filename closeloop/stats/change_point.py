"""Since when?  The date of one step in a daily series, with an interval for the date."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

EDGE = 3
"""Periods at both ends that a step cannot be placed in: fewer would be a spike, not a level."""

BELIEF = 0.95
"""The share of belief that the interval of the date holds."""

STEPS_OF_NEWTON = 12
TINY = 1e-9


class ChangePoint(NamedTuple):
    """The first period of the new level, the interval that holds it with 95 %, and both levels.

    All three are positions in the series. `dispersion` is how much more the periods scatter around the
    two levels than counts alone would: 1 or more for shares, in the unit of the money for money. `gain` is
    the log-likelihood that the step adds to one level for all periods, over the dispersion.
    """

    first: int
    low: int
    high: int
    before: float
    since: float
    dispersion: float
    gain: float


def change_point(
    count: ArrayLike, exposure: ArrayLike, *, binomial: bool = True, season: int = 0, up: bool = True
) -> ChangePoint:
    """Place one step in the rate count / exposure, with every date weighed by its likelihood.

    A level before and a level since are fitted for each possible date (binomial, or Poisson for counts and
    money); under equal prior belief in all dates, belief in a date is its profile likelihood, tempered by
    the overdispersion around the best one: Raftery and Akman (1986), "Bayesian analysis of a Poisson
    process with a change-point", Biometrika 73:85; quasi-likelihood as in McCullagh and Nelder (1989,
    section 9.2). `season` (7 for days) lets the periods of a cycle have levels of their own, learnt from the
    whole series. With `up` only a rise counts.

    Raises ValueError when the series is too short, has no exposure, or has negative numbers.
    """
    x, n = _checked(count, exposure)
    scale = _season(x, n, season) if season else np.ones(len(x))
    dates = np.arange(EDGE, len(x) - EDGE + 1)
    since = np.arange(len(x))[None, :] >= dates[:, None]
    fit = _binomial if binomial else _poisson
    before_level, likelihood_before, expected_before = fit(x, n, scale, ~since)
    since_level, likelihood_since, expected_since = fit(x, n, scale, since)
    likelihood = likelihood_before + likelihood_since
    likelihood = np.where((since_level > before_level) | (not up), likelihood, likelihood.min() - 1e3)
    best = int(likelihood.argmax())
    expected = np.where(since[best], expected_since[best], expected_before[best])
    dispersion = _dispersion(x, n, expected, binomial)
    low, high = _interval((likelihood - likelihood[best]) / dispersion)
    flat = float(fit(x, n, scale, np.ones((1, len(x)), dtype=np.bool_))[1][0])
    return ChangePoint(
        int(dates[best]), int(dates[low]), int(dates[high]),
        float(before_level[best]), float(since_level[best]),
        dispersion, (float(likelihood[best]) - flat) / dispersion,
    )  # fmt: skip


def _checked(count: ArrayLike, exposure: ArrayLike) -> tuple[Array, Array]:
    x, n = np.asarray(count, float), np.asarray(exposure, float)
    if x.ndim != 1 or x.shape != n.shape:
        raise ValueError(f"count and exposure must be two series of one length, not {x.shape} and {n.shape}.")
    if len(x) < 2 * EDGE + 1:
        raise ValueError(f"{len(x)} periods are too few to place a step; {2 * EDGE + 1} are needed.")
    if not (np.isfinite(x) & np.isfinite(n) & (x >= 0) & (n >= 0)).all() or n.sum() <= 0:
        raise ValueError("count and exposure must be finite and not negative, with some exposure.")
    return x, n


def _season(x: Array, n: Array, season: int) -> Array:
    """Return each period's usual rate relative to all, drawn towards 1 as if a tenth of the data said so."""
    place = np.arange(len(x)) % season
    rate = x.sum() / n.sum()
    counts, exposures = np.bincount(place, x, season), np.bincount(place, n, season)
    prior = exposures.mean() / 10
    return ((counts + prior * rate) / (exposures + prior) / max(rate, TINY))[place]


def _poisson(x: Array, n: Array, scale: Array, inside: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    counts, exposures = inside @ x, inside @ (n * scale)
    level = counts / np.maximum(exposures, TINY)
    log_rate = np.log(np.maximum(level, TINY))
    likelihood = counts * log_rate - level * exposures + inside @ (x * np.log(scale))
    return level, likelihood, level[:, None] * n * scale


def _binomial(x: Array, n: Array, scale: Array, inside: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Fit one logit per row of `inside`, with the log of the season as a known offset."""
    offset = np.log(scale)
    counts, exposures = inside @ x, inside @ n
    start = (counts + 0.5) / (exposures + 1.0)
    logit = np.log(start / (1 - start))
    for _ in range(STEPS_OF_NEWTON):
        p = 1 / (1 + np.exp(-(logit[:, None] + offset)))
        slope = np.where(inside, n * p * (1 - p), 0).sum(axis=1) + 0.1
        gap = counts - np.where(inside, n * p, 0).sum(axis=1) + 0.1 * (start - 1 / (1 + np.exp(-logit)))
        logit = logit + np.clip(gap / slope, -2, 2)
    p = np.clip(1 / (1 + np.exp(-(logit[:, None] + offset))), TINY, 1 - TINY)
    likelihood = np.where(inside, x * np.log(p) + (n - x) * np.log1p(-p), 0).sum(axis=1)
    return 1 / (1 + np.exp(-logit)), likelihood, n * p


def _dispersion(x: Array, n: Array, expected: Array, binomial: bool) -> float:
    variance = expected * (1 - expected / np.maximum(n, TINY)) if binomial else expected
    told = variance > TINY
    scatter = float(((x - expected)[told] ** 2 / variance[told]).sum() / max(1, told.sum() - 2))
    return max(1.0 if binomial else TINY, scatter)


def _interval(log_belief: Array) -> tuple[int, int]:
    """Return the first and last of the most believed dates that hold 95 % of all belief."""
    belief = np.exp(log_belief)
    order = np.argsort(-belief, kind="stable")
    enough = int(np.searchsorted(np.cumsum(belief[order]), BELIEF * belief.sum())) + 1
    chosen = order[:enough]
    return int(chosen.min()), int(chosen.max())
