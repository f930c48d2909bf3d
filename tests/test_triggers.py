"""Alert rules replayed: the same counts as a plain loop over parcels, and nothing known before it was recorded."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from closeloop import alerts
from closeloop.loop import Loop
from closeloop.model import Slice
from closeloop.triggers import Replay, Rule, best, replay, sentence, sweep

SINCE, UNTIL = date(2026, 8, 24), date(2026, 9, 20)
LABOR_DAY = date(2026, 9, 7)
PORTAL = Slice.of([("channel", "wholesale portal"), ("complexity", "4+ lines")])


def after_business_hours(start: datetime, hours: float) -> datetime:
    """Walk the calendar a day at a time: a working day has 24 hours, a Sunday or holiday none."""
    now, left = start, timedelta(hours=hours)
    while True:
        midnight = datetime(now.year, now.month, now.day) + timedelta(days=1)
        if now.weekday() < 6 and now.date() != LABOR_DAY:
            if now + left < midnight:
                return now + left
            left -= midnight - now
        now = midnight


@pytest.mark.parametrize(("hours", "clock"), [(10, "business"), (26, "business"), (18, "calendar")])
def test_counts_are_those_of_a_plain_loop(demo: Loop, hours: float, clock: str) -> None:
    scope = Slice.of([("carrier", "FedEx")])
    found = replay(demo.con, [Rule("first scan", hours, clock, scope)], SINCE, UNTIL)[0]  # type: ignore[arg-type]
    parcels = demo.con.execute(
        "SELECT shipment_id, label_at, promised_date, attempt_at FROM parcel_facts WHERE carrier = 'FedEx'"
        " AND label_at IS NOT NULL AND promised_date >= $since AND promised_date <= $until",
        {"since": SINCE, "until": UNTIL},
    ).df()
    scans = demo.con.execute(
        "SELECT e.shipment_id, e.recorded_at FROM tracking_events_known e"
        " LEFT JOIN vocabulary f ON f.code = e.source_code LEFT JOIN vocabulary c ON c.code = e.source_status"
        " WHERE coalesce(f.status, c.status, 'unknown') NOT IN ('label_created', 'unknown', 'voided')"
    ).df()
    first = scans.groupby("shipment_id")["recorded_at"].min()
    missed = alarms = caught = 0
    for row in parcels.itertuples():
        start = row.label_at.to_pydatetime()
        fires = after_business_hours(start, hours) if clock == "business" else start + timedelta(hours=hours)
        seen, end = (
            first.get(row.shipment_id),
            datetime.combine(row.promised_date, datetime.min.time()) + timedelta(1),
        )
        late = pd.isna(row.attempt_at) or row.attempt_at >= end
        fired = seen is None or fires < seen
        missed, alarms, caught = missed + late, alarms + fired, caught + (fired and late and fires < end)
    assert (found.watched, found.missed, found.alarms, found.caught) == (len(parcels), missed, alarms, caught)
    assert caught > 0


def test_waiting_portal_orders_could_have_been_seen_days_before_the_promise(demo: Loop) -> None:
    rules = replay(demo.con, sweep(Rule("label", 24, scope=PORTAL)), SINCE, UNTIL)
    caught = [one.caught for one in rules]
    assert caught == sorted(caught, reverse=True), "a longer wait can only catch fewer"
    chosen = best(rules)
    assert chosen is not None
    assert chosen.caught_share.low > 0.4
    assert (chosen.hours_before_promise or 0) > 24
    assert sentence(chosen).startswith("An alert on no label ")
    assert chosen.rule.conditions[:2] == ("channel is wholesale portal", "complexity is 4+ lines")


def test_today_s_budget_of_alarms_is_kept(demo: Loop) -> None:
    rules = replay(demo.con, sweep(Rule("destination", 24)), SINCE, UNTIL)
    free, bound = best(rules), best(rules, most_alarms=min(one.alarms_a_week for one in rules))
    assert free is not None
    assert bound is not None
    assert bound.alarms_a_week <= free.alarms_a_week


def test_a_scan_that_reached_the_merchant_late_does_not_hold_the_alarm_back(demo: Loop) -> None:
    """Tell the merchant of every scan two days later: the same rule must then fire more often."""
    rule = Rule("first scan", 24)
    before = replay(demo.con, [rule], SINCE, UNTIL)[0]
    demo.con.execute("BEGIN")
    try:
        demo.con.execute("CREATE TABLE told_late AS FROM tracking_events_known")
        later = "SELECT * REPLACE (recorded_at + INTERVAL 2 DAY AS recorded_at) FROM told_late"
        demo.con.execute(f"CREATE OR REPLACE TEMP VIEW tracking_events_known AS {later}")
        demo.con.execute("DROP TABLE recorded")
        after = replay(demo.con, [rule], SINCE, UNTIL)[0]
    finally:
        demo.con.execute("ROLLBACK")
    assert after.alarms > 2 * before.alarms


def test_a_rule_that_catches_nothing_is_not_proposed() -> None:
    nothing = Replay(Rule("label", 24), 100, 10, 50, 0, 4.0, None, None)
    assert best([nothing]) is None


@pytest.mark.parametrize(("waits", "hours", "said"), [("teleport", 5, "can wait for"), ("label", 0, "more than 0")])
def test_impossible_rules_are_refused(waits: str, hours: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Rule(waits, hours)  # type: ignore[arg-type]


def test_a_slice_without_promises_is_said(demo: Loop) -> None:
    with pytest.raises(ValueError, match="no promise of carrier = Nobody fell due"):
        replay(demo.con, [Rule("first scan", 24, scope=Slice.of([("carrier", "Nobody")]))], SINCE, UNTIL)


def test_orders_that_wait_for_a_label_have_no_zone_yet(demo: Loop) -> None:
    rule = Rule("label", 24, scope=Slice.of([("zone", "5")]))
    with pytest.raises(ValueError, match="waits for the label cannot be sliced by 'zone'"):
        replay(demo.con, [rule], SINCE, UNTIL)


TODAY = """
title: Silent for two days
match: all
groups:
  - conditions:
      - {field: hours_without_first_scan, over: 20}
  - match: any
    conditions:
      - {field: carrier, is: UPS}
"""


def declared(folder: Path, text: str) -> Rule | None:
    (folder / "alert.yml").write_text(text, encoding="utf-8")
    return alerts.read(folder / "alert.yml")


def test_todays_alert_fires_in_its_segment_only_and_is_judged_on_all(demo: Loop, tmp_path: Path) -> None:
    today = declared(tmp_path, TODAY)
    assert today is not None
    mine = replay(demo.con, [today], SINCE, UNTIL)[0]
    scope = Slice.of([("carrier", "UPS")])
    plain, ups = (
        replay(demo.con, [Rule("first scan", 20, "calendar", w)], SINCE, UNTIL)[0] for w in (Slice(), scope)
    )
    assert (mine.alarms, mine.caught) == (ups.alarms, ups.caught)
    assert (mine.watched, mine.missed) == (plain.watched, plain.missed)
    assert 0 < mine.alarms < plain.alarms


def test_the_best_alert_is_held_against_todays(demo: Loop, tmp_path: Path) -> None:
    found = alerts.compare(demo.con, "label", PORTAL, (SINCE, UNTIL), declared(tmp_path, TODAY))
    assert found.today is not None
    assert found.best is not None
    assert found.gain is not None
    assert found.gain.low > 0.3, "the portal's large orders waited for a label, which no alert on scans can see"
    assert "Today's alert (no carrier scan 20 hours after the label) caught" in found.sentence


def test_an_alert_is_written_as_it_is_read(tmp_path: Path) -> None:
    rule = declared(tmp_path, TODAY)
    assert rule is not None
    again = declared(tmp_path, alerts.written(rule))
    assert again is not None
    assert (again.waits_for, again.hours, again.within and again.within.groups) == (
        rule.waits_for, rule.hours, rule.within and rule.within.groups,
    )  # fmt: skip
    assert alerts.read(tmp_path / "none.yml") is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("over: 20", "under: 20", "takes `over`"), ("over: 20", "over: 0", "more than 0"),
     ("hours_without_first_scan", "weight_g", "one condition on what is waited for")],
)  # fmt: skip
def test_an_alert_that_cannot_run_names_its_file(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as told:
        declared(tmp_path, TODAY.replace(old, new))
    assert "alert.yml" in str(told.value)
