"""What a question is about: a metric, a slice and weeks, given by name or taken from one of the week's patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from closeloop import weeks
from closeloop.loop import Loop
from closeloop.model import Metric, Pattern, Slice, StockMetric, TimeMetric
from closeloop.workbench import names

PATTERN = re.compile(r"(?:(?P<week>\d{4}-W\d{2})/)?(?P<id>P[0-9A-F]{4})")
LAST = re.compile(r"(\d+) weeks?")
WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Period:
    """Whole weeks, named by their Mondays."""

    first: date
    last: date

    def __str__(self) -> str:
        first, last = weeks.iso(self.first), weeks.iso(self.last)
        return first if first == last else f"{first} to {last}"

    @property
    def end(self) -> date:
        """The Monday after the last week."""
        return self.last + WEEK

    @property
    def count(self) -> int:
        """How many weeks it has."""
        return (self.last - self.first).days // 7 + 1


def period_of(text: str, newest: date) -> Period:
    """Read `2026-W47`, `2026-W40..2026-W47` or `8 weeks`, which end with the week that is open.

    Raises ValueError for anything else, and for weeks after the one that is open.
    """
    last = LAST.fullmatch(text.strip())
    if last and int(last[1]):
        return Period(newest - (int(last[1]) - 1) * WEEK, newest)
    first, _, end = text.partition("..")
    try:
        found = Period(weeks.parse(first.strip()), weeks.parse((end or first).strip()))
    except ValueError as error:
        raise ValueError(f"period {text!r}: write 2026-W47, 2026-W40..2026-W47 or 8 weeks") from error
    if found.last > newest or found.first > found.last:
        raise ValueError(f"period {text!r}: write the earlier week first, and none after {weeks.iso(newest)}")
    return found


@dataclass(frozen=True)
class Subject:
    """A slice, with the pattern that it was taken from, if any."""

    where: Slice
    pattern: Pattern | None = None

    def period(self, text: str, newest: date, usual: str) -> Period:
        """Return the weeks that are meant: those given, else since the pattern began, else the usual ones."""
        if not text and self.pattern:
            return Period(self.pattern.onset, newest)
        return period_of(text or usual, newest)


def subject(run: Loop, where: str | Slice | Pattern) -> Subject:
    """Return what `where` stands for: a slice, a filter such as `carrier = FedEx`, or a pattern such as `P0404`.

    Raises ValueError for a filter that cannot be read and for a pattern that the week does not have.
    """
    if isinstance(where, Slice):
        return Subject(where)
    if isinstance(where, Pattern):
        return Subject(where.slice, where)
    named = PATTERN.fullmatch(where.strip())
    if not named:
        return Subject(Slice.parse(where))
    found = pattern_of(run, named["id"], named["week"] or "")
    return Subject(found.slice, found)


def pattern_of(run: Loop, name: str, week: str = "") -> Pattern:
    """Return a pattern of the week that is open. Raises ValueError when it has none of that name."""
    if week and week != weeks.iso(run.week):
        raise ValueError(
            f"pattern {week}/{name}: this is {weeks.iso(run.week)}; open {week} with open_week(..., {week!r})"
        )
    known = {p.id: p for p in (*run.patterns.patterns, *run.patterns.resolved)}
    if name not in known:
        raise ValueError(
            f"{weeks.iso(run.week)}: {names.nearest('pattern', name, known) if known else 'no pattern stands out'}"
        )
    return known[name]


def metric_of(known: names.Metrics, metric: str, about: Subject) -> Metric | TimeMetric | StockMetric:
    """Return the metric that is meant: the one named, else the pattern's.

    Raises ValueError for an unknown name, and when there is neither.
    """
    if metric:
        return known.find(metric)
    if about.pattern:
        return known.find(about.pattern.metric)
    raise ValueError("which metric? Name one, such as 'on_time_delivery'; loop.metrics lists them")
