"""What a holiday delays everywhere is no pattern unless it lasts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from closeloop import cube, patterns, summary
from closeloop.days_off import DaysOff, alarm, days_off
from closeloop.loop import Loop
from closeloop.model import Estimate, Pattern, Slice

MEMORIAL_DAY = date(2026, 5, 25)  # a Monday
RISE = Pattern(
    id="P1", metric="slow_transit", slice=Slice(), kind="spike", onset=MEMORIAL_DAY, week=MEMORIAL_DAY, value=0.3,
    expected=0.1, excess=Estimate(50.0, 40.0, 60.0), unit="parcels", p=1e-6, q=1e-5, total=300.0, history=(),
    first_seen=MEMORIAL_DAY, sentence="Slow transit: 30 % instead of 10 %.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("where", "onset", "week", "waits"),
    [
        ("", 0, 0, True),
        ("weekday = Mon", 0, 0, True),
        ("weekday = Tue", 0, 1, True),
        ("", 1, 1, True),  # what was ordered then falls due a week later
        ("", 0, 2, False),  # it has lasted
        ("", 2, 2, False),  # it came too late
        ("", -1, 0, False),  # it was there before
        ("carrier = UPS", 0, 0, False),  # a day off hits all carriers
        ("weekday = Mon & warehouse = NJ", 0, 0, False),
    ],
)
def test_a_day_off_explains_what_rose_everywhere_just_then(where: str, onset: int, week: int, waits: bool) -> None:
    risen = replace(
        RISE, slice=Slice.parse(where), onset=MEMORIAL_DAY + timedelta(weeks=onset),
        week=MEMORIAL_DAY + timedelta(weeks=week),
    )  # fmt: skip
    kept, waiting = DaysOff((MEMORIAL_DAY,)).split([risen])
    assert (kept, len(waiting)) == (([], 1) if waits else ([risen], 0))
    assert DaysOff(()).split([risen]) == ([risen], [])


def test_the_weeks_of_a_day_off_have_no_pattern_of_weekdays(demo: Loop) -> None:
    """On Memorial Day nobody works, and what was ordered waits; nothing is planted until August."""
    assert MEMORIAL_DAY in days_off(demo.con).days
    for week in (MEMORIAL_DAY, MEMORIAL_DAY + timedelta(weeks=1)):
        known = tuple(series.until(week) for series in demo.cube.series)
        seen = replace(demo.cube, as_of=cube.as_of(week), week=week, series=tuple(s for s in known if s.weeks))
        found = patterns.find(demo.con, seen)
        assert not [p for p in found.patterns if set(p.slice.dims) <= {"weekday"}]
        if week == MEMORIAL_DAY:
            alarms = [alarm(pattern) for pattern in found.waiting]
            assert "slow_transit" in {one.what for one in alarms}
            assert all("25 May 2026 was a day off" in one.sentence for one in alarms)
            told = summary.bottom_line(demo.source, demo.scorecard, found, (), ())
            assert any("25 May 2026 was a day off" in line for line in told), "why the week looks bad"
