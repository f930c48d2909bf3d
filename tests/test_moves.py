"""Moves of parcels to another carrier: planted effects come out with their size, place and interval."""

from datetime import timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from closeloop import moves
from closeloop.model import Pattern, Slice
from closeloop.stages import milestone_split
from tests.planted_parcels import ONSET, START, connection, drawn, pattern

A_WEEK = 150 * 7 / 3 * 24 / 28
"""Parcels of carrier A a week since the onset: those of the last four days are not handed over yet."""

HELD = pattern("on_time_delivery", carrier="A")


def shop(rng: np.random.Generator, late: dict[tuple[str, str], float], a_day: int = 150) -> duckdb.DuckDBPyConnection:
    """Carriers A and B, late by zone with the chances given (one in five otherwise); B costs $2 more in zone 8."""
    frame = drawn(rng, a_day)
    frame = frame[frame["carrier"] != "C"].reset_index(drop=True)
    chance = [late.get((c, z), 0.2) for c, z in zip(frame["carrier"], frame["zone"], strict=True)]
    handed = pd.Timestamp(START) + pd.to_timedelta(frame["day"] - 4, unit="D")
    attempt = handed + pd.to_timedelta(np.where(rng.random(len(frame)) < chance, 4, 2), unit="D")
    dear = (frame["carrier"] == "B") & (frame["zone"] == "8")
    return connection(frame.assign(
        handed_over_at=handed, label_at=handed, promised_date=(handed + pd.Timedelta(days=3)).dt.date,
        attempt_at=attempt, ended_at=attempt, exception_at=pd.NaT, cost=np.where(dear, 10.0, 8.0),
        service_class="ground",
    ))  # fmt: skip


def best(con: duckdb.DuckDBPyConnection, held: Pattern = HELD) -> moves.Move | None:
    found = moves.options(con, held, "carrier", "A")
    return moves.best(con, held, ("carrier", "A"), found, "on_time")


def test_a_carrier_that_is_better_everywhere_takes_all_and_the_sizes_are_right() -> None:
    rng = np.random.default_rng(6)
    move = best(shop(rng, {("A", zone): 0.5 for zone in "258"}))
    assert move is not None
    assert move.part == ""
    weekly = A_WEEK
    assert move.gain.low < -0.3 * weekly < move.gain.high, "three in ten of the parcels were planted"
    assert move.gain.high - move.gain.low < 0.2 * weekly
    assert move.money is not None
    assert move.money.value == pytest.approx(weekly * 2 / 3, rel=0.1), "$2 more for each in zone 8, a third of them"


def test_a_carrier_that_is_better_in_one_zone_only_gets_that_zone() -> None:
    """In zone 8 it spares thirty of a hundred; in the others it makes as many late, so the whole gains nothing."""
    rng = np.random.default_rng(7)
    late = {("A", "8"): 0.5, ("B", "8"): 0.2, ("B", "2"): 0.35, ("B", "5"): 0.35}
    move = best(shop(rng, late))
    assert move is not None
    assert move.part == " in zone 8"
    weekly = A_WEEK / 3
    assert move.gain.low < -0.3 * weekly < move.gain.high
    assert move.said("A") == "move A in zone 8 to B where like parcels went there"
    assert move.said("all orders") == "move all orders in zone 8 from A to B where like parcels went there"


def test_no_move_is_made_of_chance() -> None:
    chosen = [best(shop(np.random.default_rng(seed), {}, 60)) for seed in range(8)]
    assert sum(move is not None for move in chosen) <= 1


def test_parcels_that_still_wait_count_in_the_mean_of_a_step() -> None:
    """Half of them got stuck since: those that arrived were as quick as before, and their mean would not tell."""
    rng = np.random.default_rng(8)
    frame = drawn(rng, 40)
    handed = pd.Timestamp(START) + pd.to_timedelta(frame["day"], unit="D")
    attempt = handed + pd.Timedelta(hours=48)
    stuck = frame["later"] & (rng.random(len(frame)) < 0.5)
    con = connection(frame.assign(
        ordered_at=pd.NaT, ready_at=pd.NaT, label_at=pd.NaT, handed_over_at=handed, at_destination_at=pd.NaT,
        attempt_at=attempt.mask(stuck | (attempt > pd.Timestamp(2026, 11, 23, 6))), ended_at=pd.NaT,
        transit_due_at=handed + pd.Timedelta(hours=60), promised_date=ONSET + timedelta(days=1),
    ))  # fmt: skip
    stage = milestone_split(
        con, Pattern(**{**vars(pattern("slow_transit")), "slice": Slice.of([("region", "West")])})
    )[-1]
    assert stage.before == pytest.approx(48.125, abs=0.01), "to the middle of a quarter hour"
    assert stage.since > 2 * stage.before
