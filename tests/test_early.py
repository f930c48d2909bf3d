"""The daily scan: a planted problem is seen in days, with what was known that morning; quiet days are silent."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from closeloop import early, facts, project, weeks
from closeloop.loop import Loop
from closeloop.model import Slice
from closeloop.sources import prepared, source

PORTAL = Slice.of([("channel", "wholesale portal"), ("complexity", "4+ lines")])
STARTED = date(2026, 8, 24)
"""Planted: from this Monday on large orders of the wholesale portal wait two days longer for their label."""


@pytest.fixture(scope="module")
def morning(demo_files: Path, cache: Path) -> Callable[[date], duckdb.DuckDBPyConnection]:
    merchant = source.read(project.root() / "params/sources/demo", demo_files)

    def known(day: date) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(config={"threads": 1})
        prepared.attach(con, prepared.prepare(merchant, cache))
        facts.build(con, merchant, weeks.at_six(day))
        return con

    return known


def test_a_problem_is_seen_days_before_mondays_report(morning: Callable[[date], duckdb.DuckDBPyConnection]) -> None:
    friday = STARTED + timedelta(days=4)
    (found,) = early.alarms(morning(friday), friday)
    assert PORTAL.contains(found.slice) or found.slice.contains(PORTAL)
    assert found.metric in ("ready_to_label", "order_to_handover")
    assert STARTED - timedelta(days=6) <= found.onset <= STARTED
    assert found.week == friday - timedelta(days=7)
    assert found.history[-1].week == found.week


def test_days_before_it_are_silent(morning: Callable[[date], duckdb.DuckDBPyConnection]) -> None:
    for day in (STARTED - timedelta(days=n) for n in (33, 20, 6, 1)):
        assert early.alarms(morning(day), day) == ()


def test_on_a_monday_the_seven_days_are_the_week(demo_week: Callable[[str], Loop]) -> None:
    loop, monday = demo_week("2026-W36"), date(2026, 9, 7)
    found = {(p.metric, p.slice) for p in early.alarms(loop.con, monday)}
    assert found
    weekly = {(p.metric, p.slice) for p in loop.patterns.patterns}
    assert any(metric == other and (one.overlaps(two)) for metric, one in found for other, two in weekly)


def test_a_day_that_does_not_exist_is_said() -> None:
    with pytest.raises(ValueError, match="write a day that exists"):
        weeks.parse_day("2026-02-30")
