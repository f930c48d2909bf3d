"""The ledger on cases whose truth is planted: nothing spared twice, nothing kept that faded."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import duckdb
import pytest

from closeloop import charts, ledger
from closeloop.cube import Cube
from closeloop.loop import Loop
from closeloop.model import Change, Estimate, Faded, Slice, Verdict

MONDAY = date(2026, 11, 16)
SHIPPED = date(2026, 9, 28)  # eight weeks before the end of the week
CASES = 80  # late ones a day and carrier


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Orders of two channels and two sites, 80 of each pair late every day."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            CREATE TABLE order_facts AS
            SELECT day + INTERVAL 12 HOUR AS label_due_at, NULL::TIMESTAMP AS label_at,
                   NULL::TIMESTAMP AS cancelled_at,
                   channel, warehouse
            FROM generate_series(DATE '2026-06-01', DATE '2026-11-22', INTERVAL 1 DAY) g(day),
                 (VALUES ('web'), ('portal')) c(channel), (VALUES ('NV'), ('NJ')) w(warehouse), range(80)
            """
        )
        yield connection


@pytest.fixture
def cube(demo: Loop) -> Cube:
    return replace(demo.cube, week=MONDAY)


def change(name: str, scope: str, shipped: date = SHIPPED, **more: object) -> Change:
    entry = Change(
        id=name, pattern="seen", root_cause="known", change_shipped="one thing", metric="ready_to_label",
        review_date=shipped + timedelta(weeks=2), scope=Slice.parse(scope), kind="filter_update", shipped_on=shipped,
        written_on=shipped, owner="lead",
    )  # fmt: skip
    return replace(entry, **more)  # type: ignore[arg-type]


def verdict(entry: Change, effect: float = -0.2, sure: float = 0.01, **more: object) -> Verdict:
    """What 160 seen a day stand for, if the effect is this one."""
    spared = Estimate(*(7 * 2 * CASES * (1 / (1 + e) - 1) for e in (effect, effect + sure, effect - sure)))
    told = Verdict(
        change=entry, decision="improved", method="", before=0.1, after=0.08,
        effect=Estimate(effect, effect - sure, effect + sure), avoided=spared, unit="orders", p=0.01, weeks_after=8,
        sentence="", next_step="",
    )  # fmt: skip
    return replace(told, **more)  # type: ignore[arg-type]


def test_one_change_spares_what_would_have_come(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    """A fifth fewer: 160 seen a day stand for 200, so 280 are spared a week, and eight weeks have passed."""
    entry = change("C1", "channel = web")
    found = ledger.build(con, cube, [entry], [verdict(entry)]).savings[0]
    assert found.weekly.value == pytest.approx(280, rel=0.01)
    assert found.so_far.value == pytest.approx(8 * 280, rel=0.01)
    assert found.weekly.low == pytest.approx(7 * 160 * (1 / 0.81 - 1), rel=0.03)
    assert found.history[-1].value == pytest.approx(found.so_far.value)
    assert [p.value for p in found.history] == sorted(p.value for p in found.history)


def test_a_change_that_left_no_case_spares_those_that_would_have_come(
    con: duckdb.DuckDBPyConnection, cube: Cube
) -> None:
    con.execute("UPDATE order_facts SET label_at = label_due_at WHERE label_due_at >= DATE '2026-09-28'")
    entry = change("C1", "channel = web")
    told = verdict(entry, avoided=Estimate(280.0, 250.0, 300.0))
    found = ledger.build(con, cube, [entry], [told]).savings[0]
    assert found.weekly.value == pytest.approx(280, rel=0.01)
    assert found.weekly.low == pytest.approx(250, rel=0.02)
    assert found.weekly.high == pytest.approx(300, rel=0.02)


def test_what_is_spared_a_week_now_is_what_no_longer_comes(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    """A change takes hold in four weeks: of 200 a day 160 still come, then none, and all 200 are spared."""
    con.execute(
        """
        UPDATE order_facts SET label_at = label_due_at WHERE channel = 'web' AND label_due_at >= DATE '2026-10-26';
        INSERT INTO order_facts
        SELECT day + INTERVAL 12 HOUR, day, NULL, 'web', 'NV'
        FROM generate_series(DATE '2026-09-28', DATE '2026-11-22', INTERVAL 1 DAY) g(day), range(840)
        """
    )
    entry = change("C1", "channel = web")
    told = verdict(entry, avoided=Estimate(7 * 120.0, 7 * 119.0, 7 * 121.0))  # of 200 a day, 160 and then none come
    found = ledger.build(con, cube, [entry], [told]).savings[0]
    weeks = [later.value - sooner.value for sooner, later in pairwise(found.history)]
    assert weeks == pytest.approx([7 * 40] * 3 + [7 * 200] * 4, rel=0.02)
    assert found.weekly.value == pytest.approx(7 * 200, rel=0.02)
    assert found.so_far.value == pytest.approx(8 * 7 * 120, rel=0.01)


def test_a_day_without_a_case_is_a_day_with_none(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    """Every other day no parcel has an exception: one that never came has no date, and a sum of nothing is none."""
    con.execute(
        """
        CREATE TABLE parcel_facts AS
        SELECT day AS label_at, CASE WHEN day.dayofyear() % 2 = 0 THEN day END AS exception_at, 'UPS' AS carrier
        FROM generate_series(TIMESTAMP '2026-06-01', TIMESTAMP '2026-11-22', INTERVAL 1 DAY) g(day), range(20)
        """
    )
    entry = change("C1", "carrier = UPS", metric="exception_rate")
    told = verdict(entry, -0.5, avoided=Estimate(70.0, 69.0, 71.0))
    found = ledger.build(con, cube, [entry], [told]).savings[0]
    assert found.weekly.value == pytest.approx(70, rel=0.1)
    assert found.weekly.low < found.weekly.value < found.weekly.high


def test_overlapping_scopes_are_counted_as_one_product(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    """In the crossing two effects of a fifth leave 0.64: 80 seen stand for 125; elsewhere 80 stand for 100."""
    first = change("C1", "channel = web", SHIPPED - timedelta(weeks=6))
    second = change("C2", "warehouse = NV")
    found = ledger.build(con, cube, [first, second], [verdict(first), verdict(second)]).savings[0]
    assert found.weekly.value == pytest.approx(7 * (45 + 20 + 20), rel=0.01)
    assert found.shared == ()


def test_two_changes_that_cannot_be_told_apart_count_once(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    first, second = change("C1", "channel = web"), change("C2", "channel = web", SHIPPED + timedelta(days=3))
    found = ledger.build(con, cube, [first, second], [verdict(first), verdict(second, sure=0.05)]).savings[0]
    assert found.weekly.value == pytest.approx(280, rel=0.01)
    assert found.shared == ("C2",)


def test_an_effect_that_faded_is_taken_off(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    entry = change("C1", "channel = web")
    gone = Faded(SHIPPED + timedelta(weeks=4), Estimate(0.0, -0.01, 0.01))
    found = ledger.build(con, cube, [entry], [verdict(entry, faded=gone)]).savings[0]
    assert abs(found.weekly.value) < 10
    assert found.so_far.value == pytest.approx(4 * 280, rel=0.05)
    assert found.faded == ("C1",)


def test_losses_count_and_what_is_too_early_does_not(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    bad, young = change("C1", "channel = web"), change("C2", "channel = portal")
    told = [verdict(bad, 0.25, decision="worsened"), verdict(young, decision="too early")]
    found = ledger.build(con, cube, [bad, young], told)
    assert found.savings[0].changes == ("C1",)
    assert found.savings[0].weekly.value == pytest.approx(7 * 160 * (1 / 1.25 - 1), rel=0.01)
    reverted = replace(bad, verdict="worsened", decided_on=SHIPPED + timedelta(weeks=2))
    after = ledger.build(con, cube, [reverted], [verdict(reverted, 0.25, decision="worsened")]).savings[0]
    assert after.weekly.value == pytest.approx(0.0)
    assert after.so_far.value == pytest.approx(2 * 7 * 160 * (1 / 1.25 - 1), rel=0.01)


def test_what_a_young_pattern_would_have_become_is_not_known(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    """Back to normal against weeks before the pattern is no effect; against the pattern it would be all of it."""
    young = change("C1", "channel = web", since=SHIPPED - timedelta(days=10))
    old = change("C2", "channel = portal", since=SHIPPED - timedelta(weeks=4))
    told = [verdict(c, -0.02, 0.05, decision="no clear change") for c in (young, old)]
    found = ledger.build(con, cube, [young, old], told)
    assert [saving.changes for saving in found.savings] == [("C2",)]
    assert any(said.startswith("Not counted") and said.endswith(": C1.") for said in found.sentences)
    clear = ledger.build(con, cube, [young], [verdict(young)])
    assert clear.savings[0].changes == ("C1",)


def test_pace_weeks_in_a_row_and_what_is_due(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    closed = change("C1", "channel = web", decided_on=date(2026, 10, 13), verdict="improved")
    lying = change("C2", "channel = portal", review_date=date(2026, 11, 9))
    alone = ledger.build(con, cube, [closed], [verdict(closed)])
    both = ledger.build(con, cube, [closed, lying], [verdict(closed)])
    assert (alone.gaps_closed, alone.weeks, alone.due) == (1, 8, ())
    assert alone.pace == pytest.approx(50 * 8 / 52)
    assert (both.due, both.weeks_in_a_row) == (("C2",), 0)
    assert ledger.weeks_in_a_row([closed, replace(lying, review_date=date(2026, 12, 1))], date(2026, 11, 22)) == 8


def test_the_ledger_is_the_same_twice_and_is_drawn(con: duckdb.DuckDBPyConnection, cube: Cube) -> None:
    entry = change("C1", "channel = web")
    first, second = (ledger.build(con, cube, [entry], [verdict(entry, sure=0.1)]) for _ in range(2))
    assert first == second
    drawing = charts.saved(first.savings[0])
    assert len(drawing.rows) == len(first.savings[0].history) > 0
    assert "saved so far" in drawing.figure.axes[0].get_title(loc="left")


def test_the_demo_has_a_ledger(demo: Loop) -> None:
    found = demo.ledger
    assert {name for saving in found.savings for name in saving.changes} <= {"C1", "C2"}
    assert found.sentences
    assert found.due == ("C1", "C2")
