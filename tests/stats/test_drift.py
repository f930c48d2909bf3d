"""A ramp is told from a step and from nothing, and its slope and start lie in their intervals as often as said."""

import numpy as np
import pytest
from numpy.typing import NDArray

from closeloop.stats.drift import Drift, drift

WEEKS, ROWS = 40, 600


def series(rate: NDArray[np.float64], seed: int) -> Drift | None:
    bad = np.random.default_rng(seed).binomial(ROWS, rate).astype(float)
    return drift(bad, np.full(WEEKS, float(ROWS)), 20)


def ramp(length: int, slope: float) -> NDArray[np.float64]:
    return 0.10 + slope * np.maximum(0.0, length + 1.0 - np.arange(WEEKS, 0, -1))


def test_a_ramp_is_a_drift_with_its_slope_and_start() -> None:
    found = [series(ramp(10, 0.012), seed) for seed in range(200)]
    told = [one for one in found if one]
    assert len(told) > 180
    assert np.mean([one.slope for one in told]) == pytest.approx(0.012, rel=0.1)
    assert np.mean([one.latest <= 10 <= one.earliest for one in told]) > 0.88
    assert np.mean([one.level for one in told]) == pytest.approx(0.10, abs=0.005)


@pytest.mark.parametrize("weeks", [2, 4, 6, 8, 12])
def test_a_step_is_no_drift(weeks: int) -> None:
    step = np.where(np.arange(WEEKS, 0, -1) <= weeks, 0.18, 0.10)
    assert sum(series(step, seed) is not None for seed in range(200)) <= 6


def test_nothing_is_no_drift() -> None:
    assert sum(series(np.full(WEEKS, 0.10), seed) is not None for seed in range(400)) <= 8


def test_what_falls_or_is_short_is_no_drift() -> None:
    assert series(0.30 - ramp(12, 0.012), 1) is None
    assert drift(np.ones(9), np.full(9, 100.0), 20) is None


def test_weeks_without_rows_are_left_out() -> None:
    bad, total = np.random.default_rng(3).binomial(ROWS, ramp(10, 0.02)).astype(float), np.full(WEEKS, float(ROWS))
    total[5] = bad[5] = 0.0
    told = drift(bad, total, 20)
    assert told
    assert told.low < 0.02 < told.high
