"""Verdicts on the demo's own log, whose truth is known, and on changes that cannot be judged."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from closeloop import impact, ledger, observed
from closeloop.loop import Loop
from closeloop.metrics import by_id
from closeloop.model import Change, Estimate, Slice, Verdict


@pytest.fixture(scope="module")
def verdicts(demo: Loop) -> dict[str, Verdict]:
    return {verdict.change.id: verdict for verdict in demo.verdicts}


def log_entry(demo: Loop, name: str, **amended: object) -> Change:
    return replace(next(c for c in demo.changes if c.id == name), **amended)  # type: ignore[arg-type]


def test_the_early_flag_worked(verdicts: dict[str, Verdict]) -> None:
    """The wait of large portal orders was planted to halve at once and to end after two weeks."""
    flag = verdicts["C1"]
    assert flag.decision == "improved"
    assert flag.effect is not None
    assert flag.effect.high < -0.5
    assert flag.avoided is not None
    assert flag.avoided.low > 0
    assert flag.after < flag.before


def test_an_earlier_pickup_is_not_credited_with_luck(verdicts: dict[str, Verdict]) -> None:
    """Nothing was planted but two bad weeks before the change: coming back from them is no success."""
    pickup = verdicts["C2"]
    assert pickup.decision not in ("improved", "worsened")
    assert pickup.effect is None or not pickup.effect.is_clear


def test_a_change_that_has_not_shipped_has_no_verdict(verdicts: dict[str, Verdict]) -> None:
    assert set(verdicts) == {"C1", "C2"}


@pytest.mark.parametrize("name", ["C1", "C2"])
def test_the_history_begins_with_the_baseline(verdicts: dict[str, Verdict], name: str) -> None:
    verdict = verdicts[name]
    first = verdict.history[0].week
    assert first >= verdict.change.shipped_on - timedelta(weeks=13)
    assert any(point.week < verdict.change.shipped_on for point in verdict.history)
    assert any(point.week >= verdict.change.shipped_on for point in verdict.history)


def test_two_weeks_are_too_early(demo: Loop) -> None:
    late = log_entry(demo, "C2", shipped_on=date(2026, 11, 9), review_date=date(2027, 1, 4), since=None)
    verdict = impact.judge(demo.con, demo.cube, late)
    assert verdict.decision == "too early"
    assert "2027" in verdict.sentence
    assert "review" in verdict.next_step


@pytest.mark.parametrize(
    "amended",
    [
        {"scope": Slice.of([("channel", "a channel that never was"), ("complexity", "4+ lines")])},
        {"scope": Slice.of([("channel", "O'Brien \" $x"), ("complexity", "4+ lines")])},
        {"shipped_on": date(2026, 11, 22), "since": None},
        {"shipped_on": date(2025, 1, 6), "review_date": date(2025, 3, 3), "since": None},
    ],
    ids=["no rows", "odd value", "no day after", "no day before"],
)
def test_what_cannot_be_judged_says_why(demo: Loop, amended: dict[str, object]) -> None:
    verdict = impact.judge(demo.con, demo.cube, log_entry(demo, "C1", **amended))
    assert verdict.decision in ("not comparable", "too early")
    assert any(reason.strip() for reason in verdict.reasons)
    assert "Traceback" not in verdict.sentence


def test_settling_days_are_left_out(demo: Loop) -> None:
    """C1 settles for two weeks in which half of the wait remained; counted in, they dilute the effect."""
    settled = impact.judge(demo.con, demo.cube, log_entry(demo, "C1"))
    at_once = impact.judge(demo.con, demo.cube, log_entry(demo, "C1", settling_days=0))
    assert settled.effect is not None
    assert at_once.effect is not None
    assert settled.effect.value < at_once.effect.value < 0
    assert at_once.weeks_after == settled.weeks_after + 2


def test_what_was_closed_long_ago_is_recalled_and_not_measured_anew(demo: Loop) -> None:
    estimate = Estimate(-0.2, -0.3, -0.1)
    closed = log_entry(demo, "C1", verdict="improved", estimate=estimate)
    last = demo.week - timedelta(weeks=impact.REMEMBERED)
    old = impact.verdict_on(demo.con, demo.cube, replace(closed, decided_on=last))
    assert (old.decision, old.effect, old.history) == ("improved", estimate, ())
    assert "as the log says" in old.sentence
    fresh = replace(closed, decided_on=last + timedelta(days=1))
    assert impact.verdict_on(demo.con, demo.cube, fresh) == impact.judge(demo.con, demo.cube, fresh)
    [saving] = ledger.build(demo.con, demo.cube, [old.change], [old]).savings
    assert saving.changes == ("C1",)
    assert saving.so_far.low > 0


def test_the_band_is_that_of_the_weeks_before_the_pattern(demo: Loop, verdicts: dict[str, Verdict]) -> None:
    """Bad weeks must not widen what is called normal: they lie outside, and what came back lies inside again."""
    flag, began = verdicts["C1"], log_entry(demo, "C1").since
    assert began is not None
    bad = [p for p in flag.history if began <= p.week < flag.change.shipped_on]
    good = [p for p in flag.history if p.week >= flag.change.shipped_on + timedelta(weeks=3) and p.final]
    assert all(point.value > point.high for point in bad)
    assert sum(point.value <= point.high for point in good) >= len(good) - 1


def test_days_without_a_case_count_as_such(demo: Loop) -> None:
    """An exception that never came has no date, and the sum of a day without one is none, not unknown."""
    change = log_entry(
        demo, "C1", metric="exception_rate", scope=Slice.parse("carrier = UPS & zone = 3"), comparison=""
    )
    daily = observed.daily_sums(demo.con, by_id("exception_rate"), change, date(2026, 11, 2))
    assert not daily[["x", "squares", "n"]].isna().to_numpy().any()
    assert (daily["x"] == 0).any()
