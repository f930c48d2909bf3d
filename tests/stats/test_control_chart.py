import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop.stats.control_chart import beyond_limit, control_chart, laney_p_chart, shift, trend, two_of_three

pytestmark = pytest.mark.filterwarnings("ignore:Limits rest on")


def marks(found):
    return "".join("x" if mark else "." for mark in found)


def at(*values):
    return np.array(values, dtype=float)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (at(1, 2, 3, 4, 5, 6, 7), "xxxxxxx"),
        (at(7, 6, 5, 4, 3, 2, 1), "xxxxxxx"),
        (at(1, 2, 3, 4, 5, 6), "......"),
        (at(1, 2, 3, 4, 4, 5, 6, 7), "........"),  # a tie ends a trend
        (at(9, 1, 2, 3, 4, 5, 6, 7, 0), ".xxxxxxx."),
        (at(1, 2, 3, 4, 5, 6, 7, 8), "xxxxxxxx"),
        (at(), ""),
    ],
)
def test_trend_is_seven_points_strictly_one_way(values, expected):
    assert marks(trend(values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (at(1, 2, 1, 2, 1, 2, 1), "xxxxxxx"),
        (at(-1, -2, -1, -2, -1, -2, -1), "xxxxxxx"),
        (at(1, 2, 1, 2, 1, 2), "......"),
        (at(1, 2, 1, 0, 1, 2, 1, 2), "........"),  # a point on the mean ends a run
        (at(-1, 1, 2, 1, 2, 1, 2, 1, -1), ".xxxxxxx."),
    ],
)
def test_shift_is_seven_points_on_one_side(values, expected):
    assert marks(shift(values, np.zeros(len(values)))) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (at(0, 2.5, 1, 2.5, 0), ".x.x."),  # only the two near the limit are marked
        (at(0, -2.5, -1, -2.5, 0), ".x.x."),
        (at(0, 2.5, -1, 2.5, 0), "....."),  # the third point must be on the same side
        (at(0, 2.5, 1, 1, 2.5), "....."),  # two in four
        (at(0, 2, 1, 2, 0), "....."),  # on the two-thirds line is not beyond it
        (at(0, 3.5, 1, 2.5, 0), "....."),  # beyond the limit is another rule
    ],
)
def test_two_of_three_near_a_limit(values, expected):
    zero = np.zeros(len(values))
    assert marks(two_of_three(values, zero, zero - 3, zero + 3)) == expected


def test_beyond_limit_is_strict():
    assert marks(beyond_limit(at(-4, -3, 0, 3, 4), at(-3), at(3))) == "x...x"


def test_limits_are_mean_and_2_66_moving_ranges():
    chart = control_chart([10, 12, 10, 12, 10, 12, 10, 12])  # every moving range is 2
    np.testing.assert_allclose(chart.centre, 11)
    np.testing.assert_allclose(chart.low, 11 - 2.66 * 2)
    np.testing.assert_allclose(chart.high, 11 + 2.66 * 2)
    assert set(chart.signal) == {""}


def test_huge_moving_ranges_are_screened_once_and_the_mean_is_not():
    values = [0, 1] * 10 + [40] + [0, 1] * 10
    chart = control_chart(values)  # ranges: 38 of 1, then 39 and 40; average 2.9, so both are left out
    assert chart.centre[0] == pytest.approx(60 / 41)
    assert chart.high[0] == pytest.approx(60 / 41 + 2.66)
    assert [i for i, s in enumerate(chart.signal) if s == "beyond limit"] == [20]


def test_first_rule_wins():
    chart = control_chart([0, 1] * 6 + [4, 5, 6, 7, 8, 9, 10])
    assert chart.signal[-1] == "beyond limit"
    assert "trend" in chart.signal


def test_rebase_draws_new_limits():
    low, high = [10, 12] * 7, [20, 24] * 7
    chart = control_chart(low + high, rebase=[14])
    np.testing.assert_allclose(chart.centre, [11] * 14 + [22] * 14)
    np.testing.assert_allclose(chart.high - chart.centre, [2.66 * 2] * 14 + [2.66 * 4] * 14)
    assert set(chart.signal) == {""}
    assert "shift" in control_chart(low + high).signal


def test_fixed_limits_come_from_the_first_points():
    chart = control_chart([10, 12] * 7 + [30], fixed=14)
    np.testing.assert_allclose(chart.centre, 11)
    assert chart.signal[-1] == "beyond limit"


@pytest.mark.filterwarnings("default:Limits rest on")
def test_warns_under_13_points():
    with pytest.warns(UserWarning, match="Limits rest on 12 points"):
        control_chart(range(12))


@pytest.mark.filterwarnings("error")
def test_no_warning_from_13_points():
    control_chart(range(13))


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=40))
def test_upside_down_is_the_same_chart(values):
    chart, mirrored = control_chart(values), control_chart([-v for v in values])
    np.testing.assert_allclose(chart.high, -mirrored.low, atol=1e-9)
    np.testing.assert_array_equal(chart.signal, mirrored.signal)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1, np.nan, 2]}, "1 missing"),
        ({"values": [1]}, "2 or more"),
        ({"values": range(20), "fixed": 11}, "at least 12"),
        ({"values": range(20), "rebase": [20]}, "leave each chart 2"),
        ({"values": range(20), "rebase": [1]}, "leave each chart 2"),
    ],
)
def test_refuses_what_makes_no_chart(arguments, message):
    with pytest.raises(ValueError, match=message):
        control_chart(**arguments)


def test_laney_by_hand():
    # Rates .4 and .6 by turns, error .05: z is -2 and 2, every moving range of z is 4.
    chart = laney_p_chart([40, 60] * 7, [100] * 14)
    assert chart.high[0] == 1  # .5 + 3 * .05 * 4 / 1.128 = 1.03
    assert chart.low[0] == 0
    chart = laney_p_chart([45, 55] * 7, [100] * 14)
    np.testing.assert_allclose(chart.high, 0.5 + 3 * 0.05 * 2 / 1.128)


def test_laney_equals_the_plain_p_chart_on_binomial_counts_and_widens_with_overdispersion():
    rng = np.random.default_rng(7)
    sizes = rng.integers(800, 1200, 2000)
    plain = 3 * np.sqrt(0.3 * 0.7 / sizes)
    binomial = laney_p_chart(rng.binomial(sizes, 0.3), sizes)
    wide = laney_p_chart(rng.binomial(sizes, rng.beta(30, 70, 2000)), sizes)
    np.testing.assert_allclose(binomial.high - binomial.centre, plain, rtol=0.05)
    share = 1 / 101  # of a Beta(30, 70): the variance is 1 + (n - 1) share times binomial
    np.testing.assert_allclose(wide.high - wide.centre, plain * np.sqrt(1 + 999 * share), rtol=0.15)


@pytest.mark.parametrize(("count", "trials"), [([1, 2], [1, 1]), ([0, 0], [0, 1]), ([1, 2, 3], [4, 4])])
def test_laney_refuses_impossible_counts(count, trials):
    with pytest.raises(ValueError, match=r"lie in 0\.\.trials"):
        laney_p_chart(count, trials)
