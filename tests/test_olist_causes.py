"""Dated facts of the real marketplace sample, checked by hand: what happened, where, since when, at which step."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from closeloop import causes
from closeloop.loop import Loop
from closeloop.model import Cause, Estimate, Pattern, Slice

pytestmark = pytest.mark.real_data
TRANSIT = "first scan to first attempt"


@pytest.fixture(scope="module")
def review(real_data: Callable[[str], Path], open_source: Callable[..., Loop]) -> Callable[..., Cause]:
    def reviewed(week: str, metric: str, onset: date, **where: str) -> Cause:
        loop = open_source(week, real_data("olist"), "params/sources/olist")
        pattern = Pattern(
            metric, Slice.of(where.items()), "step", onset, loop.week, 0.2, 0.1, Estimate(5, 1, 9), "late parcels",
            0.001, 0.01, 100.0,
        )  # fmt: skip
        return causes.review(loop.con, loop.cube, pattern)

    return reviewed


def test_late_in_august_2018_is_the_promise_while_parcels_were_faster_than_ever(review: Callable[..., Cause]) -> None:
    cause = review("2018-W34", "on_time_delivery", date(2018, 8, 6), state="SP")
    assert cause.origin == "workflow"
    assert any(e.supports and e.sentence.startswith("The promise itself became shorter") for e in cause.evidence)
    transit = next(stage for stage in cause.stages if stage.name == TRANSIT)
    assert transit.since <= transit.before
    assert cause.remedy is not None
    assert cause.remedy.kind == "communication_template"


def test_rio_in_february_2018_got_stuck_under_way_and_not_at_the_sellers(review: Callable[..., Cause]) -> None:
    cause = review("2018-W11", "slow_transit", date(2018, 2, 26), state="RJ")
    assert cause.stage == TRANSIT
    assert cause.onset_low is not None
    assert cause.onset_high is not None
    assert cause.onset_high < date(2018, 3, 12), "so the strike of 12 March did not begin it"
    transit = next(stage for stage in cause.stages if stage.name == TRANSIT)
    assert transit.excess > 24
    assert cause.origin == "undecided", "the data names no carrier"
    assert any("No two carriers can be compared" in e.sentence for e in cause.evidence)


def test_the_strike_of_may_2018_hit_parcels_handed_over_in_the_days_before(review: Callable[..., Cause]) -> None:
    cause = review("2018-W22", "slow_transit", date(2018, 5, 28), region="Sudeste")
    assert cause.stage == TRANSIT
    strike = date(2018, 5, 21)
    assert strike - timedelta(days=7) <= cause.onset <= strike
    assert cause.origin == "undecided"
    assert any("lorry drivers" in told.sentence for told in cause.coincidences)
