"""Control charts: which points of one series are signals, by fixed and published rules.

The XmR chart follows the NHS "Making Data Count" rules as the R package NHSRplotthedots 0.2.2 applies
them; the p' chart follows Laney (2002), Quality Engineering 14:531-537.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_LIMIT = 2.66  # average moving ranges from mean to limit: 3 / d2, d2 = 1.128 for ranges of two
_SCREEN = 3.267  # moving ranges of this many averages or more are left out once
_SIGMA_PER_RANGE = 1.128
_RUN = 7  # points of a trend, and of a run on one side
_FEW = 13  # below this many points limits are provisional
_LEAST_FIXED = 12


class ControlChart(NamedTuple):
    """A chart, one value per point; `signal` is "" or the first rule that marks the point."""

    values: Floats
    centre: Floats
    low: Floats
    high: Floats
    signal: NDArray[np.str_]


def control_chart(values: ArrayLike, *, fixed: int | None = None, rebase: Sequence[int] = ()) -> ControlChart:
    """Draw an XmR chart: mean +- 2.66 average moving ranges, and the four special-cause rules.

    A point is marked by the first of: "beyond limit"; "trend" (7 points strictly rising or falling);
    "two of three" (beyond two thirds of the limits, within three points on one side of the mean);
    "shift" (7 points on one side of the mean). Each rebase starts a chart of its own.

    Args:
        values: The series, in order of time.
        fixed: Compute each chart's limits from its first `fixed` points only (12 or more).
        rebase: Positions at which new limits begin, such as that of the first point after a change.

    Warns:
        UserWarning: A chart has fewer than 13 points to compute limits from.

    Raises:
        ValueError: Values are missing or too few, `fixed` is under 12, or a rebase lies outside.

    """
    series = _checked(values)
    if fixed is not None and fixed < _LEAST_FIXED:
        raise ValueError(f"fixed == {fixed}, must be at least {_LEAST_FIXED} points.")
    parts = [_xmr(part, fixed) for part in np.split(series, _starts(rebase, len(series)))]
    return ControlChart(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def laney_p_chart(count: ArrayLike, trials: ArrayLike) -> ControlChart:
    """Draw a p' chart of `count` out of `trials`: limits allow for more than binomial variation.

    Each point's limits are the mean rate +- 3 binomial standard errors times sigma_z, the variation of
    the standardised rates from their moving range (Laney 2002); the same rules mark signals. Limits
    stay within 0..1.

    Warns:
        UserWarning: There are fewer than 13 points.

    Raises:
        ValueError: Lengths differ, counts lie outside 0..trials, or trials are not positive.

    """
    counts, sizes = _checked(count), _checked(trials)
    if counts.shape != sizes.shape or np.any((sizes <= 0) | (counts < 0) | (counts > sizes)):
        raise ValueError("Each count must lie in 0..trials with trials above 0, and lengths must agree.")
    _warn_if_few(len(counts))
    centre = counts.sum() / sizes.sum()
    error = np.sqrt(centre * (1 - centre) / sizes)
    scaled = (counts / sizes - centre) / np.where(error > 0, error, 1)
    wide = 3 * error * np.abs(np.diff(scaled)).mean() / _SIGMA_PER_RANGE
    low, high = np.maximum(centre - wide, 0), np.minimum(centre + wide, 1)
    return _marked(counts / sizes, np.full(len(counts), centre), low, high)


def beyond_limit(values: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Mark points outside their limits."""
    return (values < low) | (values > high)


def trend(values: Floats) -> NDArray[np.bool_]:
    """Mark every point of a strictly rising or falling run of seven points."""
    step = np.sign(np.diff(values))
    moves = _RUN - 1
    runs = [first for first in range(len(step) - moves + 1) if abs(step[first : first + moves].sum()) == moves]
    return _covered(len(values), runs, _RUN)


def shift(values: Floats, centre: Floats) -> NDArray[np.bool_]:
    """Mark every point of a run of seven on one side of the mean; a point on the mean ends a run."""
    side = np.sign(values - centre)
    firsts = range(len(side) - _RUN + 1)
    runs = [first for first in firsts if abs(side[first : first + _RUN].sum()) == _RUN]
    return _covered(len(values), runs, _RUN)


def two_of_three(values: Floats, centre: Floats, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Mark points beyond two thirds of the limits, but within them, that come two in three.

    All three points must lie on one side of the mean; only the points near the limit are marked.
    """
    side = np.sign(values - centre)
    third_low, third_high = centre + (low - centre) * 2 / 3, centre + (high - centre) * 2 / 3
    near = ((values < third_low) | (values > third_high)) & ~beyond_limit(values, low, high)
    threes = [
        first
        for first in range(len(side) - 2)
        if near[first : first + 3].sum() >= 2 and abs(side[first : first + 3].sum()) == 3
    ]
    return _covered(len(values), threes, 3) & near


def _covered(length: int, firsts: Sequence[int], width: int) -> NDArray[np.bool_]:
    covered = np.zeros(length, dtype=bool)
    for first in firsts:
        covered[first : first + width] = True
    return covered


def _xmr(values: Floats, fixed: int | None) -> ControlChart:
    basis = values[:fixed]
    _warn_if_few(len(basis))
    centre = np.full(len(values), basis.mean())
    wide = np.full(len(values), _LIMIT * _average_moving_range(basis))
    return _marked(values, centre, centre - wide, centre + wide)


def _average_moving_range(values: Floats) -> float:
    """Return the mean absolute step, steps of 3.267 times the mean left out once."""
    ranges = np.abs(np.diff(values))
    screened = ranges[ranges < _SCREEN * ranges.mean()]
    return float(screened.mean()) if len(screened) else 0.0


def _marked(values: Floats, centre: Floats, low: Floats, high: Floats) -> ControlChart:
    rules = [
        (beyond_limit(values, low, high), "beyond limit"),
        (trend(values), "trend"),
        (two_of_three(values, centre, low, high), "two of three"),
        (shift(values, centre), "shift"),
    ]
    signal = np.select([found for found, _ in rules], [name for _, name in rules], default="")
    return ControlChart(values, centre, low, high, signal)


def _checked(values: ArrayLike) -> Floats:
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1 or len(series) < 2 or not np.isfinite(series).all():
        raise ValueError(
            f"A chart needs a one-dimensional series of 2 or more known values; given shape {series.shape} "
            f"with {int((~np.isfinite(series)).sum())} missing. Leave missing points out."
        )
    return series


def _starts(rebase: Sequence[int], length: int) -> list[int]:
    starts = sorted(set(rebase))
    if any(b - a < 2 for a, b in pairwise([0, *starts, length])):
        raise ValueError(f"rebase == {list(rebase)}, must leave each chart 2 of the {length} points.")
    return starts


def _warn_if_few(points: int) -> None:
    if points < _FEW:
        warnings.warn(f"Limits rest on {points} points; under {_FEW} they are provisional.", stacklevel=3)
