"""Records to JSON and back: nothing is lost, and a broken file is named."""

import json
import math
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop import findings
from closeloop.model import Cause, Estimate, Kpi, Pattern, Point, Slice, Verdict
from closeloop.patterns import Found

floats = st.floats(allow_infinity=False)
days = st.dates()
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
points = st.builds(Point, days, floats, floats, floats, floats, st.booleans())
slices = st.dictionaries(texts, texts, max_size=3).map(lambda d: Slice.of(d.items()))
patterns = st.builds(
    Pattern, texts, slices, st.just("step"), days, days, floats, floats, st.builds(Estimate, floats, floats, floats),
    texts, floats, floats, floats, first_seen=st.none() | days, folded=st.lists(slices, max_size=2).map(tuple),
    history=st.lists(points, max_size=2).map(tuple), also_in=st.lists(texts, max_size=2).map(tuple),
)  # fmt: skip


@dataclass(frozen=True)
class Nested:
    """Tuples in tuples, and a gap that is not a number."""

    pairs: tuple[tuple[str, float], ...]
    fixed: tuple[int, date | None]
    gap: float | None


def same(one: Any, other: Any) -> bool:
    """Compare as values, with NaN equal to NaN; types must agree too."""
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    return type(one) is type(other) and one == other


@given(patterns)
def test_a_pattern_comes_back_as_it_went(pattern: Pattern) -> None:
    assert same(pattern, findings.loads(Pattern, findings.dumps(pattern)))


@given(st.lists(st.tuples(texts, floats), max_size=3).map(tuple), st.none() | days)
def test_nested_tuples_and_gaps_come_back(pairs: tuple[tuple[str, float], ...], day: date | None) -> None:
    record = Nested(pairs, (7, day), None)
    assert same(record, findings.loads(Nested, findings.dumps(record)))


def test_the_text_is_plain_json_and_the_same_each_time() -> None:
    record = Point(date(2026, 11, 16), math.nan, 0.0, 1.0, 3.0)
    assert json.loads(findings.dumps(record))["value"] is None
    assert findings.dumps(record) == findings.dumps(Point(date(2026, 11, 16), math.nan, 0.0, 1.0, 3.0))


def test_everything_a_week_found_comes_back(demo: Any) -> None:
    for kind, record in (
        (tuple[Kpi, ...], demo.scorecard),
        (Found, demo.patterns),
        (tuple[Cause, ...], demo.causes),
        (tuple[Verdict, ...], demo.verdicts),
    ):
        text = findings.dumps(record)
        assert findings.dumps(findings.loads(kind, text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "7", '{"week": "2026-11-16"}', '{"value": 1}', '{"week": "yesterday", "value": 1}'],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"findings\.json"):
        findings.load(Point, path)


def test_bytes_that_are_no_text_are_named_too(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"findings\.json"):
        findings.load(Point, path)


def test_saving_leaves_no_half_file(tmp_path: Path) -> None:
    path = findings.save(Estimate(1.0, 0.0, 2.0), tmp_path / "deep" / "one.json")
    assert [p.name for p in path.parent.iterdir()] == ["one.json"]
    assert findings.load(Estimate, path) == Estimate(1.0, 0.0, 2.0)
