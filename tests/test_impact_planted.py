"""Verdicts on small shops with one planted truth each: a shifted mix, moved work, a fading effect, a late metric."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from closeloop import impact
from closeloop.changes import Amendment
from closeloop.changes.marks import marked
from closeloop.cube import Cube
from closeloop.loop import Loop
from closeloop.model import Change, Slice, Verdict

SHIPPED = date(2026, 9, 28)
BEFORE, AFTER = 84, 56  # days
CHANNELS = ("web", "portal", "retail", "market", "phone")
ORDERS = 80  # a day and channel

Plan = Callable[[str, str, int], float]
CHANGE = Change(
    id="C1", pattern="seen", root_cause="known", change_shipped="One thing", metric="ready_to_label",
    review_date=SHIPPED + timedelta(days=AFTER), scope=Slice.of([("channel", "web")]), kind="filter_update",
    shipped_on=SHIPPED, written_on=SHIPPED, owner="lead", comparison="channel",
)  # fmt: skip


def shop(orders: Plan, late: Plan, seed: int = 3) -> duckdb.DuckDBPyConnection:
    """Orders one by one: how many of a channel and complexity there are on a day, and which share of them waits."""
    rng = np.random.default_rng(seed)
    parts: list[pd.DataFrame] = []
    for channel in CHANNELS:
        for complexity in ("4+ lines", "1 line"):
            for day in range(-BEFORE, AFTER):
                number = round(orders(channel, complexity, day))
                waits = rng.random(number) < late(channel, complexity, day)
                due = pd.Timestamp(SHIPPED) + pd.Timedelta(days=day, hours=12)
                label = np.where(waits, due + pd.Timedelta(days=2), due - pd.Timedelta(hours=1))
                parts.append(pd.DataFrame({"channel": channel, "complexity": complexity, "due": due, "label": label}))
    rows = pd.concat(parts, ignore_index=True)  # noqa: F841 - read by the statement below
    con = duckdb.connect()
    con.execute(
        """
        CREATE TABLE order_facts AS
        SELECT due AS label_due_at, label::TIMESTAMP AS label_at, NULL::TIMESTAMP AS cancelled_at,
               channel, complexity, 'NV' AS warehouse, 'West' AS region, 'NV' AS state,
               'Monday' AS weekday, 'before' AS cutoff, NULL::VARCHAR AS campaign
        FROM rows
        """
    )
    return con


@pytest.fixture(scope="module")
def cube(demo: Loop) -> Cube:
    return replace(demo.cube, week=date(2026, 11, 16))


def same(channel: str, complexity: str, day: int) -> float:
    return ORDERS / 2


def judged(cube: Cube, con: duckdb.DuckDBPyConnection, change: Change = CHANGE) -> Verdict:
    with con:
        return impact.judge(con, cube, change)


def test_a_mix_that_shifted_is_no_merit_of_the_change(cube: Cube) -> None:
    """Large orders leave the channel as the change ships; neither kind of order waits any less."""

    def orders(channel: str, complexity: str, day: int) -> float:
        few = channel == "web" and day >= 0
        return ORDERS * ({"4+ lines": 0.1, "1 line": 0.9}[complexity] if few else 0.5)

    verdict = judged(cube, shop(orders, lambda _, complexity, __: 0.4 if complexity == "4+ lines" else 0.1))
    assert verdict.before == pytest.approx(0.25, abs=0.02)
    assert verdict.after == pytest.approx(0.13, abs=0.02)
    assert verdict.decision == "no clear change"
    assert any("mix of complexity shifted, and is held fixed" in reason for reason in verdict.reasons)
    assert verdict.effect is not None
    assert verdict.effect.low < 0 < verdict.effect.high


def assert_nothing_found(verdict: Verdict, blind: Verdict) -> None:
    """The effect is about none, and known far better than by one that does not know of the other change."""
    assert verdict.effect
    assert blind.effect
    assert verdict.effect.value == pytest.approx(0, abs=0.08)
    assert verdict.effect.high - verdict.effect.low < 0.6 * (blind.effect.high - blind.effect.low)


def test_what_an_earlier_change_left_is_what_the_next_is_held_against(cube: Cube) -> None:
    """The first halves what waits, five weeks before; the second does nothing, and gets no credit for it."""
    shipped = SHIPPED - timedelta(weeks=5)
    first = replace(CHANGE, id="C0", shipped_on=shipped, review_date=SHIPPED, verdict="improved", decided_on=SHIPPED)

    def late(channel: str, _: str, day: int) -> float:
        return 0.2 if channel == "web" and day >= -35 else 0.4

    _, second = marked([first, CHANGE])
    assert second.clear_from == shipped
    verdict, blind = judged(cube, shop(same, late), second), judged(cube, shop(same, late))
    assert verdict.decision == "no clear change"
    assert verdict.before == pytest.approx(0.2, abs=0.02)
    assert blind.before > 0.25, "what one that knows nothing of the first would hold it against"
    assert_nothing_found(verdict, blind)


def test_what_a_later_change_does_is_no_merit_of_the_one_before(cube: Cube) -> None:
    """The first does nothing; the second halves what waits, four weeks later."""
    first = replace(CHANGE, verdict="improved", decided_on=SHIPPED + timedelta(weeks=3))
    later = SHIPPED + timedelta(weeks=4)
    second = replace(CHANGE, id="C2", shipped_on=later, written_on=later, review_date=later + timedelta(weeks=8))

    def late(channel: str, _: str, day: int) -> float:
        return 0.2 if channel == "web" and day >= 28 else 0.4

    judged_first, _ = marked([first, second])
    assert judged_first.clear_until == later
    verdict, blind = judged(cube, shop(same, late), judged_first), judged(cube, shop(same, late))
    assert verdict.after == pytest.approx(0.4, abs=0.02)
    assert blind.after < 0.35, "what one that knows nothing of the second would see"
    assert_nothing_found(verdict, blind)


def test_work_that_moved_is_followed_to_where_it_went(cube: Cube) -> None:
    """Half of the channel's orders go to another one, which copes badly; the channel itself gets better."""

    def orders(channel: str, complexity: str, day: int) -> float:
        return ORDERS / 2 * ({"web": 0.5, "portal": 1.5}.get(channel, 1.0) if day >= 0 else 1.0)

    def late(channel: str, complexity: str, day: int) -> float:
        return 0.2 * ({"web": 0.5, "portal": 1.7}.get(channel, 1.0) if day >= 0 else 1.0)

    verdict = judged(cube, shop(orders, late))
    assert verdict.decision == "improved"
    moved = next(reason for reason in verdict.reasons if reason.startswith("Work moved to channel portal"))
    assert "it got worse there" in moved
    assert "left out of the comparison" in moved


def test_an_effect_that_fades_is_told_with_what_is_left(cube: Cube) -> None:
    def late(channel: str, complexity: str, day: int) -> float:
        return 0.2 * (0.3 if channel == "web" and 0 <= day < AFTER / 2 else 1.0)

    verdict = judged(cube, shop(same, late))
    assert verdict.faded is not None
    assert verdict.faded.since == SHIPPED + timedelta(days=AFTER // 2)
    assert verdict.faded.effect.low < 0 < verdict.faded.effect.high
    assert any(reason.startswith("It fades") for reason in verdict.reasons)


@pytest.mark.parametrize(("left", "claimed"), [(0.8, False), (0.3, True)])
def test_a_metric_named_once_the_result_was_in_must_be_clearer(cube: Cube, left: float, claimed: bool) -> None:
    """The same numbers, once as planned and once with the metric amended three weeks after shipping."""
    con = shop(same, lambda channel, _, day: 0.2 * (left if channel == "web" and day >= 0 else 1.0))
    late = Amendment(SHIPPED + timedelta(weeks=3), "C1", "metric", "slow_transit", "ready_to_label", "lead")
    (amended,) = marked([CHANGE], [late])
    with con:
        planned, picked = (impact.judge(con, cube, change) for change in (CHANGE, amended))
    assert planned.decision == "improved"
    assert picked.effect == planned.effect
    assert picked.decision == ("improved" if claimed else "not comparable")
    assert any("Picked among" in reason for reason in picked.reasons)
