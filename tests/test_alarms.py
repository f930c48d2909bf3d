"""Changes of the mix and of the data: planted ones are told, quiet weeks are not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from closeloop import feed_alarms, mix
from closeloop.loop import Loop
from closeloop.model import Slice

from .random_merchant import Row, Rows, opened, random_rows

WEEK = date(2026, 5, 18)
SINCE = date(2026, 5, 4)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return random_rows(seed=13, n=4000)


def told(rows: Rows, folder: Path) -> list[str]:
    return [alarm.sentence for alarm in feed_alarms.changes(opened(rows, folder), WEEK)]


def later(row: Row, column: str) -> bool:
    return row[column].date() >= SINCE


def test_a_feed_that_is_as_ever_raises_no_alarm(rows: Rows, tmp_path: Path) -> None:
    assert told(rows, tmp_path) == []


def test_a_renamed_code_is_told_as_one_new_and_one_gone(rows: Rows, tmp_path: Path) -> None:
    scans = [
        {**scan, "source_status": "rolling"}
        if later(scan, "recorded_at") and scan["source_status"] == "moving"
        else scan
        for scan in rows.tracking_events
    ]
    found = told(replace(rows, tracking_events=scans), tmp_path)
    assert len(found) == 2
    assert any("Tracking code 'rolling' is new since the week of 4 May 2026" in said for said in found)
    assert any("Tracking code 'moving'" in said and "has gone since the week of 4 May" in said for said in found)


def test_an_emptied_column_is_told(rows: Rows, tmp_path: Path) -> None:
    orders = [{**row, "promised_date": None} if later(row, "ordered_at") else row for row in rows.orders]
    (said,) = told(replace(rows, orders=orders), tmp_path)
    assert said.startswith(
        "orders.promised_date is filled for 0.0 % of the rows since the week of 4 May 2026".replace(" %", "\xa0%")
    )


def test_a_carrier_whose_scans_stop_is_told_as_a_matter_of_the_feed(rows: Rows, tmp_path: Path) -> None:
    mine = {p["shipment_id"] for p in rows.shipments if p["carrier"] == "UPS" and later(p, "label_created_at")}
    scans = [scan for scan in rows.tracking_events if scan["shipment_id"] not in mine]
    alarms = feed_alarms.changes(opened(replace(rows, tracking_events=scans), tmp_path), WEEK)
    (silent,) = [alarm for alarm in alarms if alarm.what == "scans of UPS"]
    assert (silent.scope, silent.since, silent.now) == (Slice.of([("carrier", "UPS")]), SINCE, 0.0)
    assert "look at the tracking feed before you look at the carrier" in silent.sentence


def test_the_portals_growth_is_told_as_mix_and_since_when(demo_week: Callable[[str], Loop]) -> None:
    """Planted: the wholesale portal's orders grow 2.6 times from 24 August 2026 on."""
    found = {alarm.scope: alarm for alarm in mix.shifts(demo_week("2026-W37").cube)}
    portal = found[Slice.of([("channel", "wholesale portal")])]
    assert abs(portal.since - date(2026, 8, 24)) <= timedelta(weeks=1)
    assert 1.8 < portal.now / portal.before < 3


def test_a_share_that_moved_long_ago_is_no_news(demo_week: Callable[[str], Loop]) -> None:
    cube = demo_week("2026-W40").cube
    assert not [alarm for alarm in mix.shifts(cube) if alarm.since <= cube.week - timedelta(weeks=4)]
    assert Slice.of([("channel", "wholesale portal")]) not in {alarm.scope for alarm in mix.shifts(cube)}


def test_weeks_before_anything_moved_are_silent(demo_week: Callable[[str], Loop]) -> None:
    for week in ("2026-W30", "2026-W32"):
        assert demo_week(week).alarms == ()
