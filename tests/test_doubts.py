"""What else could explain a result, each planted once: work that moved, other changes, an effect that fades."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from closeloop import doubts, impact, metrics
from closeloop.loop import Loop
from closeloop.model import Change, Slice
from closeloop.observed import TREATED, metric_of

SHIPPED = date(2026, 6, 1)
LATE = metrics.by_id("slow_transit")
CHANGE = Change(
    id="C1", pattern="", root_cause="", change_shipped="Send half with UPS", metric="slow_transit",
    review_date=date(2026, 7, 27), scope=Slice.of([("carrier", "FedEx")]), kind="carrier_allocation",
    shipped_on=SHIPPED, written_on=SHIPPED, owner="lead", comparison="carrier",
)  # fmt: skip


def carriers(moved: float, overload: float, seed: int = 1) -> pd.DataFrame:
    """Twelve weeks before and eight after: a part of FedEx's parcels moves to UPS, which gets worse by a factor."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for day in range(-84, 56):
        after = day >= 0
        volume = {
            TREATED: 400.0,
            "carrier UPS": 400.0,
            "carrier USPS": 400.0,
            "carrier DHL": 400.0,
            "carrier X": 400.0,
        }
        if after:
            volume[TREATED] -= 400 * moved
            volume["carrier UPS"] += 400 * moved
        for segment, n in volume.items():
            rate = 0.1 * (overload if after and segment == "carrier UPS" else 1.0)
            x = float(rng.binomial(int(n), rate))
            rows.append({"date": pd.Timestamp(SHIPPED) + timedelta(days=day), "segment": segment, "stratum": "",
                         "x": x, "squares": x, "n": n})  # fmt: skip
    return pd.DataFrame(rows)


def test_the_slice_that_receives_the_work_is_named_and_judged() -> None:
    daily = carriers(0.5, 1.6)
    moved = doubts.receivers(daily, CHANGE)
    assert [one.segment for one in moved] == ["carrier UPS"]
    assert moved[0].growth == pytest.approx(0.5, abs=0.01)
    said = list(doubts.spilled(daily, LATE, CHANGE, moved, ["carrier DHL", "carrier USPS", "carrier X"]))
    assert "Work moved to carrier UPS" in said[0].said
    assert "got worse there" in said[0].said
    assert not said[0].fatal


def test_a_receiving_slice_that_copes_is_not_blamed_and_no_move_is_no_move() -> None:
    daily = carriers(0.5, 1.0)
    said = list(doubts.spilled(daily, LATE, CHANGE, doubts.receivers(daily, CHANGE), ["carrier DHL", "carrier X"]))
    assert "where no change is clear" in said[0].said
    assert doubts.receivers(carriers(0.0, 1.0), CHANGE) == ()


def test_with_nothing_left_to_compare_with_the_claim_goes() -> None:
    daily = carriers(0.5, 1.6)
    daily = daily[daily["segment"].isin([TREATED, "carrier UPS"])].reset_index(drop=True)
    said = list(doubts.spilled(daily, LATE, CHANGE, doubts.receivers(daily, CHANGE), []))
    assert said[0].fatal


def test_other_changes_in_the_log_are_named_and_spoil_their_slices() -> None:
    ups = replace(CHANGE, id="C2", scope=Slice.of([("carrier", "UPS")]))
    labels = replace(CHANGE, id="C3", metric="ready_to_label", scope=Slice())
    far = replace(CHANGE, id="C4", scope=Slice.of([("carrier", "USPS")]), shipped_on=date(2025, 1, 6))
    spoiled, said = doubts.elsewhere(CHANGE, [CHANGE, ups, labels, far])
    assert list(spoiled) == ["carrier UPS"]
    assert [d.said.split(" (")[0] for d in said] == ["Change C3"]


def flag(demo: Loop, **amended: object) -> Change:
    return replace(next(c for c in demo.changes if c.id == "C1"), **amended)  # type: ignore[arg-type]


def test_a_time_is_verified_as_the_share_over_its_old_median(demo: Loop) -> None:
    """The planted wait of large portal orders halves and ends; hardly an order is left over the old median."""
    entry = flag(demo, metric="order_to_label_h", placebo_metric="")
    metric = metric_of(demo.con, entry)
    verdict = impact.judge(demo.con, demo.cube, entry)
    assert metric.kind == "share"
    assert verdict.effect is not None
    assert verdict.effect.high < 0
    assert 0.3 < verdict.before < 0.6
    assert verdict.after < 0.15


def test_detection_that_got_faster_is_seen_and_what_stayed_is_not(demo: Loop) -> None:
    """Before the change UPS's exceptions reached us twelve hours later; without that nothing moved."""
    entry = flag(demo, metric="detection_lead_h", scope=Slice.of([("carrier", "UPS")]), comparison="carrier",
                 placebo_metric="", since=None, settling_days=0)  # fmt: skip
    verdict = impact.judge(demo.con, demo.cube, entry)
    assert verdict.decision in ("no clear change", "too early")
    demo.con.begin()
    demo.con.execute(
        "UPDATE exceptions SET detected_at = detected_at + INTERVAL 12 HOUR"
        " WHERE carrier = 'UPS' AND opened_at < $day",
        {"day": entry.shipped_on},
    )
    faster = impact.judge(demo.con, demo.cube, entry)
    demo.con.rollback()
    assert faster.decision == "improved"
    assert faster.effect is not None
    assert faster.effect.high < 0


def test_a_placebo_that_fell_too_takes_the_claim_away(demo: Loop) -> None:
    """Ready-to-label fell in the large portal orders by the flag; as a placebo it says that something happened."""
    entry = flag(demo, metric="order_to_label_h", placebo_metric="ready_to_label")
    said = list(doubts.placebo(demo.con, demo.cube, entry, "better"))
    assert "moved too" in said[0].said
    assert impact.judge(demo.con, demo.cube, entry).decision != "improved"


OTHERS = ["carrier UPS", "carrier USPS", "carrier DHL", "carrier X"]


def doubled(since: date, mended: float = 1.0) -> pd.DataFrame:
    """FedEx's late parcels double from a day on; from the change on that is multiplied by `mended`."""
    daily = carriers(0.0, 1.0)
    mine = (daily["segment"] == TREATED) & (daily["date"] >= pd.Timestamp(since))
    daily.loc[mine, ["x", "squares"]] *= 2
    daily.loc[mine & (daily["date"] >= pd.Timestamp(SHIPPED)), ["x", "squares"]] *= mended
    return daily


@pytest.mark.parametrize("weeks", [3, 6])
def test_a_change_made_soon_is_held_against_the_pattern_and_not_the_healthy_weeks_before(weeks: int) -> None:
    """Planted: FedEx doubles three or six weeks before the change, which mends half of it, or nothing."""
    began = SHIPPED - timedelta(weeks=weeks)
    soon = replace(CHANGE, since=began)
    mended = doubts.test(doubled(began, 0.5), LATE, soon, TREATED, OTHERS)
    assert mended.effect.low < -0.5 < mended.effect.high < 0
    plain = doubts.test(doubled(began, 0.5), LATE, replace(CHANGE, since=None), TREATED, OTHERS)
    assert plain.effect.value > mended.effect.value, "too little is credited without it"
    assert plain.effect.high - plain.effect.low > 2 * (mended.effect.high - mended.effect.low)
    idle = doubts.test(doubled(began), LATE, soon, TREATED, OTHERS)
    assert idle.effect.low < 0 < idle.effect.high
    assert doubts.began_within(soon, 0.3) == ()


def test_a_rise_that_was_there_before_the_change_is_not_its_work() -> None:
    """Planted: FedEx doubles a week before the change, which does nothing; the baseline is twelve weeks."""
    began = SHIPPED - timedelta(weeks=1)
    result = doubts.test(doubled(began), LATE, CHANGE, TREATED, OTHERS)
    assert result.effect.value > 0.1, "as if the change had done it"
    [doubt] = doubts.began_within(replace(CHANGE, since=began), result.effect.value)
    assert doubt.blind
    assert "1 week before the change" in doubt.said
    assert doubts.began_within(replace(CHANGE, since=began), -0.2) == (), "a fall is held against the whole baseline"
    assert doubts.began_within(CHANGE, result.effect.value) == ()
    lasting = replace(CHANGE, since=SHIPPED - timedelta(weeks=8))
    assert doubts.began_within(lasting, result.effect.value) == (), "it is held against the pattern"


def test_nothing_is_claimed_of_a_change_made_just_after_a_rise(demo: Loop) -> None:
    shipped = date(2026, 11, 2)
    entry = flag(demo, metric="slow_transit", scope=Slice.parse("carrier = FedEx & region = West South Central"),
                 comparison="", placebo_metric="", shipped_on=shipped, written_on=shipped, settling_days=0,
                 review_date=date(2026, 11, 20), since=date(2026, 10, 26))  # fmt: skip
    plain, verdict = (impact.judge(demo.con, demo.cube, e) for e in (replace(entry, since=None), entry))
    assert plain.effect is not None
    assert plain.effect.value > 0.1
    assert plain.decision in ("worsened", "no clear change")
    assert verdict.decision == "not comparable"
    assert any("the pattern's own doing" in reason for reason in verdict.reasons)


def test_a_pattern_that_began_right_after_another_change_is_held_against_all_weeks_since() -> None:
    """The weeks before it are another change's: none of them is left to tell what was normal."""
    cleared = replace(CHANGE, since=SHIPPED - timedelta(weeks=4), clear_from=SHIPPED - timedelta(days=32))
    daily = carriers(0.0, 1.0)
    known = daily[daily["date"] >= pd.Timestamp(SHIPPED - timedelta(days=32))]
    controls = ["carrier UPS", "carrier USPS", "carrier DHL", "carrier X"]
    found = doubts.test(known, LATE, cleared, TREATED, controls)
    assert found.effect == doubts.test(known, LATE, replace(cleared, since=None), TREATED, controls).effect
