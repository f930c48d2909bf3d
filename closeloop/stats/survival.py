"""How long until it happens, when some have not happened yet: survival from counts by age."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

Array = NDArray[np.float64]

Z95 = float(norm.ppf(0.975))


class Curve(NamedTuple):
    """The share that has not happened by each age, with a pointwise 95 % interval. All arrays have one length."""

    age: Array
    waiting: Array
    low: Array
    high: Array


class Quantile(NamedTuple):
    """The age by which a share has happened, and its 95 % interval; infinite where it has not happened so far."""

    value: float
    low: float
    high: float


def kaplan_meier(age: ArrayLike, happened: ArrayLike, censored: ArrayLike) -> Curve:
    """Estimate survival from how many ended (`happened`) and how many stopped being watched at each age.

    Kaplan and Meier (1958), JASA 53:457; the interval is Greenwood's on the scale log(-log S), which stays
    within 0 and 1 and holds its level in small samples (Kalbfleisch and Prentice 1980, section 1.3).
    Those censored at an age were still at risk in it. Ages ascend; counts are not negative.

    Raises ValueError when the arrays differ in length, ages do not ascend, or nothing is counted.
    """
    t, d, c = (np.asarray(values, dtype=np.float64) for values in (age, happened, censored))
    _check(t, d, c)
    at_risk = (d + c)[::-1].cumsum()[::-1]
    waiting = np.cumprod(1 - d / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(np.where(at_risk > d, d / (at_risk * (at_risk - d)), np.inf))
        spread = Z95 * np.sqrt(greenwood) / np.abs(np.log(waiting))
        low, high = waiting ** np.exp(spread), waiting ** np.exp(-spread)
    untouched, emptied = waiting >= 1, waiting <= 0
    low, high = np.where(untouched, 1.0, low), np.where(untouched, 1.0, high)
    last = high[~emptied][-1] if (~emptied).any() else 1.0
    shown = np.where(emptied, 0.0, low), np.where(emptied, last, high)
    return Curve(t, np.asarray(waiting, dtype=np.float64), *shown)


def quantile(curve: Curve, share: float) -> Quantile:
    """Return the age by which `share` has happened.

    The interval holds all ages at which the curve's own interval holds 1 - share (Brookmeyer and Crowley
    1982, Biometrics 38:29, on the log-log scale).
    """
    if not 0 < share < 1:
        raise ValueError(f"share is {share}, must lie between 0 and 1.")
    left = 1 - share + 1e-12
    return Quantile(*(_first(curve.age, values <= left) for values in (curve.waiting, curve.low, curve.high)))


def incidence(age: ArrayLike, happened: ArrayLike, otherwise: ArrayLike, censored: ArrayLike) -> Array:
    """Return the share that has happened by each age, when something else can end the wait first.

    Aalen and Johansen (1978), Scand. J. Statist. 5:141: those who ended `otherwise` can never have it happen,
    which one minus Kaplan-Meier would pretend they still could.
    """
    t, d, o, c = (np.asarray(values, dtype=np.float64) for values in (age, happened, otherwise, censored))
    _check(t, d + o, c)
    at_risk = (d + o + c)[::-1].cumsum()[::-1]
    waiting = np.cumprod(1 - (d + o) / at_risk)
    before = np.concatenate([[1.0], waiting[:-1]])
    return np.cumsum(before * d / at_risk)


def _first(age: Array, reached: NDArray[np.bool_]) -> float:
    return float(age[int(reached.argmax())]) if reached.any() else float("inf")


def _check(t: Array, d: Array, c: Array) -> None:
    if not (t.shape == d.shape == c.shape) or t.ndim != 1:
        raise ValueError(f"ages and counts must be series of one length, not {t.shape}, {d.shape} and {c.shape}.")
    if not len(t) or (d + c).sum() <= 0 or (np.diff(t) <= 0).any():
        raise ValueError("ages must ascend, and there must be something to count.")
    if (d < 0).any() or (c < 0).any() or d[-1] + c[-1] <= 0:
        raise ValueError("counts must not be negative, and the last age must have one.")
