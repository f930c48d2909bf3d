"""What earlier weeks teach is learnt from the newest two years, however long the history is."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from closeloop import metrics, strains
from closeloop.cube import Series
from closeloop.model import Slice
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
