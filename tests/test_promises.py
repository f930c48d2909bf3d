"""A shorter promise is a problem where like orders are promised sooner, and only until it turns out to be kept."""

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks.patterns.records import opened
from closeloop import clues, metrics, promises, simulate
from tests.planted_parcels import ONSET, START, WEEK, pattern

SHARE = {4: 0.02, 2: 0.2}
"""The chance to be late of orders promised in so many working days: what the weeks before tell."""


def planted(
    *, longer: float, shorter: float, kept: bool, usual: dict[int, float] | None = None
) -> duckdb.DuckDBPyConnection:
    """Forty orders a day, of which so large a part is promised in two days, before the onset and since.

    Those promised in two days are of another service, unless the promise itself became shorter. Where `kept`, none
    is late.
    """
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange((WEEK - START).days + 7), 40)
    since = day >= (ONSET - START).days
    two = rng.random(len(day)) < np.where(since, shorter, longer)
    ordered = pd.Timestamp(START) + pd.to_timedelta(day, unit="D") + pd.Timedelta(hours=10)
    promised = ordered.normalize() + pd.to_timedelta(np.where(two, 2, 4), unit="D")
    chance = np.where(two, SHARE[2], SHARE[4])
    if usual:
        chance = np.where(since, [usual[days] for days in np.where(two, 2, 4)], chance)
    late = np.zeros(len(day), dtype=bool) if kept else rng.random(len(day)) < chance
    attempt = promised + pd.to_timedelta(np.where(late, 40, 10), unit="h")
    con = duckdb.connect()
    frame = pd.DataFrame({
        "ordered_at": ordered, "promised_date": promised, "attempt_at": attempt, "late_chance": chance,
        "promised_in": np.where(two, 4, 8), "state": "XX", "channel": "web", "cancelled_at": pd.NaT,
        "asked_class": np.where(two & (longer > 0), "two_day", "ground"),
    })  # fmt: skip
    con.register("given", frame)
    con.execute("CREATE TABLE order_promises AS FROM given")
    con.execute("ALTER TABLE order_promises ALTER cancelled_at TYPE TIMESTAMP")
    con.execute("ALTER TABLE order_promises ALTER promised_date TYPE DATE")
    return con


@pytest.mark.parametrize(("case", "shown"), [
    ({"longer": 0.0, "shorter": 1.0, "kept": False}, True),
    ({"longer": 0.0, "shorter": 1.0, "kept": True}, False),
    ({"longer": 0.1, "shorter": 0.5, "kept": False}, False),
    ({"longer": 0.1, "shorter": 0.1, "kept": False, "usual": {2: 0.5, 4: 0.2}}, False),
], ids=["shorter and missed", "shorter and kept", "more of the fast service", "slower parcels"])  # fmt: skip
def test_only_a_shorter_promise_that_is_missed_is_a_pattern(case: dict[str, float], shown: bool) -> None:
    one = pattern("short_promise", channel="web")
    con = planted(**case)  # pyright: ignore[reportArgumentType]
    assert promises.broken(con, [one]) == ([one] if shown else [])
    other = pattern("slow_transit", channel="web")
    assert promises.broken(con, [other]) == [other], "other metrics are not asked"


def test_what_is_not_due_yet_cannot_be_kept() -> None:
    con = planted(longer=0.0, shorter=1.0, kept=True)
    con.execute("DELETE FROM order_promises WHERE ordered_at >= $day", {"day": datetime(2026, 11, 20)})
    con.execute("DELETE FROM order_promises WHERE ordered_at::DATE BETWEEN '2026-10-26' AND '2026-11-19'")
    con.execute(
        "INSERT INTO order_promises SELECT * REPLACE (ordered_at + INTERVAL 29 DAY AS ordered_at,"
        " promised_date + 27 AS promised_date, attempt_at + INTERVAL 27 DAY AS attempt_at, 4 AS promised_in,"
        " .2 AS late_chance) FROM order_promises WHERE ordered_at::DATE >= '2026-10-24'"
    )
    found = promises.lengths(con, pattern("short_promise", channel="web"))
    assert (found.shorter, found.due, found.kept) == (True, 0, False)


def test_the_review_says_how_much_sooner_and_what_came_of_it() -> None:
    one = pattern("short_promise", channel="web")
    con = planted(longer=0.0, shorter=1.0, kept=False)
    found = clues.promise(con, metrics.by_id("short_promise"), one)
    assert found is not None
    assert found.to_blame
    assert "promised in 2.0 working days, and were in 4.0" in found.evidence.sentence
    assert found.spared == pytest.approx(0.18)
    told = promises.lengths(con, one)
    assert told.missed == pytest.approx(0.2, abs=0.03)
    assert told.missed_before == pytest.approx(0.02, abs=0.01)


def test_a_shorter_promise_is_found_in_its_first_week_and_is_the_workflows(tmp_path: Path) -> None:
    """The promise to a channel becomes two days shorter on a Monday; its first parcels are late a week later."""
    scenario = simulate.case_merchant(62024)
    truth = next(one for one in scenario.problems if one.role == "problem")
    loop = opened(scenario, tmp_path)
    ((found, cause),) = zip(loop.patterns.patterns, loop.causes, strict=True)
    assert found.metric == "short_promise"
    assert found.slice.where == tuple((dim, values[0]) for dim, values in truth.where)
    assert found.first_seen is not None
    assert found.first_seen - timedelta(days=6) <= truth.start <= found.first_seen + timedelta(days=6)
    assert cause.origin == "workflow"
    assert cause.onset_low is not None
    assert cause.onset_high is not None
    assert cause.onset_low <= truth.start <= cause.onset_high
    assert "the promise itself became shorter" in cause.sentence
