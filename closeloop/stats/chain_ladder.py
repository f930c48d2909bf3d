"""What young cohorts will come to, from how older ones grew: the chain ladder with Mack's standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

Array = NDArray[np.float64]

Z95 = float(norm.ppf(0.975))


class Ladder(NamedTuple):
    """For each cohort what it will come to, with its standard error and 95 % interval, and the pattern of growth.

    `ripe` is the share of the whole that a cohort of each age (column) has seen: it ascends to 1.
    """

    ultimate: Array
    error: Array
    low: Array
    high: Array
    ripe: Array


def chain_ladder(triangle: ArrayLike) -> Ladder:
    """Project a run-off triangle: cumulative amounts, a row for each cohort, a column for each age, NaN for later.

    Mack (1993), ASTIN Bulletin 23:213, theorem 3 (error) and section 6 (log-normal interval; at least what has
    come already). Growth factors are those of all cohorts that have passed an age, weighted by their amounts; the
    last column is taken as the end. Raises ValueError when a row has a gap, or an age was reached by no cohort.
    """
    known = np.asarray(triangle, dtype=np.float64)
    ages = _ages(known)
    factors, variances = _growth(known)
    full = known.copy()
    for age in range(known.shape[1] - 1):
        unknown = np.isnan(full[:, age + 1])
        full[unknown, age + 1] = full[unknown, age] * factors[age]
    ultimate, now = full[:, -1], known[np.arange(len(known)), ages]
    error = np.array([_error(known, full, factors, variances, row, age) for row, age in enumerate(ages)])
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.log1p(np.where(ultimate > 0, (error / ultimate) ** 2, 0.0)))
    middle = ultimate * np.exp(-(spread**2) / 2)
    ripe = 1 / np.append(np.cumprod(factors[::-1])[::-1], 1.0)
    return Ladder(
        ultimate, error, np.maximum(now, middle * np.exp(-Z95 * spread)), middle * np.exp(Z95 * spread), ripe
    )


def _ages(known: Array) -> NDArray[np.intp]:
    """Return the newest age that each cohort has reached."""
    there = ~np.isnan(known)
    counts = there.sum(axis=1)
    if known.ndim != 2 or (counts == 0).any():
        raise ValueError("each cohort needs at least the amount of its first age")
    if (there != (np.arange(known.shape[1]) < counts[:, None])).any():
        raise ValueError("a cohort has an age missing between two that are known")
    if not there[:, -1].any():
        raise ValueError("no cohort has reached the last age, so nothing tells how much comes by then")
    return counts - 1


def _growth(known: Array) -> tuple[Array, Array]:
    """Return for each age the factor to the next and its variance per unit of amount (Mack's sigma squared)."""
    steps = known.shape[1] - 1
    factors, variances = np.ones(steps), np.zeros(steps)
    for age in range(steps):
        rows = ~np.isnan(known[:, age + 1]) & (known[:, age] > 0)
        before, after = known[rows, age], known[rows, age + 1]
        if not len(before):
            raise ValueError(f"no cohort with an amount has passed age {age}; take wider ages")
        factors[age] = after.sum() / before.sum()
        if len(before) > 1:
            variances[age] = (before * (after / before - factors[age]) ** 2).sum() / (len(before) - 1)
        elif age > 1:
            earlier, last = variances[age - 2], variances[age - 1]
            variances[age] = min(last**2 / earlier if earlier else 0.0, earlier, last)
    return factors, variances


def _error(known: Array, full: Array, factors: Array, variances: Array, row: int, age: int) -> float:
    """Return the root mean squared error of one cohort's ultimate (Mack 1993, theorem 3)."""
    total = 0.0
    for step in range(age, len(factors)):
        based_on = known[~np.isnan(known[:, step + 1]), step].sum()
        if full[row, step] > 0:
            total += variances[step] / factors[step] ** 2 * (1 / full[row, step] + 1 / based_on)
    return float(full[row, -1] * np.sqrt(total))
