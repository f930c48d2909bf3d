"""Has the level of the last weeks risen above that of the weeks before? Many series at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

BASELINE = 26
"""Periods before the window that tell what is normal, at most."""

MIN_BASELINE = 8
"""Periods before the window without which nothing is said."""

PRIOR_DF = 10.0
"""How many residuals the other series' dispersion is worth."""

STEADIEST = 0.002
"""Relative error of a period's sum at least: a past without any noise would make rounding errors news."""

CHI_SQUARE_MEDIAN = 0.4549
"""Median of a squared standard normal."""

UNASKED = 8
"""Newest periods that do not tell how much the past moved: they may hold what is looked for."""

LULL = 0.25
"""Part of its newest rise that a series may show in a period that passes for normal."""


class Past(NamedTuple):
    """Series x periods in which nothing is asked: what was bad, of how much, and from how many rows.

    A series that had less than `least` of its rows a period before an end is too small to teach anything there.
    """

    bad: Floats
    total: Floats
    rows: Floats
    binomial: bool
    least: float = 0.0

    def large(self, end: int) -> NDArray[np.bool_]:
        """Return the series that were large enough in the periods right before `end`."""
        return self.rows[:, max(0, end - UNASKED) : end].mean(axis=1) >= self.least

    def all_ends(self, window: int) -> range:
        """Return the ends before which a window and a baseline fit, but for the newest periods."""
        return range(MIN_BASELINE + window, self.bad.shape[1] - UNASKED + 1)


class Rise(NamedTuple):
    """Per series: what the window held, what the baseline led one to expect, and how sure that is."""

    observed: Floats
    expected: Floats
    total: Floats
    se: Floats
    df: Floats
    p: Floats
    dispersion: Floats


def rise(
    bad: Floats,
    total: Floats,
    window: int,
    *,
    binomial: bool,
    strain: Floats | float = 1.0,
    trust: Floats | None = None,
) -> Rise:
    """Test whether the last `window` columns lie above the up to 26 before them (one-sided).

    `bad` and `total` are series x periods; the ratio of their sums is the level. For counts of counts
    (`binomial`) the variance is quasi-binomial, n r (1 - r) phi, with phi shrunk towards what series
    of that size have (moments; McCullagh and Nelder 1989, sections 4.5 and 9.2); else it is
    estimated from the periods alone. Shocks that last are allowed for by a pooled lag-1
    autocorrelation. Small counts get the larger of the t and the negative binomial tail. With fewer
    than 8 baseline periods p is 1. `strain` (`stats.strain`) widens the errors; `trust`
    (`stats.outbreaks`), 0 to 1 for each period, is how much of it tells what is normal.
    """
    now, past = (
        slice(bad.shape[1] - window, bad.shape[1]),
        slice(max(0, bad.shape[1] - window - BASELINE), -window),
    )
    x, n = bad[:, now].sum(axis=1), total[:, now].sum(axis=1)
    weight = np.ones_like(bad[:, past]) if trust is None else trust[:, past]
    base_bad, base_total = weight * bad[:, past], weight * total[:, past]
    periods = (base_total > 0).sum(axis=1)
    level = level_of(base_bad, base_total, binomial)
    unit = level * (1 - level) if binomial else np.ones_like(level)
    residual = _residuals(base_bad, base_total, level, unit)
    base_periods = (weight * (base_total > 0)).sum(axis=1)
    phi, df = _dispersion(residual, base_total, base_periods, binomial)
    if not binomial:
        phi = np.maximum(phi, (STEADIEST * level) ** 2 * base_total.sum(axis=1) / np.maximum(periods, 1))
    rho = _autocorrelation(residual, base_total)
    spread = n * _inflation(window, rho) + n**2 / np.maximum(base_total.sum(axis=1), 1e-9) * _inflation(26, rho)
    expected = level * n
    if binomial:
        phi = 1 + (phi - 1) * np.maximum(1.0, n / window * base_periods / np.maximum(base_total.sum(axis=1), 1e-9))
    variance = unit * phi * spread * np.square(strain)
    p = tail(x, expected, variance, df, binomial)
    p = np.where((periods >= MIN_BASELINE) & (n > 0), p, 1.0)
    return Rise(x, expected, n, np.sqrt(variance), df, p, phi)


def level_of(bad: Floats, total: Floats, binomial: bool) -> Floats:
    """Return the baseline ratio; counts get half a case, so that an empty past is not certainty."""
    extra = 0.5 if binomial else 0.0
    level = (bad.sum(axis=1) + extra) / np.maximum(total.sum(axis=1) + 2 * extra, 1e-9)
    return np.clip(level, 1e-6, 1 - 1e-6) if binomial else level


def _residuals(bad: Floats, total: Floats, level: Floats, unit: Floats) -> Floats:
    scale = np.sqrt(np.maximum(unit[:, None] * total, 1e-12))
    return np.where(total > 0, (bad - level[:, None] * total) / scale, 0.0)


def _dispersion(residual: Floats, total: Floats, periods: Floats, binomial: bool) -> tuple[Floats, Floats]:
    own_df = np.maximum(periods - 1, 1).astype(float)
    own = (residual**2).sum(axis=1) / own_df
    if not binomial:
        return own, own_df
    size = total.sum(axis=1) / np.maximum(periods, 1)
    # Shared shocks make phi grow with volume: phi = 1 + a n, one a for all series.
    a = max(0.0, float(((own - 1) * size * own_df).sum() / np.maximum((size**2 * own_df).sum(), 1e-9)))
    phi = (PRIOR_DF * (1 + a * size) + own_df * own) / (PRIOR_DF + own_df)
    return np.maximum(phi, 1.0), PRIOR_DF + own_df


def _autocorrelation(residual: Floats, total: Floats) -> float:
    """Pool the lag-1 autocorrelation over series, the large ones first: noise of small ones is white."""
    weight = total.sum(axis=1, keepdims=True)
    top = (weight * residual[:, 1:] * residual[:, :-1]).sum()
    bottom = (weight * residual**2).sum()
    return float(np.clip(top / bottom, 0.0, 0.7)) if bottom > 0 else 0.0


def _inflation(periods: int, rho: float) -> float:
    """Return how much a mean of AR(1) shocks varies beyond a mean of independent ones."""
    lags = np.arange(1, periods)
    return float(1 + 2 * ((1 - lags / periods) * rho**lags).sum())


def tail(x: Floats, expected: Floats, variance: Floats, df: Floats, binomial: bool) -> Floats:
    """Return the chance of so many or more: Student's, and for small counts not less than the negative binomial's."""
    p = stats.t.sf((x - expected) / np.sqrt(np.maximum(variance, 1e-12)), df)
    if not binomial:
        return p
    small = np.flatnonzero((expected < 50) & (p < 0.1))
    few, spread = np.maximum(expected[small], 1e-6), variance[small]
    size = few**2 / np.maximum(spread - few, 1e-3 * few)
    count, chance = np.ceil(x[small] - 1e-9), size / (size + few)
    mid = stats.nbinom.sf(count, size, chance) + 0.5 * stats.nbinom.pmf(count, size, chance)
    p[small] = np.maximum(p[small], mid)
    return p


def onset(bad: Floats, total: Floats, longest: int, trust: Floats | None = None) -> int:
    """Return how many periods ago the level of one series most likely stepped up (1 = the last one).

    Least squares over one change point (Hinkley 1970), among the last `longest` periods and with at
    least 8 periods before them. Periods before the newest two that were normal count as much as `trust` has it:
    a spell that was over is not the beginning of another.
    """
    weight = (
        np.ones(len(bad)) if trust is None else np.where(np.arange(len(bad)) < _newest_lull(bad, total), trust, 1)
    )
    x, n = weight * bad, weight * total
    best, score = 1, -np.inf
    for window in range(1, min(longest, len(bad) - MIN_BASELINE) + 1):
        n1, n0 = n[-window:].sum(), n[:-window].sum()
        if n0 <= 0 or n1 <= 0:
            continue
        step = x[-window:].sum() / n1 - x[:-window].sum() / n0
        gain = np.sign(step) * step**2 / (1 / n1 + 1 / n0)
        best, score = (window, gain) if gain > score else (best, score)
    return best


def _newest_lull(bad: Floats, total: Floats) -> int:
    """Return the end of the newest two neighbouring periods that were near the usual level; 0 without any."""
    ratio = bad / np.maximum(total, 1e-9)
    usual = float(np.median(ratio[total > 0])) if (total > 0).any() else 0.0
    near = ratio - usual < LULL * (ratio[-2:].mean() - usual)
    both = np.flatnonzero(near[1:] & near[:-1])
    return int(both[-1]) + 2 if len(both) else 0
