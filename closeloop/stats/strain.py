"""How much more do series wander by themselves than their errors say? The rise test, made where nothing is asked."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closeloop.stats.level_shift import CHI_SQUARE_MEDIAN, MIN_BASELINE, Past, rise
from closeloop.stats.outbreaks import trust

Floats = NDArray[np.float64]

MEMORY = 104
"""Earlier periods that tell how far series wander: what was before is another business, and costs time every week."""

UNKNOWN = 1.2
"""What is assumed before any test was made: shared shocks of a few weeks, as merchants show them."""

UNKNOWN_WORTH = 1.0
"""How many earlier ends that assumption is worth."""

WORTH = 20.0
"""How many earlier tests the average over all series is worth."""


class Learnt(NamedTuple):
    """The factor on the errors of each group of series, and what holds for all of them together."""

    groups: Floats
    common: float


def strain(bad: Floats, total: Floats, window: int, groups: Sequence[Hashable], *, binomial: bool) -> Floats:
    """Return, per series, how much more the past moved than `rise` would have it: a factor on its errors.

    The same test is made at earlier periods, where nothing is asked; the median of its squares, by group
    and shrunk towards all series, over that of a standard normal is what a squared standard error is
    really worth (an empirical null by its centre, Efron 2004, so that old problems do not hide new
    ones). Never below 1.
    """
    names = sorted({str(group) for group in groups})
    codes = np.array([names.index(str(group)) for group in groups], dtype=np.int_)
    past = Past(bad, total, total, binomial)
    (squares,) = past_squares(past, (window,), past.all_ends(window)[-MEMORY:])
    return learnt(squares, codes, window).groups[codes]


def past_squares(past: Past, windows: Sequence[int], ends: Iterable[int]) -> tuple[dict[int, Floats], ...]:
    """Test all series at earlier ends: for each window, by periods until each, squared test values.

    A series that was too small before an end is NaN there; a window has every other end. What stands at an end
    rests on the `MEMORY` periods before it alone, so it is the same however long the series has become since.
    """
    found: tuple[dict[int, Floats], ...] = tuple({} for _ in windows)
    for end in ends:
        large, since = past.large(end), slice(max(0, end - MEMORY), end)
        x, n = past.bad[large, since], past.total[large, since]
        known = trust(x, n, binomial=past.binomial)
        for squares, window in zip(found, windows, strict=True):
            if end >= MIN_BASELINE + window and (end - MIN_BASELINE - window) % 2 == 0:
                test = rise(x, n, window, binomial=past.binomial, trust=known)
                squares[end] = np.full(len(large), np.nan)
                squares[end][large] = ((test.observed - test.expected) / np.maximum(test.se, 1e-9)) ** 2
    return found


def without_outbreaks(squares: dict[int, Floats], known: Floats, window: int) -> dict[int, Floats]:
    """Leave out the tests whose window holds a past outbreak; `known` is the trust in each period (`outbreaks`)."""
    return {
        end: np.where(known[:, end - window : end].min(axis=1) < 1, np.nan, each) for end, each in squares.items()
    }


def learnt(squares: dict[int, Floats], codes: NDArray[np.int_], window: int, before: float = UNKNOWN) -> Learnt:
    """Return the factor of each group of series from the squares of their earlier tests.

    `before` is what is assumed as long as few tests were made: of a longer window, what a shorter one showed.
    """
    groups = int(codes.max(initial=0)) + 1
    seen = np.array(list(squares.values())).reshape(len(squares), len(codes))
    of, known = np.broadcast_to(codes, seen.shape)[np.isfinite(seen)], seen[np.isfinite(seen)]
    if not len(known):
        return Learnt(np.full(groups, before), before)
    ends = len(squares) * 2 / max(window, 2)
    assumed = CHI_SQUARE_MEDIAN * before**2
    common = (ends * float(np.median(known)) + UNKNOWN_WORTH * assumed) / (ends + UNKNOWN_WORTH)
    members = np.bincount(of, minlength=groups)
    parts = np.split(known[np.argsort(of, kind="stable")], np.cumsum(members)[:-1])
    own = np.array([np.median(part) if len(part) else 0.0 for part in parts])
    looks = members * 2 / window
    shrunk = (looks * own + WORTH * common) / (looks + WORTH)
    factors = np.sqrt(np.maximum(1.0, shrunk / CHI_SQUARE_MEDIAN))
    return Learnt(factors, float(np.sqrt(max(1.0, common / CHI_SQUARE_MEDIAN))))
