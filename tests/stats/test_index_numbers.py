"""Price indices against hand-worked numbers, their algebra, and planted price changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop.stats.index_numbers import price_index, with_interval

MONEY = st.floats(0.5, 50)
COUNT = st.integers(1, 500)


def test_a_basket_worked_by_hand() -> None:
    # Prices 1, 2, 5 then and 2, 2, 6 now; quantities 10, 20, 4 then and 5, 25, 5 now.
    then, now = np.array([1, 2, 5]) * [10, 20, 4], np.array([2, 2, 6]) * [5, 25, 5]
    index = price_index(then, [10, 20, 4], now, [5, 25, 5])
    assert index.laspeyres == pytest.approx((20 + 40 + 24) / 70)
    assert index.paasche == pytest.approx(90 / (5 + 50 + 25))
    assert index.fisher == pytest.approx((84 / 70 * 90 / 80) ** 0.5)
    assert index.unit_value == pytest.approx((90 / 35) / (70 / 34))


def test_the_published_worked_example() -> None:
    """ILO et al., Consumer Price Index Manual 2004, chapter 19: tables 19.1 and 19.2, indices of table 19.5."""
    prices = [[1, 1, 1, 1, 1, 1], [1.2, 3, 1.3, 0.7, 1.4, 0.8], [1, 1, 1.5, 0.5, 1.7, 0.6],
              [0.8, 0.5, 1.6, 0.3, 1.9, 0.4], [1, 1, 1.6, 0.1, 2, 0.2]]  # fmt: skip
    bought = [[1, 1, 2, 1, 4.5, 0.5], [0.8, 0.9, 1.9, 1.3, 4.7, 0.6], [1, 1.1, 1.8, 3, 5, 0.8],
              [1.2, 1.2, 1.9, 6, 5.6, 1.3], [0.9, 1.2, 2, 12, 6.5, 2.5]]  # fmt: skip
    published = [(1, 1, 1), (1.42, 1.3823, 1.4011), (1.345, 1.2031, 1.2721), (1.355, 1.0209, 1.1762),
                 (1.44, 0.7968, 1.0712)]  # fmt: skip
    p, q = np.array(prices), np.array(bought)
    for now, told in enumerate(published):
        index = price_index(p[0] * q[0], q[0], p[now] * q[now], q[now])
        assert (index.laspeyres, index.paasche, index.fisher) == pytest.approx(told, abs=1e-4)


def test_a_shift_to_dear_parcels_is_mix_and_not_price() -> None:
    index = price_index([500, 2000], [100, 100], [250, 3000], [50, 150])
    assert index.fisher == pytest.approx(1)
    assert index.mix == pytest.approx((3250 / 200) / (2500 / 200))


def test_what_only_one_period_has_is_told_as_unmatched() -> None:
    index = price_index([100, 50, 0], [10, 10, 0], [120, 0, 90], [10, 0, 30])
    assert (index.fisher, index.matched_now, index.matched_then) == pytest.approx((1.2, 0.25, 0.5))


@given(st.lists(st.tuples(MONEY, COUNT, MONEY, COUNT), min_size=1, max_size=12))
def test_fisher_turns_round_with_time_and_splits_the_money(cells: list[tuple[float, int, float, int]]) -> None:
    p0, q0, p1, q1 = (np.array(column, dtype=float) for column in zip(*cells, strict=True))
    there = price_index(p0 * q0, q0, p1 * q1, q1)
    back = price_index(p1 * q1, q1, p0 * q0, q0)
    assert there.fisher * back.fisher == pytest.approx(1)
    quantity = price_index(p0 * q0, p0, p1 * q1, p1).fisher  # prices and quantities change places
    assert there.fisher * quantity == pytest.approx((p1 * q1).sum() / (p0 * q0).sum())
    assert min(there.laspeyres, there.paasche) - 1e-9 <= there.fisher <= max(there.laspeyres, there.paasche) + 1e-9
    assert there.fisher * there.mix == pytest.approx(there.unit_value)


def test_the_interval_holds_the_planted_price_step_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    base, held = np.array([5.0, 9.0, 14.0]), 0
    for _ in range(100):
        cells = [rng.choice(3, 200, p=p) for p in ([0.6, 0.3, 0.1], [0.2, 0.3, 0.5])]
        then, now = (base[c] * f * rng.lognormal(0, 0.1, 200) for c, f in zip(cells, (1, 1.06), strict=True))
        index, price, mix = with_interval(np.concatenate(cells), then, now, seed=1, draws=200)
        held += price[0] <= 1.06 <= price[1]
        assert mix[0] <= index.mix <= mix[1]
    assert held >= 88  # binomial: below 88 of 100 has a chance under 0.5 % at a true 95 %


def test_periods_without_a_common_cell_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="no cell was bought in both"):
        price_index([10, 0], [1, 0], [0, 10], [0, 1])
    with pytest.raises(ValueError, match="one value for each cell"):
        price_index([10], [1, 0], [0, 10], [0, 1])
