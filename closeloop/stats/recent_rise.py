"""Has a level that wanders left where it was lately?  The newest periods against recent ones, by a robust scale."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from closeloop.stats.level_shift import BASELINE, CHI_SQUARE_MEDIAN, MIN_BASELINE, Past, Rise, level_of, tail

Floats = NDArray[np.float64]

MEMORY = 3.0
"""Periods after which an older one weighs less by e."""

FEWEST = 12
"""Earlier looks without which a series' own wandering is not known, and nothing is said."""

POOLED = 10.0
"""How many earlier looks the median over all series is worth."""

FIRM = 5.0
"""Degrees of freedom that pooling lends to a scale."""


def recent_rise(bad: Floats, total: Floats, window: int, scale: Floats, *, binomial: bool, looks: float) -> Rise:
    """Test whether the last `window` columns lie above the recent level (one-sided).

    The level is an exponentially weighted mean (Brown 1959, "Statistical forecasting for inventory control"), and the
    yardstick is how far such forecasts usually were off: the median of their squares, which a few breaks in the past
    do not move, so that one break does not hide the next. `scale` is that of `scale_of`, learnt from so many
    `looks`. With fewer than 8 periods before p is 1.
    """
    observed, expected, n, variance = _forecast(bad, total, window, binomial)
    variance = variance * scale
    df = np.full(len(bad), looks + FIRM)
    p = tail(observed, expected, variance, df, binomial)
    before = (total[:, :-window] > 0).sum(axis=1)
    p = np.where((before >= MIN_BASELINE) & (n > 0), p, 1.0)
    return Rise(observed, expected, n, np.sqrt(variance), df, p, scale)


def past_misses(past: Past, window: int, ends: Iterable[int]) -> dict[int, Floats]:
    """Forecast all series at earlier ends: squared misses, in units of their counting noise.

    A series that was too small before an end is NaN there.
    """
    found: dict[int, Floats] = {}
    for end in ends:
        if end < MIN_BASELINE + window:
            continue
        observed, expected, _, variance = _forecast(past.bad[:, :end], past.total[:, :end], window, past.binomial)
        found[end] = np.where(past.large(end), (observed - expected) ** 2 / np.maximum(variance, 1e-12), np.nan)
    return found


def scale_of(misses: dict[int, Floats], window: int, *, binomial: bool) -> tuple[Floats, float] | None:
    """Return each series' usual squared miss over that of a standard normal, and from how many looks it is known.

    The median of its own, drawn towards that of all series; counts never miss by less than counting does. None
    with too few looks.
    """
    if len(misses) < FEWEST:
        return None
    seen = np.sort(np.array(list(misses.values())), axis=0)  # NaN last
    counts = np.isfinite(seen).sum(axis=0)
    whole = seen[np.isfinite(seen)]
    pooled = float(np.median(whole)) if len(whole) else CHI_SQUARE_MEDIAN
    columns, known = np.arange(seen.shape[1]), counts / window
    middle = (seen[np.maximum(counts - 1, 0) // 2, columns] + seen[counts // 2 % len(seen), columns]) / 2
    own = np.where(counts > 0, middle, pooled)
    scale = (known * own + POOLED * pooled) / (known + POOLED) / CHI_SQUARE_MEDIAN
    return np.maximum(scale, 1.0 if binomial else 1e-12), len(misses) / window


def _forecast(bad: Floats, total: Floats, window: int, binomial: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the window's sum, what the recent level leads one to expect, its denominator, and the noise of both."""
    base = slice(max(0, bad.shape[1] - window - BASELINE), bad.shape[1] - window)
    weight = np.exp(-np.arange(base.stop - base.start)[::-1] / MEMORY)
    weighed, squared = total[:, base] * weight, total[:, base] * weight**2
    level = level_of(bad[:, base] * weight, weighed, binomial)
    n = total[:, -window:].sum(axis=1)
    unit = level * (1 - level) if binomial else np.ones_like(level)
    noise = unit * (n + n**2 * squared.sum(axis=1) / np.maximum(weighed.sum(axis=1), 1e-9) ** 2)
    return bad[:, -window:].sum(axis=1), level * n, n, noise
