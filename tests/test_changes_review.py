"""The proposed review date: the planner's own answer on the slice's own days, and plain words when none would do."""

import math
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from closeloop import observed, review, simulate
from closeloop.loop import Loop, open_week
from closeloop.metrics import by_id
from closeloop.model import Change, Slice
from closeloop.stats.review_plan import plan_review

CHANGE = Change(
    id="C9",
    pattern="P0404",
    root_cause="workflow",
    change_shipped="Flag complex orders early",
    metric="slow_transit",
    review_date=date(2099, 1, 1),
    scope=Slice.parse("carrier = UPS"),
    kind="automation_condition",
    shipped_on=date(2026, 11, 2),
    written_on=date(2026, 11, 1),
    owner="Dana",
)


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """A demo merchant of 800 orders a week."""
    folder = tmp_path_factory.mktemp("small")
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(40, 800)), folder / "files")
    return open_week("params/sources/demo", "2026-W47", str(folder / "files"), str(folder / "out"))


def days_of(loop: Loop, change: Change, start: date, segment: str) -> pd.DataFrame:
    """Sum a share metric by day and segment, straight from the facts."""
    metric = by_id(change.metric)
    return loop.con.execute(
        f"SELECT {metric.at}::DATE AS date, {segment} AS segment, sum({metric.bad}) AS late, count(*) AS orders"
        f" FROM {metric.view} WHERE ({metric.rows}) AND date >= $start AND date < $end AND segment IS NOT NULL"
        " GROUP BY ALL ORDER BY ALL",
        {"start": start, "end": change.shipped_on},
    ).df()


def test_the_proposal_is_the_planners_answer_on_the_days_before(loop: Loop) -> None:
    daily = days_of(loop, CHANGE, date(2026, 11, 2) - timedelta(weeks=12), "CASE WHEN carrier = 'UPS' THEN 'UPS' END")
    plan = plan_review(daily, shipped="2026-11-02", treated="UPS", count="late", exposure="orders", effect=-0.4)
    assert plan.period == "week"
    assert plan.proposed is not None
    found = review.propose(loop.con, loop.cube, CHANGE, hoped=-0.4)
    weeks = max(2, plan.proposed)
    assert (found.weeks, found.enough) == (weeks, True)
    assert found.review_date == CHANGE.shipped_on + timedelta(days=7 * weeks + 1)
    assert found.power == pytest.approx(plan.waits[weeks - 1].power, abs=1e-9)
    assert math.log1p(found.half_width) == pytest.approx(plan.waits[weeks - 1].half_width, abs=1e-9)
    assert f"{100 * found.power:.0f}\u00a0%" in found.lines[0]


def test_settling_days_and_a_slow_metric_put_the_review_off(loop: Loop) -> None:
    plain = review.propose(loop.con, loop.cube, CHANGE, hoped=-0.4)
    settled = review.propose(loop.con, loop.cube, replace(CHANGE, settling_days=10), hoped=-0.4)
    assert (settled.review_date - plain.review_date).days == 10
    returns = replace(CHANGE, metric="return_rate", scope=Slice())
    found = review.propose(loop.con, loop.cube, returns, hoped=-0.4)
    assert found.review_date == CHANGE.shipped_on + timedelta(days=7 * found.weeks + 21)


def test_what_happens_afterwards_does_not_move_the_proposal(loop: Loop) -> None:
    early = replace(CHANGE, shipped_on=date(2026, 9, 7))
    known_then = replace(loop.cube, as_of=datetime(2026, 9, 14, 6))
    now = review.propose(loop.con, loop.cube, early, hoped=-0.4)
    assert now == review.propose(loop.con, known_then, early, hoped=-0.4)


def test_a_slice_too_small_ever_to_tell_is_told_so_with_what_would_do(loop: Loop) -> None:
    narrow = replace(CHANGE, scope=Slice.parse("carrier = UPS & warehouse = NV"))
    found = review.propose(loop.con, loop.cube, narrow, hoped=-0.4)
    assert not found.enough
    assert found.power < 0.8
    assert found.lines[0].startswith("Too small ever to tell: even after")
    assert found.offers
    for offer, line in zip(found.offers, found.lines[1:], strict=True):
        wider = replace(narrow, metric=offer.metric, scope=offer.scope)
        again = review.propose(loop.con, loop.cube, wider, hoped=-0.4)
        assert (again.enough, again.weeks) == (True, offer.weeks)
        assert str(offer.scope) in line or offer.metric in line
        assert offer.scope.contains(narrow.scope)
    assert list(found.offers) == sorted(found.offers, key=lambda offer: offer.weeks)


def test_when_nothing_would_do_it_says_that(loop: Loop) -> None:
    found = review.propose(loop.con, loop.cube, replace(CHANGE, scope=Slice()), hoped=-0.01)
    assert not found.enough
    assert found.lines[1] == "No scope with one condition less, and no like metric of this scope, would do."


def test_a_wished_effect_that_is_larger_is_never_found_later(loop: Loop) -> None:
    weeks = [review.propose(loop.con, loop.cube, CHANGE, hoped=h).weeks for h in (-0.7, -0.5, -0.3, -0.1)]
    assert weeks == sorted(weeks)
    assert np.all(np.array(weeks) >= 2)


def daily_of(before: float, now: float, days: int = 42) -> pd.DataFrame:
    """Rates of the changed slice for some weeks before 2026-09-21 and since, beside a slice that never moved."""
    dates = pd.date_range("2026-09-21", periods=2 * days) - pd.Timedelta(days=days)
    rates = np.repeat([before, now], days)
    mine = pd.DataFrame({"date": dates, "segment": observed.TREATED, "x": 100 * rates, "n": 100.0})
    return pd.concat([mine, mine.assign(segment="another", x=90.0)])


@pytest.mark.parametrize(("before", "now", "hoped"), [(0.1, 0.2, -0.25), (0.3, 0.4, -0.125), (0.2, 0.1, -0.2)])
def test_a_review_should_find_half_of_what_rose_since_the_pattern_began(
    before: float, now: float, hoped: float
) -> None:
    change = replace(CHANGE, since=date(2026, 9, 21))
    assert review.half_the_rise(daily_of(before, now), change) == pytest.approx(hoped)
    assert review.half_the_rise(daily_of(before, now), replace(change, since=None)) == review.HOPED


def test_without_a_wish_the_review_is_planned_for_half_the_rise(loop: Loop) -> None:
    since, shipped = date(2026, 8, 24), date(2026, 9, 21)
    portal = replace(
        CHANGE,
        metric="ready_to_label",
        scope=Slice.parse("channel = wholesale portal"),
        since=since,
        shipped_on=shipped,
    )
    segment = "CASE WHEN channel = 'wholesale portal' THEN 'portal' END"
    daily = days_of(loop, portal, shipped - timedelta(weeks=12), segment)
    rate = daily.groupby(daily["date"] >= pd.Timestamp(since))[["late", "orders"]].sum().eval("late / orders")
    half = (1 - rate[False] / rate[True]) / 2
    assert half > 0.2
    assert review.propose(loop.con, loop.cube, portal) == review.propose(loop.con, loop.cube, portal, hoped=-half)


@pytest.mark.parametrize(
    ("change", "hoped", "said"),
    [
        (CHANGE, 0.2, r"the hoped-for effect is 0\.2; write a reduction from -0\.95 to -0\.01"),
        (
            replace(CHANGE, scope=Slice.parse("carrier = nowhere")),
            -0.2,
            "no row has carrier = 'nowhere'; it has: FedEx",
        ),
        (replace(CHANGE, shipped_on=date(2026, 3, 2)), -0.2, "before 2026-03-02: no review date can be worked out"),
        (replace(CHANGE, metric="cost"), -0.2, "metric 'cost': unknown"),
    ],
)
def test_what_cannot_be_planned_is_refused(loop: Loop, change: Change, hoped: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        review.propose(loop.con, loop.cube, change, hoped)


def test_a_change_that_ships_before_its_pattern_has_lasted_is_told_when_it_could_be_judged(loop: Loop) -> None:
    young, old = (replace(CHANGE, since=CHANGE.shipped_on - timedelta(days=days)) for days in (20, 21))
    assert "ship it on 3 Nov 2026 or later" in review.propose(loop.con, loop.cube, young).lines[-1]
    assert not any("ship it on" in line for line in review.propose(loop.con, loop.cube, old).lines)
