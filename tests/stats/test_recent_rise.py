"""Rises above recent weeks: worlds that wander without news, and breaks that an older break would hide."""

import numpy as np
import pytest

from closeloop.stats.level_shift import Past, rise
from closeloop.stats.recent_rise import FEWEST, past_misses, recent_rise, scale_of

SERIES, PERIODS, VOLUME = 1500, 60, 200.0

Floats = np.ndarray


def world(seed: int, wander: float, breaks: tuple[tuple[int, float], ...] = ()) -> tuple[Floats, Floats]:
    """Counts of bad ones whose log-odds walk at random by `wander` a period, and jump at `breaks`."""
    rng = np.random.default_rng(seed)
    odds = np.log(0.08 / 0.92) + wander * rng.standard_normal((SERIES, PERIODS)).cumsum(axis=1)
    for at, jump in breaks:
        odds[:, at:] += jump
    rate = 1 / (1 + np.exp(-odds))
    total = rng.poisson(VOLUME, rate.shape).astype(float)
    return rng.binomial(total.astype(int), rate).astype(float), total


def misses_of(bad: Floats, total: Floats, window: int, *, binomial: bool = True) -> dict[int, Floats]:
    past = Past(bad, total, total, binomial, least=20)
    return past_misses(past, window, past.all_ends(window))


def p_values(bad: Floats, total: Floats, window: int) -> Floats:
    misses = misses_of(bad, total, window)
    learnt = scale_of(misses, window, binomial=True)
    assert learnt is not None
    return recent_rise(bad, total, window, learnt[0], binomial=True, looks=learnt[1]).p


QUIET = {0.0: 2, 0.1: 2, 0.3: 5}
"""How far levels walk a week (0.3 leads from 8 % to 2 or 30 % in half a year), and how many times the promised rate
alarms may reach: what a level did at 2 % says little of what it does at 30 %."""


@pytest.mark.parametrize("wander", QUIET)
@pytest.mark.parametrize("window", [1, 4])
def test_a_level_that_only_wanders_on_raises_few_alarms(wander: float, window: int) -> None:
    p = p_values(*world(1, wander), window)
    assert (p <= 0.005).mean() <= QUIET[wander] * 0.005
    assert (p <= 0.05).mean() <= QUIET[wander] * 0.05
    if not wander:
        assert (p <= 0.05).mean() > 0.02, "not by never alarming"


def test_an_old_break_hides_a_new_one_from_half_a_year_but_not_from_recent_weeks() -> None:
    # Up and down again in the past half year, then up anew in the last week.
    bad, total = world(2, 0.03, ((34, 1.2), (46, -1.2), (59, 1.2)))
    assert (rise(bad, total, 1, binomial=True).p <= 0.001).mean() < 0.3
    assert (p_values(bad, total, 1) <= 0.001).mean() > 0.7


def test_it_says_nothing_before_it_knows_how_a_series_wanders() -> None:
    bad, total = world(3, 0.0)
    short = misses_of(bad[:, :24], total[:, :24], 1)
    assert len(short) < FEWEST
    assert scale_of(short, 1, binomial=True) is None


def test_money_is_told_by_its_own_scatter() -> None:
    rng = np.random.default_rng(4)
    cost = rng.normal(500, 25, (SERIES, PERIODS))
    same = np.full_like(cost, 480.0)
    misses = misses_of(cost, same, 1, binomial=False)
    learnt = scale_of(misses, 1, binomial=False)
    assert learnt is not None
    quiet = recent_rise(cost, same, 1, learnt[0], binomial=False, looks=learnt[1]).p
    assert 0.001 <= (quiet <= 0.005).mean() <= 0.015
    cost[:, -1] += 150
    dearer = recent_rise(cost, same, 1, learnt[0], binomial=False, looks=learnt[1]).p
    assert (dearer <= 0.005).mean() > 0.95


def test_scales_are_the_medians_of_each_column_that_knows_something() -> None:
    rng = np.random.default_rng(5)
    looks = rng.chisquare(1, (FEWEST + 3, 6))
    looks[rng.uniform(size=looks.shape) < 0.3] = np.nan
    looks[:, 2] = np.nan
    learnt = scale_of(dict(enumerate(looks)), 2, binomial=False)
    assert learnt is not None
    pooled = np.nanmedian(looks)
    own = [np.nanmedian(column) if np.isfinite(column).any() else pooled for column in looks.T]
    known = np.isfinite(looks).sum(axis=0) / 2
    assert learnt[0] == pytest.approx((known * own + 10 * pooled) / (known + 10) / 0.4549)
