"""Dated facts of the real marketplace, found week by week: what happened, where, since when, at which step, and why.

What each test asserts was counted by hand from the files first, with plain SQL over all sampled orders.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from closeloop import causes
from closeloop.loop import Loop
from closeloop.model import Cause, Estimate, Pattern, Slice

pytestmark = pytest.mark.real_data
TRANSIT = "first scan to first attempt"
HANDLING = "ready to first scan"


@pytest.fixture(scope="module")
def week(real_data: Callable[[str], Path], open_source: Callable[..., Loop]) -> Callable[[str], Loop]:
    opened: dict[str, Loop] = {}

    def open_once(name: str) -> Loop:
        if name not in opened:
            opened[name] = open_source(name, real_data("olist"), "params/sources/olist")
        return opened[name]

    return open_once


def found(loop: Loop, metric: str) -> tuple[Pattern, Cause]:
    """The pattern of one metric that the week shows, and its cause."""
    pattern = next(p for p in loop.patterns.patterns if p.metric == metric)
    return pattern, next(c for c in loop.causes if c.pattern == pattern.id)


def says(cause: Cause, *words: str) -> bool:
    """Whether some evidence has all these words."""
    return any(all(word in told.sentence for word in words) for told in cause.evidence)


def hours(cause: Cause, step: str) -> tuple[float, float]:
    stage = next(stage for stage in cause.stages if stage.name == step)
    return stage.before, stage.since


def onset_holds(cause: Cause, first: date, last: date) -> bool:
    """Whether the interval of the onset has a day of those in which it began."""
    assert cause.onset_low is not None
    assert cause.onset_high is not None
    return cause.onset_low <= last and cause.onset_high >= first


def test_late_april_2017_was_slow_under_way_in_every_state(week: Callable[[str], Loop]) -> None:
    """Easter, then strikes: parcels handed over from 17 to 30 April took 12 to 14 days instead of 10."""
    pattern, cause = found(week("2017-W18"), "slow_transit")
    assert pattern.slice == Slice()
    assert cause.stage == TRANSIT
    before, since = hours(cause, TRANSIT)
    assert since - before > 48
    assert onset_holds(cause, date(2017, 4, 13), date(2017, 4, 18))
    assert cause.origin == "undecided", "the data names no carrier"
    assert says(cause, "every warehouse")


def test_after_black_friday_2017_parcels_got_stuck_under_way_and_most_into_rio(week: Callable[[str], Loop]) -> None:
    """Black Friday, 24 November: transit rose from 9.5 to 12.6 days, into RJ from 11 to 18; sellers took as long."""
    pattern, cause = found(week("2017-W50"), "slow_transit")
    assert pattern.slice == Slice()
    assert cause.stage == TRANSIT
    assert onset_holds(cause, date(2017, 11, 22), date(2017, 11, 27))
    before, since = hours(cause, HANDLING)
    assert abs(since - before) < 5
    assert says(cause, "state = RJ rose most")
    assert says(cause, HANDLING, "does not come from there")
    assert any("Black Friday" in told.sentence for told in cause.coincidences)


def test_carnival_2018_made_sellers_late_and_not_their_deadlines(week: Callable[[str], Loop]) -> None:
    """12 and 13 February were days off: 21 % of the week's deadlines were missed, and 9 % the week before."""
    loop = week("2018-W07")
    pattern = next(p for p in loop.patterns.waiting if p.metric == "late_handover")
    assert "12 Feb 2018 was a day off" in pattern.sentence
    cause = causes.review(loop.con, loop.cube, pattern)
    assert pattern.onset == date(2018, 2, 12)
    assert cause.stage == HANDLING
    before, since = hours(cause, HANDLING)
    assert since - before > 12
    assert says(cause, "ship-by deadline", "does not explain it")
    assert any("was a day off" in told.sentence for told in cause.coincidences)


def test_march_2018_was_late_since_february_under_way_and_most_into_rio(week: Callable[[str], Loop]) -> None:
    """Handed over since 20 to 26 February: 15 days instead of 12, into RJ 25 instead of 18; SP 8 instead of 7."""
    pattern, cause = found(week("2018-W13"), "on_time_delivery")
    assert pattern.slice == Slice()
    assert cause.stage == TRANSIT
    assert onset_holds(cause, date(2018, 2, 19), date(2018, 2, 27))
    assert cause.onset_high is not None
    assert cause.onset_high < date(2018, 3, 12), "so the strike of 12 March did not begin it"
    assert says(cause, "state = RJ rose most", "state = SP least")
    assert says(cause, "The promise", "does not explain it")
    assert cause.origin == "undecided"
    assert "the carrier or something outside" in cause.sentence


def test_freight_rose_in_march_2018_but_not_within_a_state(week: Callable[[str], Loop]) -> None:
    """The post's rates of 6 March: +12 % for the same parcels, +17 % to other states, nothing within a state."""
    _, cause = found(week("2018-W13"), "cost_index")
    assert onset_holds(cause, date(2018, 3, 5), date(2018, 3, 9))
    assert says(cause, "zone = to the Southeast rose most", "zone = within the state least")
    assert says(cause, "Like for like")
    assert any("raised its parcel rates" in told.sentence for told in cause.coincidences)


def test_the_strike_of_may_2018_hit_parcels_handed_over_in_the_days_before(week: Callable[[str], Loop]) -> None:
    """Roads were blocked from 21 to 31 May: parcels of 18 May on, in the Southeast, took 10 days instead of 6."""
    pattern, cause = found(week("2018-W22"), "slow_transit")
    assert pattern.slice == Slice.parse("region = Sudeste")
    assert cause.stage == TRANSIT
    assert onset_holds(cause, date(2018, 5, 16), date(2018, 5, 21))
    assert says(cause, HANDLING, "does not come from there")
    assert cause.origin == "undecided"
    assert any("lorry drivers" in told.sentence for told in cause.coincidences)


def test_freight_rose_again_after_the_strike(week: Callable[[str], Loop]) -> None:
    """Since the last days of May the same parcels cost about 15 % more, to other states a fifth."""
    pattern, cause = found(week("2018-W25"), "cost_index")
    assert pattern.value / pattern.expected > 1.1
    assert onset_holds(cause, date(2018, 5, 26), date(2018, 6, 6))
    assert says(cause, "Like for like")


def test_late_in_august_2018_is_the_promise_while_parcels_were_faster_than_ever(week: Callable[[str], Loop]) -> None:
    """Promises fell from 29 days to 16 (in SP to 11.5), and parcels took 5.5 days, the least of all: asked for SP."""
    loop = week("2018-W34")
    asked = Pattern(
        "on_time_delivery", Slice.parse("state = SP"), "step", date(2018, 8, 6), loop.week, 0.2, 0.1,
        Estimate(5, 1, 9), "late parcels", 0.001, 0.01, 100.0,
    )  # fmt: skip
    cause = causes.review(loop.con, loop.cube, asked)
    assert cause.origin == "workflow"
    assert says(cause, "The promise itself became shorter")
    assert cause.sentence.startswith("The candidate is the workflow for parcels into SP, since about 28 Jul 2018")
    assert "the promise itself became shorter" in cause.sentence
    assert "takes" not in cause.sentence, "no step is named where nothing took longer"
    before, since = hours(cause, TRANSIT)
    assert since <= before
    assert cause.remedy is not None
    assert cause.remedy.kind == "communication_template"


def test_shorter_promises_of_august_2018_are_found_in_their_first_week(week: Callable[[str], Loop]) -> None:
    """SP since 27 July: promised in 8 working days instead of 14; 2 % late before, 16 % since."""
    pattern, cause = found(week("2018-W34"), "short_promise")
    assert pattern.slice == Slice.parse("state = SP")
    assert pattern.first_seen == date(2018, 7, 30)
    assert onset_holds(cause, date(2018, 7, 26), date(2018, 7, 30))
    assert cause.origin == "workflow"
    assert says(cause, "promised in 8.3 working days, and were in 13.9", "missed, 2.4")
    assert cause.remedy is not None
    assert cause.remedy.kind == "communication_template"


def test_slow_parcels_of_spring_2018_are_no_shorter_promise(week: Callable[[str], Loop]) -> None:
    """They make the usual pace slower, and so promises look short that are as long as ever."""
    for name in ("2018-W13", "2018-W22"):
        assert "short_promise" not in {p.metric for p in week(name).patterns.patterns}


def test_the_quiet_middle_of_2017_is_left_alone(week: Callable[[str], Loop]) -> None:
    """From June to September 2017 nothing moved by more than chance: 3 to 5 % late, prices within 2 %."""
    for name in ("2017-W29", "2017-W37"):
        assert not week(name).patterns.patterns
