"""The date of a step: against a published one, planted ones, and its own promise of coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop.stats.change_point import EDGE, change_point

COAL_1851_1961 = (
    "45401434063340263354531441553425223421322111130010110031032201110101000210001102331121111240014000100000100101"
)
"""British coal-mining disasters a year as given by Carlin, Gelfand and Smith (1992)."""


def test_coal_mining_disasters_fell_around_1891() -> None:
    """Raftery and Akman (1986): most belief in 1890-91, 95 % between 1887 and 1895, from 3.1 a year to 0.9."""
    counts = [int(digit) for digit in COAL_1851_1961]
    found = change_point(counts, np.ones(len(counts)), binomial=False, up=False)
    assert 1851 + found.first in (1890, 1891, 1892)
    assert 1885 <= 1851 + found.low <= 1889
    assert 1893 <= 1851 + found.high <= 1897
    assert found.before == pytest.approx(3.1, abs=0.1)
    assert found.since == pytest.approx(0.9, abs=0.1)


def days(rng: np.random.Generator, step: int, rates: tuple[float, float], days_: int = 70, noise: float = 0.0):
    n = rng.integers(60, 140, days_)
    p = np.where(np.arange(days_) < step, *rates)
    logit = np.log(p / (1 - p)) + noise * rng.standard_normal(days_)
    return rng.binomial(n, 1 / (1 + np.exp(-logit))), n


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_the_interval_holds_the_planted_day(noise: float) -> None:
    rng = np.random.default_rng(11)
    held, near = 0, 0
    for _ in range(200):
        step = int(rng.integers(20, 60))
        found = change_point(*days(rng, step, (0.06, 0.16), noise=noise))
        held += found.low <= step <= found.high
        near += abs(found.first - step) <= 3
    assert held >= 184, "95 % promised; 92 % would be seen less than once in fifty runs"
    assert near >= 160


def test_a_weekend_is_not_taken_for_a_step() -> None:
    rng = np.random.default_rng(3)
    weekly = np.where(np.arange(70) % 7 >= 5, 3.0, 1.0)
    p = 0.05 * weekly * np.where(np.arange(70) < 40, 1, 1.8)
    n = np.full(70, 200)
    x = rng.binomial(n, p)
    assert abs(change_point(x, n, season=7).first - 40) <= 1


@given(st.lists(st.integers(0, 50), min_size=2 * EDGE + 1, max_size=40), st.booleans())
def test_any_counts_give_a_date_inside_its_interval(counts: list[int], binomial: bool) -> None:
    found = change_point(counts, np.full(len(counts), 50), binomial=binomial)
    assert EDGE <= found.low <= found.first <= found.high <= len(counts) - EDGE
    assert found.dispersion > 0


@pytest.mark.parametrize(
    ("count", "exposure", "said"),
    [([1] * 5, [9] * 5, "too few"), ([1] * 9, [0] * 9, "some exposure"), ([-1] * 9, [9] * 9, "not negative")],
)
def test_what_cannot_be_dated_is_refused(count: list[int], exposure: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        change_point(count, exposure)
