"""What the days of a week tell of the treated unit: how strongly it answers to shared shocks, how noisy it is.

Weeks are few. How the days of each week stray from their week's mean is told by seven times as many numbers, and
neither a level, a trend nor the effect of the change is in them. Within weeks, the log (or log odds) of a day is

    z[s, d] - mean of its week - mean of its weekday = answer[s] * common[d] + own[s, d] + counting,

a factor model with one factor. Its moments (Anderson and Rubin 1956, Proc. Third Berkeley Symp. 5:111) give the
variance of what all share, of what controls have of their own, and the answer of the treated unit, by a regression on
the mean of the controls that allows for their noise (Fuller 1987, Measurement Error Models, 1.2).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]

FEWEST_CONTROLS, FEWEST_DAYS = 3, 14
FEWEST_EVENTS = 4.0  # a day, below which logs are too skewed to be told by moments
SMALL_DAY = 0.2  # of a unit's usual day, below which a day is left out
OTHERWISE = 0.15
"""Part of the answer within weeks by which that from week to week may differ, and by which moments err (sd)."""

LIKE_WEEKS = 0.4  # how much of a day's word on a unit's noise counts, for noise from week to week may be otherwise
MOST_ANSWER = 3.0
MOST_MEMORY = 0.9
TAKEN_OUT = 1 / 7  # what the correlation of two days loses when the mean of their week is taken out
LEAST_OWN = 1e-4  # variance of own noise that controls are taken to have at least, when they are weighted


class Daily(NamedTuple):
    """Events (or sums of values), exposure and expected exposure, units x weeks x 7; no exposure: a missing day."""

    total: Array
    exposure: Array
    expected: Array

    def only(self, rows: Any) -> "Daily":
        """Some units, or some weeks."""
        return Daily(*(part[rows] for part in self))


class Hint(NamedTuple):
    """The answer of the treated unit to what moves all (1: as the others), and what its own noise may be."""

    answer: float
    precision: float  # of that answer: one over its variance
    seen: float  # variance of what the common movement leaves of the treated unit's days
    counting: float  # the part of it that counting explains
    own: float  # variance that controls have of their own, beside counting
    days: float  # how many independent days tell of these variances

    def log_likelihood(self, times: Array) -> Array:
        """Of the treated unit's own noise being so many times that of a control."""
        variance = self.counting + times**2 * self.own
        return -0.5 * self.days * (np.log(variance) + self.seen / variance)


class Common(NamedTuple):
    """What the controls share within weeks, and how well their mean tells it."""

    mean: Array  # weeks x 7
    variance: float  # of what is shared
    error: float  # variance of what the mean has besides
    own: float  # variance that a control has of its own, beside counting


def hint_of(level: Array, told: Flags, counting: Array) -> Hint | None:
    """What days tell; None where there are too few.

    `level` holds logs or log odds, units x weeks x 7, `told` the days that all units have, `counting` the variance of
    each unit's days that comes from counting alone.
    """
    days, weekdays = told.sum(axis=1), told.sum(axis=0)
    free = float(days.sum() - np.count_nonzero(days) - np.count_nonzero(weekdays) + 1)
    if len(level) <= FEWEST_CONTROLS or free < FEWEST_DAYS:
        return None
    strays = straying(level, told) * np.sqrt(told.size / free)
    return _told(strays, shared_by(strays[1:], counting[1:]), float(counting[0]), free)


def straying(level: Array, told: Flags) -> Array:
    """Deviations from the mean of each week and then of each weekday; 0 on days that are not told."""
    strays = np.where(told, level, 0.0)
    strays -= told * strays.sum(axis=2, keepdims=True) / np.maximum(told.sum(axis=1, keepdims=True), 1)
    return strays - told * strays.sum(axis=1, keepdims=True) / np.maximum(told.sum(axis=0), 1)


def shared_by(strays: Array, counting: Array) -> Common:
    """Variances of a one-factor model by moments, controls weighted by their noise."""
    square = (strays**2).mean(axis=(1, 2))
    weight = 1 / (counting + max(float((square - counting).mean()), LEAST_OWN))
    weight /= weight.sum()
    mean = np.einsum("s,swd->wd", weight, strays)
    alike = float((mean**2).mean() - weight**2 @ square) / float(1 - weight @ weight)
    shared = max(alike, 0.0)
    own = max(float(weight @ (square - counting)) - shared, 1e-6)
    return Common(mean, shared, float(weight**2 @ (counting + own)), own)


def _told(strays: Array, common: Common, counting: float, free: float) -> Hint:
    """Regress the treated unit on the controls' mean; the part of that mean that is noise is allowed for."""
    trust = common.variance / (common.variance + common.error)
    regressor, part = trust * common.mean, free / strays[0].size
    spread = max(float((regressor**2).sum()) * part, 1e-9)
    answer = float(np.clip((strays[0] * regressor).sum() * part / spread, 0.0, MOST_ANSWER))
    seen = float(((strays[0] - answer * regressor) ** 2).mean())
    own, shared = (_memory(rest) for rest in (strays[1:] - common.mean, common.mean[None]))
    error = seen / spread * (1 + own * shared) / (1 - own * shared)
    controls = len(strays) - 1
    days = LIKE_WEEKS * free * (1 - own**2) / (1 + own**2) * controls / (controls + 1)
    explained = counting + answer**2 * trust * common.error
    return Hint(answer, 1 / (error + (OTHERWISE * answer) ** 2), seen, explained, common.own, days)


def _memory(strays: Array) -> float:
    """Correlation of a day with the next in its week, allowing for the mean that was taken out of seven."""
    next_day = float((strays[..., 1:] * strays[..., :-1]).mean() / max(float((strays**2).mean()), 1e-12))
    return float(np.clip(next_day + TAKEN_OUT, 0.0, MOST_MEMORY))
