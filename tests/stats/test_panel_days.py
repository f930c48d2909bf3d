"""What days within weeks tell of the treated unit, against planted answers and noise."""

import numpy as np
import pytest

from closeloop.stats.panel_days import Hint, hint_of, straying

WEEKS, CONTROLS, COUNTING = 16, 8, 0.04


def hint(seed: int, answer: float = 1.0, times: float = 1.0, missing: float = 0.0) -> Hint:
    """Logs of days: a level, weekdays and trends of each unit's own, a shared shock, own noise and counting."""
    rng = np.random.default_rng(seed)
    shape = (CONTROLS + 1, WEEKS, 7)
    reacts = np.r_[answer, np.ones(CONTROLS)][:, None, None]
    noisy = np.r_[times, np.ones(CONTROLS)][:, None, None]
    logs = reacts * 0.25 * rng.standard_normal(shape[1:]) + 0.2 * noisy * rng.standard_normal(shape)
    logs += np.sqrt(COUNTING) * rng.standard_normal(shape)
    logs += rng.normal(0, 3, (CONTROLS + 1, 1, 1)) + rng.normal(0, 0.5, (CONTROLS + 1, 1, 7))
    logs += rng.normal(0, 0.5, (CONTROLS + 1, WEEKS, 1))
    told = rng.random(shape[1:]) >= missing
    found = hint_of(np.where(told, logs, np.nan), told, np.full(CONTROLS + 1, COUNTING))
    assert found is not None
    return found


@pytest.mark.parametrize(("answer", "missing"), [(1.0, 0.0), (1.7, 0.0), (0.3, 0.3)])
def test_the_planted_answer_is_found_as_surely_as_is_said(answer: float, missing: float):
    found = [hint(seed, answer, missing=missing) for seed in range(200)]
    told = np.array([one.answer for one in found])
    assert told.mean() == pytest.approx(answer, abs=0.05)
    score = (told - answer) * np.sqrt([one.precision for one in found])
    assert 0.3 < score.std() < 1.1  # below one: a unit may answer otherwise from week to week


@pytest.mark.parametrize("times", [0.5, 1.0, 2.0])
def test_the_planted_noise_is_the_likeliest_most_of_the_time(times: float):
    grid = np.array([0.5, 1.0, 2.0])
    likeliest = [grid[np.argmax(hint(seed, times=times).log_likelihood(grid))] for seed in range(200)]
    assert np.mean(np.array(likeliest) == times) > 0.8
    own = np.median([hint(seed, times=times).own for seed in range(200)])
    assert own == pytest.approx(0.2**2, rel=0.1)


def test_without_shared_shocks_nothing_is_said_of_the_answer():
    rng = np.random.default_rng(1)
    told = np.ones((WEEKS, 7), dtype=bool)
    found = [hint_of(0.3 * rng.standard_normal((9, WEEKS, 7)), told, np.full(9, 0.04)) for _ in range(50)]
    assert np.median([one.precision for one in found if one]) < 1.0


def test_levels_weekdays_and_weeks_are_taken_out():
    rng = np.random.default_rng(2)
    told = rng.random((WEEKS, 7)) > 0.2
    plain = rng.standard_normal((3, 1, 1)) + rng.standard_normal((3, WEEKS, 1))
    assert np.abs(straying(plain + np.zeros((1, 1, 7)), told)).max() < 1e-12
    whole = np.ones((WEEKS, 7), dtype=bool)
    assert np.abs(straying(plain + rng.standard_normal((3, 1, 7)), whole)).max() < 1e-12


@pytest.mark.parametrize(("units", "weeks"), [(3, 16), (9, 2)])
def test_too_few_controls_or_days_tell_nothing(units: int, weeks: int):
    level = np.random.default_rng(3).standard_normal((units, weeks, 7))
    assert hint_of(level, np.ones((weeks, 7), dtype=bool), np.full(units, 0.04)) is None
