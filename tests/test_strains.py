"""What earlier weeks teach is learnt from the newest two years, however long the history is."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from closeloop import metrics, scan, strains
from closeloop.cube import Series
from closeloop.model import Change, Slice
from closeloop.stats import strain
from closeloop.stats.level_shift import UNASKED

SLICES = (Slice(), *(Slice.of([("carrier", f"c{i}")]) for i in range(30)))
PERIODS = 2 * strain.MEMORY + 40


@pytest.fixture(scope="module")
def long() -> Series:
    """A metric of thirty carriers, whose rates wander."""
    rng = np.random.default_rng(3)
    rate = 0.06 * np.exp(0.1 * rng.standard_normal((len(SLICES), PERIODS)).cumsum(axis=1) % 1)
    total = rng.poisson(300, rate.shape).astype(float)
    bad = rng.binomial(total.astype(int), rate).astype(float)
    monday = date(2020, 1, 6)
    weeks = tuple(monday + timedelta(weeks=i) for i in range(PERIODS))
    metric = metrics.by_id("slow_transit")
    return Series(metric, SLICES, weeks, bad, bad, total, np.ones(PERIODS, dtype=np.bool_))


def without(series: Series, oldest: int) -> Series:
    """Set the oldest weeks to something else altogether."""
    bad = series.bad.copy()
    bad[:, :oldest] = np.where(np.arange(oldest) % 2, 0, series.total[:, :oldest])
    return replace(series, bad=bad)


def test_weeks_older_than_memory_change_nothing_and_younger_ones_do(long: Series) -> None:
    learnt = strains.strain_of(long).of(long)
    looked_at = strain.MEMORY + UNASKED + strains.LEARNT_EVERY
    older, younger = PERIODS - looked_at - strain.MEMORY, PERIODS - looked_at + 60
    assert older > 8
    same = strains.strain_of(without(long, older)).of(long)
    assert [looks for _, looks in same.scales] == [looks for _, looks in learnt.scales]
    np.testing.assert_array_equal(same.strain, learnt.strain)
    assert (strains.strain_of(without(long, younger)).of(long).strain != learnt.strain).any()


def test_no_more_than_the_newest_two_years_are_tested(long: Series) -> None:
    made = strains.strain_of(long)
    made.of(long)
    assert len(made.misses[0]) == strain.MEMORY
    assert min(made.misses[0]) > PERIODS - strain.MEMORY - UNASKED - strains.LEARNT_EVERY


def changed(series: Series, week: int, scope: str, metric: str = "slow_transit") -> Change:
    day = series.weeks[week] + timedelta(days=2)
    return Change("C1", "P1", "", "", metric, day, Slice.parse(scope), "carrier_allocation", day, day, "ops")


@pytest.fixture(scope="module")
def mended() -> Series:
    """Forty weeks: c0 was bad, was mended in the twentieth, and is as bad as it was for two weeks."""
    rng = np.random.default_rng(4)
    rate = np.full((len(SLICES), 40), 0.06)
    rate[1, :20] = rate[1, 38:] = 0.12
    rate[2, 20:] = 0.09
    total = np.full(rate.shape, 400.0)
    bad = rng.binomial(400, rate).astype(float)
    weeks = tuple(date(2026, 1, 5) + timedelta(weeks=i) for i in range(40))
    metric = metrics.by_id("slow_transit")
    return Series(metric, SLICES, weeks, bad, bad, total, np.ones(40, dtype=np.bool_))


def test_a_relapse_is_held_against_what_a_logged_change_had_reached(mended: Series) -> None:
    change = changed(mended, 19, "carrier = c0")
    known = scan.scan(mended, strains.strain_of(mended, [change]).of(mended))
    unknown = scan.scan(mended, strains.strain_of(mended).of(mended))
    assert known.best.expected[1] / known.best.total[1] == pytest.approx(0.06, abs=0.01)
    assert known.p[1] < unknown.p[1] / 10
    assert (known.p[2:] == unknown.p[2:]).mean() > 0.5, "all others stay as they were"


def test_a_change_hides_nothing_that_it_made_worse_nor_what_lies_outside_its_scope(mended: Series) -> None:
    inside = [changed(mended, 19, f"carrier = c{i}") for i in (0, 1)]
    assert strains.rebased(mended, inside)[:3].tolist() == [0, 20, 0]
    assert not strains.rebased(mended, [changed(mended, 19, "carrier = c0", "on_time_delivery")]).any()
    assert not strains.rebased(mended, [changed(mended, 34, "carrier = c0")]).any(), "too few weeks to tell"
    assert strains.rebased(mended, [changed(mended, 19, "")])[2] == 0
