"""Wall clocks and working days: the calendar that business hours follow, and SQL for instants in a zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from closeloop.sources.source import WEEKDAYS, Source

FIRST_DAY = date(1970, 1, 1)
"""The calendar of working days begins here."""

YEARS_BACK, YEARS_AHEAD = 4, 1
"""Around the report, where nearly all times lie, a zone's offsets are written out: a fifth of the time of a cast."""

DUE = """
    SELECT later.day + CASE WHEN today.working THEN t - date_trunc('day', t) ELSE INTERVAL 0 HOUR END
    FROM days AS today JOIN days AS later
      ON later.working AND later.no = today.no + k + (NOT today.working)::INT
    WHERE today.day = t::DATE
"""
"""The instant k working days after t: a clock that starts on a day off starts the next working day at 0:00."""

BUSINESS_HOURS = """
    SELECT (till.no - since.no - till.working::INT + since.working::INT) * 24
           + CASE WHEN till.working THEN epoch(b - date_trunc('day', b)) / 3600 ELSE 0 END
           - CASE WHEN since.working THEN epoch(a - date_trunc('day', a)) / 3600 ELSE 0 END
    FROM days AS since JOIN days AS till ON till.day = b::DATE WHERE since.day = a::DATE
"""
"""Business hours from a to b; a working day has 24 of them, a day off none."""


def calendar(source: Source, until: date) -> pd.DataFrame:
    """Number the working days from 1970 to a day, and tell the first and second working day after each.

    Raises ValueError for a working day that is no weekday.
    """
    if set(source.working_days) - set(WEEKDAYS):
        raise ValueError(f"working_days: allowed are {', '.join(WEEKDAYS)}")
    days = pd.date_range(FIRST_DAY, until, unit="s")
    weekday = np.array(WEEKDAYS)[days.day_of_week]
    working = np.isin(weekday, source.working_days) & ~days.isin(pd.to_datetime(list(source.holidays)))
    number = np.cumsum(working)
    later = [day.date() for day in days[working]]
    frame = pd.DataFrame({"day": days.date, "weekday": weekday, "working": working, "no": number})
    for ahead in (1, 2):
        # The first working day has number 1 and stands at place 0.
        place = number + ahead + ~working - 1
        frame[f"next_{ahead}"] = pd.Series([later[i] if i < len(later) else None for i in place], dtype=object)
    return frame


def local_time_sql(timezone: str, as_of: datetime) -> str:
    """Return SQL for the instant `t` as the wall clock of a zone shows it."""
    zone = ZoneInfo(timezone)
    now = as_of.replace(tzinfo=zone).astimezone(UTC)
    spans = _spans(zone, now - timedelta(days=365 * YEARS_BACK), now + timedelta(days=365 * YEARS_AHEAD))
    cases = " ".join(
        f"WHEN t >= TIMESTAMPTZ '{begin.isoformat(sep=' ')}' AND t < TIMESTAMPTZ '{end.isoformat(sep=' ')}'"
        f" THEN make_timestamp(epoch_us(t) + {offset // timedelta(microseconds=1)})"
        for begin, end, offset in reversed(list(spans))
    )
    return f"CASE {cases} ELSE t::TIMESTAMP END"


def _spans(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield the spans of time in which a zone keeps one offset."""
    begin = at = since
    while at < until:
        after = min(at + timedelta(days=1), until)
        if _offset(zone, at) != _offset(zone, after):
            change = _change(zone, at, after)
            yield begin, change, _offset(zone, at)
            begin = change
        at = after
    yield begin, until, _offset(zone, begin)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the second in which a zone's offset changes between two instants."""
    old = _offset(zone, before)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
