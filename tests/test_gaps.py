"""What is missing is told where it is missing and since when, once; what is there as ever is not told."""

from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pytest

from closeloop import cube, facts, gaps, project, simulate
from closeloop.loop import read_source
from closeloop.model import Alarm, Slice
from closeloop.simulate import Effect, Problem, Scenario, where

BASE = replace(simulate.demo_scenario(16, 700, 31), problems=())
WEEK = BASE.start + timedelta(weeks=15)
SINCE = WEEK - timedelta(weeks=2)


def told(*effects: Effect) -> tuple[Alarm, ...]:
    """Return the gaps of a merchant's newest week."""
    problems = tuple(
        Problem("G", "problem", "", "", one.where, one.start, one.end, one.size, "", "carrier", "", (one,))
        for one in effects
    )
    con = duckdb.connect(config={"threads": 1})
    con.execute("ATTACH ':memory:' AS store")
    made: Scenario = replace(BASE, problems=problems)
    simulate.write_tables(simulate.simulate(made), con)
    facts.build(con, read_source(project.root() / "params/sources/demo", project.root() / "none"), cube.as_of(WEEK))
    return gaps.gaps(con, WEEK)


def silent(since: date, **at: str) -> tuple[Effect, ...]:
    scans = ("accepted", "departed", "hub_in", "hub_out", "reached", "out", "attempt", "delivered")
    return tuple(Effect("drop_scan", where(**at), since, None, 0.95, scan) for scan in scans)


def test_a_region_whose_scans_cease_is_named_once() -> None:
    (found,) = (one for one in told(*silent(SINCE, region="South Atlantic")) if one.what == "scans")
    assert found.scope == Slice.of([("region", "South Atlantic")])
    assert abs((found.since - SINCE).days) <= 7
    assert found.before > 0.9
    assert found.now < 0.6
    assert "Scans are missing, parcels into South Atlantic" in found.sentence


def test_a_dock_without_acceptance_scans_is_named_with_its_carrier() -> None:
    (found,) = told(Effect("drop_scan", where(carrier="UPS", warehouse="NJ"), SINCE, None, 0.9, "accepted"))
    assert found.what == "acceptance scans"
    assert found.scope == Slice.of([("carrier", "UPS"), ("warehouse", "NJ")])


def test_a_channel_whose_orders_break_off_is_named_with_its_shortfall() -> None:
    (found,) = told(Effect("volume", where(channel="amazon"), SINCE, None, 0.2))
    assert (found.what, found.scope) == ("orders", Slice.of([("channel", "amazon")]))
    assert found.since == SINCE
    assert found.now < 0.35 * found.before


@pytest.mark.parametrize("grown", [1.0, 1.6], ids=["alone", "while others grow later"])
def test_orders_that_stay_away_go_on_being_told(grown: float) -> None:
    began = WEEK - timedelta(weeks=6)
    later = Effect("volume", where(channel="web"), began + timedelta(weeks=1), None, grown)
    (found,) = told(Effect("volume", where(channel="amazon"), began, None, 0.2), later)
    assert (found.what, found.scope) == ("orders", Slice.of([("channel", "amazon")]))
    assert found.since == began


@pytest.mark.parametrize(
    "effects",
    [
        (),
        (Effect("volume", (), SINCE, None, 2.5, "staffed"),),
        (Effect("mix_shift", where(channel="wholesale portal"), SINCE, None, 2.5),),
        (Effect("mix_shift", where(channel="web"), SINCE, None, 8.0),),
        (Effect("delay", where(carrier="UPS", warehouse="NJ"), SINCE, None, 20.0, "label_to_scan"),),
    ],
    ids=["nothing", "a peak", "a channel that grows", "a channel that takes the others' orders", "a slow pickup"],
)
def test_what_is_there_is_not_missed(effects: tuple[Effect, ...]) -> None:
    assert told(*effects) == ()
