"""The strain against worlds whose wandering is known."""

import numpy as np
import pytest

from closeloop.stats.level_shift import Past
from closeloop.stats.strain import MEMORY, UNKNOWN, learnt, past_squares, strain, without_outbreaks
from tests.stats.test_level_shift import worlds

WINDOW = 2


@pytest.mark.parametrize(("memory", "low", "high"), [(0.0, 1.0, 1.15), (0.9, 1.15, 3.0)])
def test_only_series_that_wander_are_strained(memory: float, low: float, high: float) -> None:
    bad, total = worlds(5, volume=2000, spread=0.3 if memory else 0.0, memory=memory, periods=40)
    found = strain(bad, total, WINDOW, ["all"] * len(bad), binomial=True)
    assert low <= found[0] <= high
    assert (found == found[0]).all()


def test_with_no_earlier_test_something_is_assumed_and_few_tests_move_it_little() -> None:
    codes = np.zeros(50, dtype=np.int_)
    assert learnt({}, codes, WINDOW).common == UNKNOWN
    one = learnt({12: np.full(50, 9 * 0.4549)}, codes, WINDOW)
    many = learnt(dict.fromkeys(range(12, 60, 2), np.full(50, 9 * 0.4549)), codes, WINDOW)
    assert UNKNOWN < one.common < many.common < 3
    assert many.common > 2.8


def test_what_a_week_learns_rests_on_the_weeks_before_it() -> None:
    bad, total = worlds(6, periods=34)
    now, then = Past(bad, total, total, True), Past(bad[:, :-4], total[:, :-4], total[:, :-4], True)
    (long,) = past_squares(now, (WINDOW,), now.all_ends(WINDOW))
    (short,) = past_squares(then, (WINDOW,), then.all_ends(WINDOW))
    assert set(short) < set(long)
    for end, squares in short.items():
        np.testing.assert_array_equal(squares, long[end])


def test_old_outbreaks_teach_nothing_about_quiet_weeks() -> None:
    squares = {10: np.array([1.0, 100.0]), 20: np.array([2.0, 3.0])}
    known = np.ones((2, 20))
    known[1, 8:12] = 0
    kept = without_outbreaks(squares, known, WINDOW)
    assert np.isnan(kept[10][1])
    assert kept[10][0] == 1
    assert list(kept[20]) == [2, 3]


def test_what_was_longer_ago_than_memory_teaches_nothing() -> None:
    bad, total = worlds(7, periods=MEMORY + 60)
    wild = bad.copy()
    wild[:, ::2][:, :20] *= 3
    end = MEMORY + 50
    (quiet,), (after,) = (past_squares(Past(x, total, total, True), (WINDOW,), [end]) for x in (bad, wild))
    np.testing.assert_array_equal(quiet[end], after[end])
    (near,) = past_squares(Past(wild, total, total, True), (WINDOW,), [44])
    (same,) = past_squares(Past(bad, total, total, True), (WINDOW,), [44])
    assert (near[44] != same[44]).any(), "what lies within it does"
