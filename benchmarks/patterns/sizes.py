"""How large a planted problem is: what its slice had more, beside the same merchant without it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from closeloop.cube import Cube, Series
from closeloop.model import Metric, Slice
from closeloop.simulate import Problem

PARCELS, COST = 20.0, 0.02
"""Excess a week, or share of the cost, from which a problem is worth acting on."""

UNCLEAR = 2.5
"""Times above or below those up to which the merchant's own weeks do not tell the size well enough."""

STEPS = 3
"""Effects of a problem from which on it is a drift, which is worth acting on from some later week only."""

Floats = NDArray[np.float64]
Twin = Callable[[tuple[Metric, ...]], Cube]


@dataclass(frozen=True)
class Size:
    """A problem's size as a multiple of what is worth acting on, and the first day from which it was."""

    times: float
    since: date

    @property
    def worth(self) -> bool:
        """Whether somebody should act."""
        return self.times >= 1


def size_of(truth: Problem, where: Slice, cube: Cube, twin: Twin) -> Size:
    """Measure a problem in the metric that shows it most.

    The slice's weeks since are held against its weeks before; where that is near the limit, or the problem grows,
    against the same weeks of `twin`, the merchant drawn with the same luck and without the problem; a shorter promise
    has no such twin, since without it nothing was promised longer before. What no metric of the scan can show
    (orders that stay away) is worth acting on. Parcels count once they are late, not while they
    are only likely to be.
    """
    asked = (series for series in cube.series if series.metric.scanned and not series.metric.foreseen)
    seen = [series for series in asked if series.metric.id in truth.shows_in]
    mine = [series.until(cube.week) for series in seen if where in series.slices]
    if not mine or "orders" in truth.shows_in:
        return Size(math.inf, truth.start)
    rough = max(_mean(series, truth, _own(series, where, truth)) for series in mine)
    grows = len(truth.effects) > STEPS
    clear = not 1 / UNCLEAR < rough < UNCLEAR or truth.effects[0].kind == "promise"
    if clear and not grows:
        return Size(rough, truth.start)
    beside = twin(tuple(series.metric for series in mine))
    return max((_beside(series, beside, where, truth, grows) for series in mine), key=lambda size: size.times)


def _beside(series: Series, twin: Cube, where: Slice, truth: Problem, grows: bool) -> Size:
    other = twin.of(series.metric.id)
    row, weeks = other.row(where), dict(zip(other.weeks, range(len(other.weeks)), strict=True))
    at = [weeks[week] for week in series.weeks if week in weeks]
    usual = other.bad[row, at] / np.maximum(other.total[row, at], 1e-9)
    excess = np.concatenate([np.zeros(len(series.weeks) - len(at)), _times(series, where, usual, len(at))])
    large = [week for week, times in zip(series.weeks, excess, strict=True) if week >= truth.start and times >= 1]
    times = float(excess.max()) if grows else _mean(series, truth, excess)
    return Size(times, max(truth.start, min(large, default=truth.start)) if grows else truth.start)


def _own(series: Series, where: Slice, truth: Problem) -> Floats:
    """Return each week's excess beside the weeks before the problem."""
    row = series.row(where)
    before = np.array([week + timedelta(days=7) <= truth.start for week in series.weeks])
    usual = series.bad[row, before].sum() / max(float(series.total[row, before].sum()), 1e-9)
    return _times(series, where, np.full(len(series.weeks), usual), len(series.weeks))


def _times(series: Series, where: Slice, usual: Floats, newest: int) -> Floats:
    row = series.row(where)
    expected = usual * series.total[row, -newest:]
    excess = series.bad[row, -newest:] - expected
    if series.metric.kind == "index":
        return excess / np.maximum(expected, 1e-9) / COST
    return excess / PARCELS


def _mean(series: Series, truth: Problem, times: Floats) -> float:
    """Average the whole weeks since the problem began."""
    return float(np.mean(list(_since(series, truth, times)) or [0.0]))


def _since(series: Series, truth: Problem, times: Floats) -> Iterator[float]:
    for week, one in zip(series.weeks, times, strict=True):
        if week >= truth.start:
            yield float(one)
