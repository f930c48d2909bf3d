import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeloop.stats.mix_rate import kitagawa, lmdi

NAMES = list("abcde")


def frame(rows):
    return pd.DataFrame(rows, columns=["carrier", "orders", "late"])


@st.composite
def period(draw):
    orders = draw(st.lists(st.integers(0, 500), min_size=5, max_size=5).filter(lambda n: sum(n) > 0))
    late = [draw(st.integers(0, n)) for n in orders]
    return frame(list(zip(NAMES, orders, late, strict=True)))


def split(before, after, **kwargs):
    return kitagawa(before, after, by="carrier", count="late", exposure="orders", **kwargs)


@given(period(), period())
@settings(max_examples=25, deadline=None)
def test_terms_add_up_to_the_change(before, after):
    result = split(before, after)
    change = after.late.sum() / after.orders.sum() - before.late.sum() / before.orders.sum()
    assert result.change == pytest.approx(change, abs=1e-12)
    assert result.rate + result.mix + result.entry == pytest.approx(change, abs=1e-12)
    parts = result.table[["rate", "mix", "entry"]].to_numpy().sum()
    assert parts == pytest.approx(change, abs=1e-12)


@given(period(), period())
@settings(max_examples=25, deadline=None)
def test_divisia_terms_add_up_to_the_change_of_the_total(before, after):
    parts = lmdi(before, after, by="carrier", count="late", exposure="orders")
    assert parts[["volume", "mix", "rate"]].sum(axis=1).to_numpy() == pytest.approx(
        parts["change"].to_numpy(), abs=1e-6
    )
    assert parts["change"].sum() == after.late.sum() - before.late.sum()


def test_kitagawa_by_hand():
    before = frame([("a", 800, 40), ("b", 200, 40)])
    after = frame([("a", 500, 30), ("b", 500, 75)])
    result = split(before, after)
    assert result.rate == pytest.approx(0.65 * 0.01 + 0.35 * -0.05)
    assert result.mix == pytest.approx((0.055 - 0.175) * -0.3)
    assert result.simpson  # late orders rose from 8 % to 10.5 % although most of the rates' movement is down


def test_growing_average_segment_is_not_blamed():
    before = frame([("a", 100, 10), ("b", 100, 10)])
    after = frame([("a", 900, 90), ("b", 100, 10)])
    assert split(before, after).table["mix"].to_numpy() == pytest.approx([0, 0], abs=1e-12)


def test_appearing_and_vanishing_segments_have_their_own_line():
    before = frame([("a", 100, 10), ("gone", 50, 20)])
    after = frame([("a", 100, 10), ("new", 50, 1)])
    result = split(before, after)
    table = result.table.set_index("carrier")
    assert table["status"].to_dict() == {"a": "stayed", "gone": "vanished", "new": "appeared"}
    assert result.rate == 0
    assert table.loc["a", "entry"] == 0
    assert result.entry == pytest.approx(result.change)


def test_standard_errors_match_simulation():
    rng = np.random.default_rng(3)
    orders0, orders1, rates = np.array([400, 300, 80]), np.array([200, 500, 150]), np.array([0.1, 0.2, 0.4])
    draws = []
    for _ in range(150):
        tables = [
            pd.DataFrame({"carrier": list("abc"), "orders": n, "late": rng.binomial(n, rates)})
            for n in (orders0, orders1)
        ]
        draws.append(split(*tables))
    for name in ("rate", "mix"):
        simulated = np.std([getattr(d, name) for d in draws])
        assert np.mean([getattr(d, f"{name}_se") for d in draws]) == pytest.approx(simulated, rel=0.2)


def test_dispersion_widens_standard_errors():
    tables = frame([("a", 100, 10)]), frame([("a", 100, 20)])
    assert split(*tables, dispersion=4.0).rate_se == pytest.approx(2 * split(*tables).rate_se)


def test_limits_at_zero():
    before, after = frame([("a", 100, 10), ("gone", 50, 5)]), frame([("a", 150, 0)])
    parts = lmdi(before, after, by="carrier", count="late", exposure="orders").set_index("carrier")
    assert parts.loc["a", "rate"] == pytest.approx(-10, abs=0.2)
    assert parts.loc["gone", "mix"] == pytest.approx(-5, abs=0.1)
    assert parts.loc["gone", "rate"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", -1, 0)], "negative"),
        ([("a", 0, 0)], "adds up to zero"),
        ([("a", 0, 3), ("b", 5, 1)], "needs its exposure"),
    ],
)
def test_bad_tables_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        split(frame(rows), frame([("a", 10, 1)]))


def test_missing_column_is_named():
    with pytest.raises(ValueError, match=r"no column \['late'\]"):
        split(pd.DataFrame({"carrier": ["a"], "orders": [1]}), frame([("a", 10, 1)]))
