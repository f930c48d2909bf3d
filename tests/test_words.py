import doctest
import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop import metrics, words
from closeloop.model import Estimate


def plain(text):
    return text.replace("\u00a0", " ")


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (6.3, "6.3"), (19.96, "20.0"), (41.2, "41"), (1012, "1,012"), (-7.26, "−7.3"), (math.nan, "no data"),
     (-0.01, "0.0")],
)  # fmt: skip
def test_numbers(value, text):
    assert words.number(value) == text


def test_values_read_as_their_metric_is_counted():
    assert plain(words.measured(0.688, "late parcels")) == "68.8 %"
    assert plain(words.measured(9.414, metrics.by_id("cost_per_parcel").unit)) == "$9.41"
    assert words.measured(110, metrics.by_id("cost_index").unit) == "110.0"
    assert words.measured(110, metrics.by_id("cost_index").shown_unit) == "110.0"
    assert plain(words.measured(0.5, metrics.by_id("return_rate").shown_unit)) == "50.0 %"
    assert plain(words.measured(7.44, "hours")) == "7.4 h"


def test_an_excess_comes_with_its_interval():
    text = words.excess(Estimate(41.2, 29.6, 52.9), "late parcels")
    assert plain(text) == "+41 late parcels (95 % interval +30 to +53)"
    money = words.excess(Estimate(-1012.0, -1384.0, 12.5), metrics.by_id("cost_index").unit)
    assert plain(money) == "−$1,012 above the reference price (95 % interval −$1,384 to +$12)"


@pytest.mark.parametrize(
    ("currency", "text"), [("EUR", "€9.41"), ("gbp", "£9.41"), ("CAD", "CAD 9.41"), ("USD", "$9.41")]
)
def test_money_is_told_in_the_currency_of_the_merchant(currency, text):
    words.speak_of(currency)
    try:
        assert plain(words.measured(9.414, metrics.by_id("cost_per_parcel").unit)) == text
        debit = plain(words.excess(Estimate(-9.41, -12.0, -3.0), metrics.by_id("cost_per_parcel").unit))
        assert debit.startswith(f"−{text}")
    finally:
        words.speak_of("USD")


def test_a_relative_effect_is_a_percentage():
    assert plain(words.relative(Estimate(-0.21, -0.3, 0.02))) == "−21 % (95 % interval −30 % to +2 %)"


def test_days_and_moments():
    assert words.day(date(2026, 11, 6)) == "6 Nov 2026"
    assert words.moment("2026-11-22T06:05:00+00:00") == "22 Nov 2026, 06:05 UTC"
    assert words.moment("2026-11-22") == "22 Nov 2026"
    assert words.moment("last night") == "last night"


def test_every_metric_has_a_name_for_people():
    for metric in metrics.METRICS:
        assert words.label(metric.id) == metric.label
        assert words.unit_of(metric.id) == metric.unit
    assert words.label("odd_one") == "Odd one"


@given(st.text(), st.integers(min_value=10, max_value=60))
def test_a_shortened_text_fits_in_one_line(text, width):
    short = words.shortened(text, width)
    assert len(short) <= width + 1
    assert "\n" not in short


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_a_number_reads_back(value):
    back = float(words.number(value).replace(",", "").replace(words.MINUS, "-"))
    assert back == pytest.approx(value, abs=0.51 if abs(value) >= 20 else 0.051)
    assert ("−" in words.number(value)) == (back < 0)
