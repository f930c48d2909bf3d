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
        ("", 0, 1, False),  # it has lasted
        ("weekday = Tue", 1, 1, False),  # it came too late
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


def test_the_week_of_a_day_off_has_no_pattern_of_weekdays(demo: Loop) -> None:
    """On Memorial Day nobody works, and what was ordered waits; nothing is planted until August."""
    assert MEMORIAL_DAY in days_off(demo.con).days
    known = tuple(series.until(MEMORIAL_DAY) for series in demo.cube.series)
    as_of = cube.as_of(MEMORIAL_DAY)
    seen = replace(demo.cube, as_of=as_of, week=MEMORIAL_DAY, series=tuple(s for s in known if s.weeks))
    found = patterns.find(demo.con, seen)
    assert not [p for p in found.patterns if set(p.slice.dims) <= {"weekday"}]
    alarms = [alarm(pattern) for pattern in found.waiting]
    assert "slow_transit" in {one.what for one in alarms}
    assert all("25 May 2026 was a day off" in one.sentence for one in alarms)
    told = summary.bottom_line(demo.source, demo.scorecard, found, (), ())
    assert any("25 May 2026 was a day off" in line for line in told), "why the week looks bad"


def test_the_end_of_the_week_is_felt_in_the_next() -> None:
    """A Saturday off delays what falls due on Monday."""
    saturday = date(2026, 7, 4)
    late = replace(RISE, onset=date(2026, 7, 6), week=date(2026, 7, 6))
    assert DaysOff((saturday,)).delaying(late) == saturday
    assert DaysOff((saturday,)).delaying(replace(late, week=date(2026, 7, 13))) is None
