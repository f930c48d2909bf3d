"""How long things take and what waits, as answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import pandas as pd

from closeloop import stocks, times, words
from closeloop.charts import Shown, lasting, shown
from closeloop.loop import Loop
from closeloop.model import StockMetric, TimeMetric
from closeloop.workbench import names, pictures
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.asked import Period, Subject

DAYS = 56
"""Days of a backlog that are told, unless weeks are given."""


@dataclass(frozen=True, eq=False, repr=False)
class Durations(Answer):
    """How long the rows of a slice take, by group; what has not ended counts as running."""

    durations: tuple[times.Duration, ...]
    metric: TimeMetric
    by: str

    def chart(self) -> Shown:
        """Draw how long half and nine in ten take."""
        return shown(lasting(self.durations, self.by, self.metric.label, self.metric.unit), self.says)


@dataclass(frozen=True, eq=False, repr=False)
class Waiting(Answer):
    """What waits at the end of each day."""

    days: tuple[stocks.Stock, ...]
    metric: StockMetric

    def chart(self) -> Shown:
        """Draw what waits, by how long it has waited."""
        return shown(pictures.waiting(self.days, self.metric.label), self.says)


def durations(run: Loop, metric: TimeMetric, about: Subject, by: str, period: Period | None) -> Durations:
    """Return how long things take, by the week of their start or by a dimension.

    Raises ValueError for unknown names, and for weeks with another split: survival is told of all rows.
    """
    names.check(run.con, metric.id, metric.view, about.where)
    if period and by != "week":
        raise ValueError(f"{metric.id}: by {by!r} is told over all weeks; leave the period out, or split by 'week'")
    found = times.durations(run.con, metric, about.where, by)
    if period:
        found = tuple(d for d in found if period.first <= date.fromisoformat(d.group[:10]) <= period.last)
    rows = [
        (_group(d.group, by), d.n, d.open, *(d.quantiles[q].value for q in times.QUANTILES), d.will_end)
        for d in found
    ]
    heads = ["group", "n", "open", "p50", "p85", "p90", "p95", "will_end"]
    frame = pd.DataFrame(rows, columns=heads)
    spans = [
        Column(name, label, _span)
        for name, label in zip(heads[3:7], ("Half within", "85 %", "90 %", "95 %"), strict=True)
    ]
    head = "Week from" if by == "week" else by.replace("_", " ").capitalize()
    columns = (
        Column("group", head),
        Column("n", "Counted"),
        Column("open", "Still running"),
        *spans,
        Column("will_end", "Will end", words.share),
    )
    question = f"{metric.question} For {about.where}, in {metric.unit}"
    return Durations(
        question,
        _times_say(found, metric, by),
        frame,
        columns,
        newest_first=by == "week",
        durations=found,
        metric=metric,
        by=by,
    )


def waiting(run: Loop, metric: StockMetric, about: Subject, period: Period | None) -> Waiting:
    """Return what waits at the end of each day, the oldest day first."""
    names.check(run.con, metric.id, metric.view, about.where)
    days = (run.week - period.first).days + 7 if period else DAYS
    found = stocks.stock(run.con, metric, about.where, days)
    told = tuple(day for day in found if not period or day.day < period.end)
    rows = [(d.day, d.waiting, d.young, d.middle, d.old, d.came, d.went) for d in told]
    names_ = ["day", "waiting", "young", "middle", "old", "came", "went"]
    frame = pd.DataFrame(rows, columns=names_)
    heads = ("Day", "Waiting", "Up to 1 day", "1 to 3 days", "Over 3 days", "Came", "Went")
    columns = tuple(Column(name, label, bar=name == "waiting") for name, label in zip(names_, heads, strict=True))
    most = max(told, key=lambda d: d.waiting)
    now = f"{words.number(told[-1].waiting)} wait on {words.day(told[-1].day)}"
    says = f"{now}; most were {words.number(most.waiting)} on {words.day(most.day)}."
    return Waiting(
        f"{metric.question} For {about.where}", says, frame, columns, newest_first=True, days=told, metric=metric
    )


def _group(text: str, by: str) -> object:
    return date.fromisoformat(text[:10]) if by == "week" else text


def _span(value: float) -> str:
    return "not yet" if value == float("inf") else words.number(value, 1)


def _times_say(found: tuple[times.Duration, ...], metric: TimeMetric, by: str) -> str:
    known = [d for d in found if math.isfinite(d.quantiles[0.9].value)] or list(found)
    slow = max(known, key=lambda d: (d.quantiles[0.9].value, d.group))
    half, most = (_span(slow.quantiles[q].value) for q in (0.5, 0.9))
    which = f"the week from {slow.group[:10]}" if by == "week" else slow.group
    return f"Slowest is {which}: half within {half} {metric.unit}, nine in ten within {most}."
