"""What the grid of noises says about the effect, in the units that people ask for, all from one distribution.

The model works in logs, or in log odds where events are a share of the exposure: a share of 95 % has no room for the
movements that a share of 5 % has.  An answer is a mixture of normals for the shift, with the level seen since the
change; a relative effect and the events spared follow from both, so that no effect is left out of all or of none.

The events spared are those expected without the change less those seen: what is unsure about the few events that are
left does not make the many that would have been unsure (the log of the ratio alone would say so).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import betaincinv, expit, gammaincinv, logit, ndtr

from closeloop.stats.panel_blocks import Blocks, Columns
from closeloop.stats.panel_levels import is_share, joined_after, panel_of
from closeloop.stats.panel_model import Fit, Panel, fit

Array = npt.NDArray[np.floating[Any]]

FEW = 20.0
"""Events (or rows without one) after the change, below which their logs are too skewed to be called normal."""

STEPS = np.arange(-6.0, 6.01, 0.25)
"""Where the distribution of a small count is looked at, in standard normal deviates."""

LEAST, LEAST_OF_FEW = 1e-6, 1e-3
"""Components with less weight than this, against the heaviest, are left out."""

FARTHEST = 9.0


class Answer(NamedTuple):
    """The shift of the changed unit, and its level since, component by component."""

    mean: Array
    sd: Array
    weight: Array
    level: Array  # log of the events a week, or log odds of the share, since the change
    sampling: float  # variance of that level that comes from counting alone; 0 where it is spread over components
    volume: float  # exposure a week since the change
    share: bool

    def p_value(self) -> float:
        """Two-sided: twice the probability on the lesser side of no effect."""
        below, above = (float(self.weight @ ndtr(sign * self.mean / self.sd)) for sign in (-1, 1))
        return min(1.0, 2 * min(below, above))

    def widened(self, times: float) -> Answer:
        """The same with larger standard errors."""
        return self._replace(sd=self.sd * times, sampling=self.sampling * times**2)

    def shift(self, q: float) -> float:
        """Quantile of the shift."""
        ends = (self.mean - FARTHEST * self.sd).min(), (self.mean + FARTHEST * self.sd).max()
        return _root(lambda shift: self._shift_below(shift) - q, *ends)

    def relative(self, shift: float) -> float:
        """A shift as a relative effect, from the level to be expected without the change."""
        return effect_of(shift, float(1 - expit(self.weight @ (self.level - self.mean))) if self.share else 1.0)

    def avoided(self, q: float) -> float:
        """Quantile of the events (or value) spared a week."""
        if self.share:
            return self.volume * _root(lambda part: self._share_below(part) - q, -1.0, 1.0)
        most = float(np.exp(self.level.max()))
        top = np.exp((self.level - self.mean + FARTHEST * self.sd).max())
        ends = (self.level - self.mean - FARTHEST * self.sd).min(), float(np.log(top + most))
        return _more(_root(lambda level: self._count_below(_more(level, most)) - q, *ends), most)

    def _shift_below(self, shift: float) -> float:
        return float(self.weight @ ndtr((shift - self.mean) / self.sd))

    def _share_below(self, part: float) -> float:
        """Probability that a smaller part of the exposure is spared."""
        now = expit(self.level)
        past = (now + part).clip(0.0, 1.0)
        return self._past_below(logit(past), now * (1 - now) / np.maximum(past * (1 - past), 1e-300))

    def _count_below(self, spared: float) -> float:
        """Probability that fewer events a week are spared."""
        now = np.exp(self.level)
        past = np.maximum(now + spared, 0.0)
        with np.errstate(divide="ignore"):
            return self._past_below(np.log(past), now / np.maximum(past, 1e-300))

    def _past_below(self, level: Array, slope: Array) -> float:
        """Probability that the level without the change is below one that moves by so much with the level since."""
        counting = self.sampling * (1 - np.minimum(slope, 1.0) ** 2)
        sd = np.sqrt(np.maximum(self.sd**2 - counting, 0.01 * self.sd**2))
        return float(self.weight @ ndtr((level - (self.level - self.mean)) / sd))


def effect_of(shift: float, room: float) -> float:
    """The relative effect of a shift of the log odds of a share, of which `room` is left to one; of a log: room 1.

    >>> round(effect_of(-1.0, 1.0), 3), round(effect_of(-1.0, 0.1), 3)
    (-0.632, -0.195)
    """
    return float(np.exp(shift) / (room + (1 - room) * np.exp(shift)) - 1)


def shift_of(effect: float, room: float) -> float:
    """The shift by which a relative effect moves a level; the inverse of `effect_of`."""
    return float(np.log((1 + effect) * room / (1 - (1 - room) * (1 + effect))))


def answer_of(blocks: Blocks, columns: Columns, found: Fit) -> Answer:
    """The answer of a fit; where hardly an event (or a row without one) is left, that of the counts themselves."""
    seen = blocks.after & (blocks.exposure[0] > 0)
    weeks = float(seen.sum()) * blocks.weeks
    events, exposure = float(blocks.total[0, seen].sum()), float(blocks.exposure[0, seen].sum())
    share = is_share(blocks, columns)
    rest = exposure - events if share else np.inf
    if columns.count and min(events, rest) < FEW:
        return _of_few(panel_of(joined_after(blocks), columns), found, Few(events, rest, exposure, weeks))
    mixture = found.mixture()
    level = np.full_like(mixture.mean, logit(events / exposure) if share else np.log(events / weeks))
    sampling = 1 / float((1 / found.panel.variance[0, seen]).sum())
    return Answer(*mixture, level, sampling, exposure / weeks, share)


class Few(NamedTuple):
    """What was counted since the change: events, rows without one (infinite where events are no share), and so on."""

    events: float
    rest: float
    exposure: float
    weeks: float

    @property
    def level(self) -> float:
        """The log or log odds that the panel holds."""
        return float(np.log(self.events + 0.5) - (0.0 if np.isinf(self.rest) else np.log(self.rest + 0.5)))

    def levels(self) -> Array:
        """The same at each of `STEPS`, under Jeffreys' prior (Brown, Cai and DasGupta 2001, Stat. Science 16:101)."""
        if np.isinf(self.rest):
            return np.log(gammaincinv(self.events + 0.5, ndtr(STEPS)))
        few = betaincinv(min(self.events, self.rest) + 0.5, max(self.events, self.rest) + 0.5, ndtr(STEPS))
        return logit(few) if self.events <= self.rest else -logit(few)[::-1]


def _of_few(panel: Panel, found: Fit, few: Few) -> Answer:
    """Predict the level without the change, and hold the exact distribution of the count seen against it.

    The blocks after count as one, so that the noise is told by what came before and by the controls: scattered single
    events tell none.
    """
    joined = panel._replace(season=None, joined=int(found.panel.after.sum()), hint=found.panel.hint)
    expected = fit(joined).mixture(LEAST_OF_FEW)
    sd = np.sqrt(np.maximum(expected.sd**2 - joined.variance[0, -1], 1e-4))
    level, mass = few.levels(), np.exp(-(STEPS**2) / 2)
    shift = (level - few.level)[:, None] + expected.mean
    spread = np.sqrt(sd**2 + (np.gradient(level)[:, None] / 3) ** 2)
    weight = mass[:, None] * expected.weight
    now = level if np.isfinite(few.rest) else level - np.log(few.weeks)
    kept = weight > LEAST * weight.max()
    parts = (np.broadcast_to(part, weight.shape)[kept] for part in (shift, spread, weight, now[:, None]))
    mean, spread, weight, now = parts
    return Answer(
        mean, spread, weight / weight.sum(), now, 0.0, few.exposure / few.weeks, bool(np.isfinite(few.rest))
    )


def _more(level: float, most: float) -> float:
    return float(np.exp(level) - most)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return cast("float", brentq(function, low, high, xtol=1e-13))
