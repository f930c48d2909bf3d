"""Past outbreaks among many series of ratios: how much each period tells of what is normal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from closeloop.stats.level_shift import CHI_SQUARE_MEDIAN

Floats = NDArray[np.float64]

USUAL, OUTBREAK = 3.0, 6.0
"""Scaled residuals up to which a period counts in full, and from which on it does not count at all."""

LASTS = 3
"""Periods in a row that make an outbreak."""

ENOUGH = 4.0
"""Expected cases a period from which on the middle period tells the level; below it, the mean does."""


def trust(bad: Floats, total: Floats, *, binomial: bool) -> Floats:
    """Return 1 for each period that looks normal, less for those far above: series x periods.

    The middle period of each series tells its level, and the middle of all series' dispersions theirs, so that
    neither an outbreak of some weeks nor a slice full of them sets the scale. Periods whose scaled residual is
    above 3 count less, above 6 not at all (Hampel 1974, JASA 69:383; that past outbreaks are counted less is from
    Noufaily et al. 2013, Stat Med 32:1206, as are Anscombe's residuals).
    """
    mean = _level(bad, total)[:, None] * total
    residual = _residual(bad, mean, total, binomial)
    s = residual / _scale(residual, total, binomial)
    return _lasting(np.clip((OUTBREAK - s) / (OUTBREAK - USUAL), 0.0, 1.0))


def _lasting(weight: Floats) -> Floats:
    """Let only spells of `LASTS` periods and more count less: single bad ones, such as storms, are part of life."""
    if weight.shape[1] < LASTS:
        return np.ones_like(weight)
    highest = np.maximum.reduce([weight[:, i : weight.shape[1] - LASTS + 1 + i] for i in range(LASTS)])
    padded = np.pad(highest, ((0, 0), (LASTS - 1, LASTS - 1)), constant_values=1.0)
    return np.minimum.reduce([padded[:, i : i + weight.shape[1]] for i in range(LASTS)])


def _level(bad: Floats, total: Floats) -> Floats:
    mean = bad.sum(axis=1) / np.maximum(total.sum(axis=1), 1e-9)
    full, middle = (total > 0).all(axis=1), mean.copy()
    middle[full] = np.median(bad[full] / total[full], axis=1)
    often = middle * total.mean(axis=1) >= ENOUGH
    return np.where(often, np.minimum(middle, mean), mean)


def _residual(bad: Floats, mean: Floats, total: Floats, binomial: bool) -> Floats:
    """Return how far periods lie from their mean: counts by Anscombe, near normal even when they are small."""
    if not binomial:
        return (bad - mean) / np.sqrt(np.maximum(total, 1e-9))
    safe = np.maximum(mean, 1e-9)
    rest = np.sqrt(np.maximum(1 - mean / np.maximum(total, 1e-9), 0.05))
    return 1.5 * (np.maximum(bad, 0.0) ** (2 / 3) - safe ** (2 / 3)) / (safe ** (1 / 6) * rest)


def _scale(residual: Floats, total: Floats, binomial: bool) -> Floats:
    own = np.median(residual**2, axis=1) / CHI_SQUARE_MEDIAN
    if not binomial:
        return np.sqrt(np.maximum(own, 1e-12))[:, None]
    size = np.maximum(total.mean(axis=1), 1.0)
    large = size >= np.median(size)
    growth = max(0.0, float(np.median((own[large] - 1) / size[large])))
    return np.sqrt(1 + growth * size)[:, None]
