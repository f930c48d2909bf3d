"""Days off and what they delay: a holiday makes work and parcels wait everywhere, which is no news and soon over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb

from closeloop.model import Alarm, Pattern
from closeloop.words import day

EVERYWHERE = frozenset({"weekday"})
"""What a slice may name and still be everywhere: the days of the week that a day off fell on."""

DELAYED, FELT = timedelta(days=7), timedelta(days=6)
"""How long after a day off what waited for it falls due, and how long the weeks that begin after it hold of it."""


@dataclass(frozen=True)
class DaysOff:
    """The days on which nobody worked though the weekday is a working day."""

    days: tuple[date, ...]

    def delaying(self, pattern: Pattern) -> date | None:
        """Return the day off that alone may have made what rose: it hit all alike and has just been. Else None."""
        if not set(pattern.slice.dims) <= EVERYWHERE:
            return None
        began, now = pattern.onset, pattern.week
        near = (off for off in self.days if began - DELAYED <= off < began + timedelta(days=7) and now < off + FELT)
        return next(near, None)

    def split(self, found: Iterable[Pattern]) -> tuple[list[Pattern], list[Pattern]]:
        """Return what no day off explains, and what one may, saying so: that is a pattern only if it lasts."""
        kept, waiting = list[Pattern](), list[Pattern]()
        for pattern in found:
            if off := self.delaying(pattern):
                told = f"{pattern.sentence} {day(off)} was a day off; if this lasts, it will be a pattern."
                waiting.append(replace(pattern, sentence=told))
            else:
                kept.append(pattern)
        return kept, waiting


def alarm(waiting: Pattern) -> Alarm:
    """Say what waits for another week to tell."""
    return Alarm(
        "day off", waiting.metric, waiting.slice, waiting.onset, waiting.expected, waiting.value, waiting.p,
        waiting.sentence,
    )  # fmt: skip


def days_off(con: duckdb.DuckDBPyConnection) -> DaysOff:
    """Read them from the calendar of the facts."""
    rows = con.execute(
        """
        SELECT day FROM days WHERE NOT working
        AND strftime(day, '%a') IN (SELECT strftime(day, '%a') FROM days WHERE working) ORDER BY day
        """
    ).fetchall()
    return DaysOff(tuple(row[0] for row in rows))
