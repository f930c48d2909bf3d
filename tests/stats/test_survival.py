"""Survival from counts, against statsmodels on the rows themselves and a published study."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from closeloop.stats.survival import incidence, kaplan_meier, quantile

MERCAPTOPURINE = [
    (6, 3, 1), (7, 1, 0), (9, 0, 1), (10, 1, 1), (11, 0, 1), (13, 1, 0), (16, 1, 0), (17, 0, 1),
    (19, 0, 1), (20, 0, 1), (22, 1, 0), (23, 1, 0), (25, 0, 1), (32, 0, 2), (34, 0, 1), (35, 0, 1),
]  # fmt: skip
"""Weeks of remission under 6-MP (Freireich et al. 1963): age, relapsed, censored."""


def test_remission_under_6_mp_is_the_published_one() -> None:
    """Kalbfleisch and Prentice (1980), table 1.1: S(10) = .753, S(23) = .448, median 23 weeks, lower limit 13."""
    age, relapsed, censored = zip(*MERCAPTOPURINE, strict=True)
    curve = kaplan_meier(age, relapsed, censored)
    assert curve.waiting[3] == pytest.approx(0.753, abs=5e-4)
    assert curve.waiting[11] == pytest.approx(0.448, abs=5e-4)
    median = quantile(curve, 0.5)
    assert (median.value, median.low, median.high) == (23, 13, float("inf"))


rows = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2)), min_size=3, max_size=80)


def counted(ages: np.ndarray, kinds: np.ndarray, kind: int) -> np.ndarray:
    return np.array([((ages == age) & (kinds == kind)).sum() for age in np.unique(ages)])


@given(rows)
def test_counts_give_what_the_rows_give(drawn: list[tuple[int, int]]) -> None:
    ages, kinds = np.array(drawn).T
    if not (kinds == 1).any():
        return
    curve = kaplan_meier(np.unique(ages), counted(ages, kinds, 1), counted(ages, kinds, 0) + counted(ages, kinds, 2))
    reference = SurvfuncRight(ages, kinds == 1)
    at = np.searchsorted(curve.age, reference.surv_times)
    assert curve.waiting[at] == pytest.approx(reference.surv_prob)
    assert (curve.low <= curve.waiting + 1e-12).all()
    assert (curve.waiting <= curve.high + 1e-12).all()


@given(rows)
def test_what_ended_otherwise_can_no_longer_happen(drawn: list[tuple[int, int]]) -> None:
    ages, kinds = np.array(drawn).T
    if not {1, 2} <= set(kinds.tolist()):
        return
    found = incidence(np.unique(ages), *(counted(ages, kinds, kind) for kind in (1, 2, 0)))
    reference = CumIncidenceRight(ages, kinds)
    at = np.searchsorted(np.unique(ages), reference.times)
    assert found[at] == pytest.approx(np.asarray(reference.cinc[0]))


def test_the_interval_of_the_median_holds_it_as_often_as_promised() -> None:
    rng, held = np.random.default_rng(5), 0
    for _ in range(400):
        ages = np.ceil(rng.exponential(20 / np.log(2), 120))
        stop = rng.integers(5, 60, 120)
        seen, ended = np.minimum(ages, stop), ages <= stop
        t = np.unique(seen)
        curve = kaplan_meier(t, counted(seen, ended, 1), counted(seen, ended, 0))
        median = quantile(curve, 0.5)
        held += median.low <= 20 <= median.high
    assert held >= 368, "95 % promised"


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match="ascend"):
        kaplan_meier([2, 1], [1, 1], [0, 0])
    with pytest.raises(ValueError, match="one length"):
        kaplan_meier([1, 2], [1], [0])
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile(kaplan_meier([1, 2], [1, 1], [0, 0]), 1.0)
