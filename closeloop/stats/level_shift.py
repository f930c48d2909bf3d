"""Has the level of the last weeks risen above that of the weeks before? Many series at once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
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

CHI_SQUARE_MEDIAN = 0.4549
"""Median of a squared standard normal."""

STEADIEST = 0.002
"""Relative error of a period's sum at least: a past without any noise would make rounding errors news."""

UNASKED = 8
"""Newest periods that do not tell how much the past moved: they may hold what is looked for."""

FEWEST_ENDS = 3
"""Earlier tests without which the strain is not known."""

UNKNOWN_STRAIN = 1.5
"""What is assumed then: shared shocks of a few weeks, as simulated merchants show them."""

STRAIN_PRIOR = 20.0
"""How many earlier tests the average over all series is worth."""


class Rise(NamedTuple):
    """Per series: what the window held, what the baseline led one to expect, and how sure that is."""

    observed: Floats
    expected: Floats
    total: Floats
    se: Floats
    df: Floats
    p: Floats
    dispersion: Floats


def rise(bad: Floats, total: Floats, window: int, *, binomial: bool, strain: Floats | float = 1.0) -> Rise:
    """Test whether the last `window` columns lie above the up to 26 before them (one-sided).

    `bad` and `total` are series x periods; the ratio of their sums is the level. For counts of counts
    (`binomial`) the variance is quasi-binomial, n r (1 - r) phi, with phi shrunk towards what series
    of that size have (moments; McCullagh and Nelder 1989, sections 4.5 and 9.2); else it is
    estimated from the periods alone. Shocks that last are allowed for by a pooled lag-1
    autocorrelation. Small counts get the larger of the t and the negative binomial tail. With fewer
    than 8 baseline periods p is 1. `strain` (see below) widens the errors.
    """
    now, past = (
        slice(bad.shape[1] - window, bad.shape[1]),
        slice(max(0, bad.shape[1] - window - BASELINE), -window),
    )
    x, n = bad[:, now].sum(axis=1), total[:, now].sum(axis=1)
    base_bad, base_total = bad[:, past], total[:, past]
    periods = (base_total > 0).sum(axis=1)
    level = level_of(base_bad, base_total, binomial)
    unit = level * (1 - level) if binomial else np.ones_like(level)
    residual = _residuals(base_bad, base_total, level, unit)
    phi, df = _dispersion(residual, base_total, periods, binomial)
    if not binomial:
        phi = np.maximum(phi, (STEADIEST * level) ** 2 * base_total.sum(axis=1) / np.maximum(periods, 1))
    rho = _autocorrelation(residual, base_total)
    spread = n * _inflation(window, rho) + n**2 / np.maximum(base_total.sum(axis=1), 1e-9) * _inflation(26, rho)
    expected = level * n
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


def _dispersion(residual: Floats, total: Floats, periods: NDArray[np.int_], binomial: bool) -> tuple[Floats, Floats]:
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


def strain(bad: Floats, total: Floats, window: int, groups: Sequence[Hashable], *, binomial: bool) -> Floats:
    """Return, per series, how much more the past moved than `rise` would have it: a factor on its errors.

    The same test is made at earlier periods, where nothing is asked; the median of its squares, by group
    and shrunk towards all series, over that of a standard normal is what a squared standard error is
    really worth (an empirical null by its centre, Efron 2004, so that old problems do not hide new
    ones). Never below 1.
    """
    names = sorted({str(group) for group in groups})
    codes = np.array([names.index(str(group)) for group in groups], dtype=np.int_)
    return strain_by_group(past_squares(bad, total, window, total, binomial=binomial), codes, window)[codes]


def past_squares(
    bad: Floats, total: Floats, window: int, rows: Floats, *, binomial: bool, least: float = 0.0
) -> dict[int, Floats]:
    """Test all series at earlier ends: by the number of periods until each, their squared test values.

    A series that had less than `least` of its `rows` a period before an end is NaN there. What stands at an end
    rests on the periods before it alone, so it is the same however long the series has become since.
    """
    found: dict[int, Floats] = {}
    for end in range(MIN_BASELINE + window, bad.shape[1] - UNASKED + 1, 2):
        large = rows[:, max(0, end - UNASKED) : end].mean(axis=1) >= least
        test = rise(bad[large, :end], total[large, :end], window, binomial=binomial)
        found[end] = np.full(len(bad), np.nan)
        found[end][large] = ((test.observed - test.expected) / np.maximum(test.se, 1e-9)) ** 2
    return found


def strain_by_group(squares: dict[int, Floats], codes: NDArray[np.int_], window: int) -> Floats:
    """Return the factor of each group of series from the squares of their earlier tests."""
    groups = int(codes.max(initial=0)) + 1
    if len(squares) < FEWEST_ENDS:
        return np.full(groups, UNKNOWN_STRAIN)
    seen = np.array(list(squares.values()))
    of, known = np.broadcast_to(codes, seen.shape)[np.isfinite(seen)], seen[np.isfinite(seen)]
    if not len(known):
        return np.full(groups, UNKNOWN_STRAIN)
    members = np.bincount(of, minlength=groups)
    parts = np.split(known[np.argsort(of, kind="stable")], np.cumsum(members)[:-1])
    own = np.array([np.median(part) if len(part) else 0.0 for part in parts])
    looks = members * 2 / window
    shrunk = (looks * own + STRAIN_PRIOR * np.median(known)) / (looks + STRAIN_PRIOR)
    return np.sqrt(np.maximum(1.0, shrunk / CHI_SQUARE_MEDIAN))


def onset(bad: Floats, total: Floats, longest: int) -> int:
    """Return how many periods ago the level of one series most likely stepped up (1 = the last one).

    Least squares over one change point (Hinkley 1970), among the last `longest` periods and with at
    least 8 periods before them.
    """
    best, score = 1, -np.inf
    for window in range(1, min(longest, len(bad) - MIN_BASELINE) + 1):
        n1, n0 = total[-window:].sum(), total[:-window].sum()
        if n0 <= 0 or n1 <= 0:
            continue
        step = bad[-window:].sum() / n1 - bad[:-window].sum() / n0
        gain = np.sign(step) * step**2 / (1 / n1 + 1 / n0)
        best, score = (window, gain) if gain > score else (best, score)
    return best
