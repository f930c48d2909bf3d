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
    thursday = STARTED + timedelta(days=3)
    (found,) = early.alarms(morning(thursday), thursday)
    assert found.slice == PORTAL
    assert found.metric in ("ready_to_label", "order_to_handover")
    assert STARTED - timedelta(days=6) <= found.onset <= STARTED
    assert found.week == thursday - timedelta(days=7)
    assert found.history[-1].week == found.week


def test_days_before_it_are_silent(morning: Callable[[date], duckdb.DuckDBPyConnection]) -> None:
    for day in (STARTED - timedelta(days=n) for n in (33, 20, 6, 1)):
        assert early.alarms(morning(day), day) == ()


def test_on_a_monday_the_seven_days_are_the_week(demo_week: Callable[[str], Loop]) -> None:
    """Both scans see the same rows then: whatever the stricter daily one shows the weekly one shows alike."""
    loop, monday = demo_week("2026-W35"), date(2026, 8, 31)
    found = {(p.metric, p.slice, p.onset, p.value) for p in early.alarms(loop.con, monday)}
    weekly = {(p.metric, p.slice, p.onset, p.value) for p in loop.patterns.patterns}
    assert found <= weekly
    assert ("order_to_handover", PORTAL, STARTED) in {told[:3] for told in found}


def test_a_day_that_does_not_exist_is_said() -> None:
    with pytest.raises(ValueError, match="write a day that exists"):
        weeks.parse_day("2026-02-30")


def test_what_a_day_off_may_have_made_is_shown_and_says_so(
    morning: Callable[[date], duckdb.DuckDBPyConnection],
) -> None:
    """On Memorial Day nobody works: what waits is no alarm of its own, but nothing that rose is kept back."""
    saturday = date(2026, 5, 30)
    found = early.alarms(morning(saturday), saturday)
    everywhere = [pattern for pattern in found if set(pattern.slice.dims) <= {"weekday"}]
    assert everywhere
    assert all("25 May 2026 was a day off" in pattern.sentence for pattern in everywhere)
