"""How far quiet leaves stray from their forecasts, and how much likelier a moved segment makes a leaf.

Deviations run from -1 to 1 (`localise_values.relative_deviation`) and are counted in bins, so that the
likelihood of any set of leaves is a histogram times a table.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

BINS = 200  # on either side of zero
SLOTS = 2 * BINS + 2  # SILENT, then bins from -BINS to BINS
SILENT = 0  # bin of leaves that say nothing: both values zero, or explained already
UNMOVED = 0.02  # share of a moved segment's leaves that may look quiet: bounds what one leaf can veto
LEVELS = np.array([0.8, 0.5, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003])  # of the quiet tail, read off the data
FEWEST = 8  # leaves beyond the last level that is trusted


class Ratios(NamedTuple):
    """Log-likelihood ratios of moved against quiet, shifts (rows) by bins, for all shifts and for a few."""

    coarse: NDArray[np.float32]
    fine: Array


def bins(deviation: Array) -> NDArray[np.uint16]:
    """Bin of each deviation, 1 to 2 BINS + 1 with zero in the middle; SILENT where it is NaN."""
    place = np.rint(np.nan_to_num(deviation) * BINS) + (BINS + 1)
    place[np.isnan(deviation)] = SILENT
    return place.astype(np.uint16)


def likelihood_ratios(deviation: Array) -> Ratios:
    """Tables for shifts of any size and either sign, learned from one cube's deviations."""
    one_side = _quiet_mass(deviation)
    quiet = np.concatenate([one_side[:0:-1] / 2, one_side[:1], one_side[1:] / 2])
    fine = [
        (float(shift), spread)
        for spread, step in ((0.01, 0.02), (0.03, 0.05), (0.1, 0.1))
        for shift in np.arange(0.04, 1.0 + 2 * spread, step)
    ]
    coarse = [(float(shift), 0.1) for shift in np.arange(0.1, 1.01, 0.15)]
    return Ratios(_table(coarse, quiet).astype(np.float32), _table(fine, quiet))


def _table(shifts: list[tuple[float, float]], quiet: Array) -> Array:
    """Log ratio of a normal shift (centre, spread), cut off at 1, with a share of quiet leaves, to quiet."""
    centre, spread = np.array(shifts).T[:, :, None]
    below = ndtr((_edges() - centre) / spread)
    below[:, 0], below[:, -1] = 0.0, 1.0
    up = np.log((1 - UNMOVED) * np.diff(below, axis=1) / quiet + UNMOVED)
    both = np.concatenate([up, up[:, ::-1]])
    return np.concatenate([np.zeros((len(both), 1)), both], axis=1)


def _edges() -> Array:
    return (np.arange(-BINS, BINS + 2) - 0.5) / BINS


def _quiet_mass(deviation: Array) -> Array:
    """Probability of each bin of |deviation| for quiet leaves, from 0 to BINS.

    Noise strays to both sides alike, incidents mostly to one: the side with the lighter tail serves as a
    decoy for the other.  Its tail probability S is read off at a few levels; in between and beyond,
    log(-log S) is taken to be linear in the log of the deviation, as for Weibull tails.
    """
    known = deviation[~np.isnan(deviation)]
    if not len(known):
        return np.full(BINS + 1, 1 / (BINS + 1))
    side, other = _lighter_first(np.sort(known[known > 0])[::-1], np.sort(-known[known < 0])[::-1])
    n = len(side) + float((known == 0).sum()) / 2
    beyond = np.exp(-np.exp(_weibull_line(side, n)))
    beyond[0] = 1.0
    mass = np.maximum(np.append(beyond[:-1] - beyond[1:], beyond[-1]), 1e-30)
    ends = min(float((s >= 1 - 0.5 / BINS).sum()) for s in (side, other))
    mass[-1] = max(mass[-1], (ends + 0.5) / n if ends else 0.0)
    return mass / mass.sum()


def _lighter_first(up: Array, down: Array) -> tuple[Array, Array]:
    top = max(10, (len(up) + len(down)) // 2000)
    return (up, down) if up[:top].sum() < down[:top].sum() else (down, up)


def _weibull_line(side: Array, n: float) -> Array:
    """log(-log S) at the lower edge of each bin, for deviations sorted from the largest."""
    x = np.log(np.maximum(np.arange(BINS + 1) - 0.5, 1e-6) / BINS)
    levels = LEVELS[(LEVELS * n >= FEWEST) & (LEVELS * n < len(side))]
    if not len(levels):
        return np.log(np.maximum(np.exp(x) * BINS, 1e-6))
    at = np.log(np.maximum(side[(levels * n).astype(int)], 1e-4) * (1 + 1e-9 * np.arange(len(levels))))
    height = np.log(-np.log(levels))
    tail = slice(-min(4, len(at)), None)
    rise = np.polyfit(at[tail], height[tail], 1)[0] if at[-1] > at[tail][0] + 1e-6 else 1.0
    line = np.interp(x, at, height)
    line = np.where(x > at[-1], height[-1] + np.clip(rise, 0.5, 2.5) * (x - at[-1]), line)
    return np.where(x < at[0], height[0] + (x - at[0]), line)
