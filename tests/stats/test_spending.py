"""Spending boundaries against published tables and against simulated paths."""

import numpy as np
import pytest
from scipy.special import ndtri

from closeloop.stats.spending import look_levels, obrien_fleming


@pytest.mark.parametrize(
    ("looks", "published"),
    [  # two-sided 5 %, equal steps: Jennison and Turnbull 2000, section 7.2; Lan and DeMets 1983
        (2, (2.963, 1.969)),
        (3, (3.710, 2.511, 1.993)),
        (5, (4.877, 3.357, 2.680, 2.290, 2.031)),
    ],
)
def test_boundaries_equal_the_published_ones(looks, published):
    levels = look_levels(np.arange(1, looks + 1) / looks)
    assert -ndtri(levels / 2) == pytest.approx(published, abs=0.002)


SATURATES = np.array([0.45, 0.60, 0.72, 0.80, 0.86, 0.91, 0.96, 1.0])


@pytest.mark.parametrize("clock", [None, np.arange(1, 9) / 8, (SATURATES + np.arange(1, 9) / 8) / 2])
def test_all_looks_together_keep_five_percent_when_information_saturates(clock):
    information = SATURATES
    rng = np.random.default_rng(0)
    steps = np.sqrt(np.diff(information, prepend=0.0))
    z = np.cumsum(rng.standard_normal((200_000, 8)) * steps, axis=1) / np.sqrt(information)
    crossed = (np.abs(z) > -ndtri(look_levels(information, clock=clock) / 2)).any(axis=1)
    assert crossed.mean() == pytest.approx(0.05, abs=0.002)


def test_alpha_spent_by_time_too_leaves_more_of_it_to_the_review():
    """Where 45 % of the information is in at the first look, and one look at the end has a power of 73 %."""
    clock = (SATURATES + np.arange(1, 9) / 8) / 2
    rng = np.random.default_rng(1)
    steps = np.sqrt(np.diff(SATURATES, prepend=0.0))
    path = np.cumsum(rng.standard_normal((200_000, 8)) * steps, axis=1) + (1.96 + ndtri(0.73)) * SATURATES
    z = path / np.sqrt(SATURATES)
    once = (z[:, -1] > 1.96).mean()
    by_both, by_information = (
        (np.abs(z) > -ndtri(look_levels(SATURATES, clock=told) / 2)).any(axis=1).mean() / once
        for told in (clock, None)
    )
    assert by_both > 0.985
    assert by_both > by_information + 0.01


def test_one_look_costs_nothing_and_everything_is_spent_at_the_end():
    assert look_levels(np.array([1.0])) == pytest.approx([0.05])
    assert obrien_fleming(np.array([1.0])) == pytest.approx([0.05])


def test_a_look_that_adds_nothing_keeps_the_boundary():
    levels = look_levels(np.array([0.5, 0.5, 1.0]))
    assert levels[0] == levels[1]


@pytest.mark.parametrize("information", [[0.5, 0.9], [0.0, 1.0], [-0.1, 1.0]])
def test_information_that_is_no_fraction_is_refused(information):
    with pytest.raises(ValueError, match="above 0 and end at 1"):
        look_levels(np.array(information))
