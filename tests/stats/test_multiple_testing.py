import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from closeloop.stats.multiple_testing import benjamini_hochberg

P_VALUES = st.lists(st.just(0.0) | st.floats(1e-12, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_q_values_equal_scipy(p):
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))


@given(P_VALUES)
def test_any_dependence_equals_scipy(p):
    expected = false_discovery_control(p, method="by")
    np.testing.assert_allclose(benjamini_hochberg(p, any_dependence=True), expected)


@given(P_VALUES, st.randoms(use_true_random=False))
def test_order_does_not_matter(p, random):
    order = random.sample(range(len(p)), len(p))
    np.testing.assert_array_equal(benjamini_hochberg(np.array(p)[order]), benjamini_hochberg(p)[order])


def test_untested_stay_nan_and_do_not_count():
    q = benjamini_hochberg([0.01, np.nan, 0.04])
    np.testing.assert_allclose(q, [0.02, np.nan, 0.04])


def test_nothing_tested():
    assert benjamini_hochberg([]).shape == (0,)
    assert np.isnan(benjamini_hochberg([np.nan])).all()


@pytest.mark.parametrize("p", [[-0.1], [0.5, 1.2]])
def test_refuses_what_is_no_probability(p):
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        benjamini_hochberg(p)


def test_refuses_a_table():
    with pytest.raises(ValueError, match=r"shape is \(1, 2\)"):
        benjamini_hochberg([[0.1, 0.2]])
