"""Slices as people type them, and what they hold, against the rows themselves."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop.model import Estimate, Slice, stable_id

VALUES = {"carrier": ("FedEx", "UPS"), "zone": ("7", "8"), "region": ("Pacific", "Mountain")}
ROWS = [dict(zip(VALUES, values, strict=True)) for values in product(*VALUES.values())]

names = st.from_regex(r"[a-z][a-z_0-9]{0,12}", fullmatch=True)
# Staging trims every value, so none begins or ends with a blank.
texts = st.text(min_size=1, max_size=20).map(str.strip).filter(bool)
values = st.sampled_from(["Home & Garden", "a=b", "100 %", "O'Brien", '"x"', "4+ lines", "=1+1", "東京"]) | texts
odd_slices = st.dictionaries(names, values.filter(lambda text: " & " not in text), max_size=3)
small_slices = st.fixed_dictionaries({}, optional={dim: st.sampled_from(v) for dim, v in VALUES.items()})


def rows_of(where: Slice) -> list[dict[str, str]]:
    return [row for row in ROWS if all(row[dim] == value for dim, value in where.where)]


@given(odd_slices)
def test_a_printed_slice_reads_back_as_itself(conditions: dict[str, str]) -> None:
    where = Slice.of(conditions.items())
    assert Slice.parse(str(where)) == where


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("category = Home & Garden", {"category": "Home & Garden"}),
        ("category = Home & Garden & zone = 7", {"category": "Home & Garden", "zone": "7"}),
        ("zone=7 &  carrier =FedEx", {"zone": "7", "carrier": "FedEx"}),
        ("sku = a=b", {"sku": "a=b"}),
        ("everything", {}),
        ("  ", {}),
    ],
)
def test_a_slice_can_be_typed(text: str, conditions: dict[str, str]) -> None:
    assert Slice.parse(text) == Slice.of(conditions.items())


@pytest.mark.parametrize("text", ["carrier", "= FedEx", "carrier = FedEx & zone", "carrier = FedEx & zone 7"])
def test_a_condition_without_a_sign_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"each condition is 'dimension = value'"):
        Slice.parse(text)


@given(small_slices, small_slices)
def test_contains_and_overlaps_say_what_the_rows_say(one: dict[str, str], other: dict[str, str]) -> None:
    a, b = Slice.of(one.items()), Slice.of(other.items())
    mine, theirs = rows_of(a), rows_of(b)
    assert a.contains(b) == all(row in mine for row in theirs)
    assert a.overlaps(b) == any(row in mine for row in theirs)
    assert a.overlaps(b) == b.overlaps(a)


def test_conditions_in_any_order_are_one_slice() -> None:
    assert Slice.of([("zone", "7"), ("carrier", "FedEx")]) == Slice.of([("carrier", "FedEx"), ("zone", "7")])


def test_an_estimate_is_clear_when_zero_lies_outside() -> None:
    assert Estimate(2, 1, 3).is_clear
    assert Estimate(-2, -3, -1).is_clear
    assert not Estimate(1, -1, 3).is_clear
    assert not Estimate(1, 0, 3).is_clear


def test_ids_keep_parts_apart() -> None:
    assert stable_id("P", "a", "bc") != stable_id("P", "ab", "c")
    assert stable_id("P", "a", "bc") == stable_id("P", "a", "bc")
