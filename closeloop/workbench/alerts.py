"""What an alert would have done, told for a range of thresholds and held against the alert of today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
from markupsafe import Markup

from closeloop import alerts, words
from closeloop.charts import Shown, shown
from closeloop.loop import Loop
from closeloop.triggers import Replay, Rule
from closeloop.workbench import names, pictures
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.asked import Period

HEADS = (
    "rule", "hours", "caught", "missed", "caught_share", "before_promise_h", "false_a_week", "alarms_a_week",
    "advised",
)  # fmt: skip

COLUMNS = (
    Column("rule", "Alert on"), Column("caught_share", "Caught", words.share, bar=True),
    Column("caught", "Parcels caught"),
    Column("missed", "Of missed promises"), Column("before_promise_h", "Hours before the promise"),
    Column("false_a_week", "False alarms a week"), Column("alarms_a_week", "Alarms a week"),
    Column("advised", "Advised"),
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Replays(Answer):
    """Alert rules replayed on what was recorded by then; `best` is the earliest that is about as good as any.

    `today` is the alert that the shop runs, replayed on the same promises; `rule` is the best one as conditions in
    groups, the form that a shop's automation and `alert.yml` take.
    """

    replays: tuple[Replay, ...]
    best: Replay | None
    today: Replay | None = None

    @property
    def rule(self) -> str:
        """The best rule as conditions in groups; empty where none does more good than harm."""
        return alerts.written(self.best.rule) if self.best else ""

    def chart(self) -> Shown:
        """Draw what each threshold catches against its false alarms, and where today's alert stands."""
        return shown(pictures.alerts(self.replays, self.today), self.says)

    def __html__(self) -> str:
        written = Markup(
            "<details><summary>The advised rule as conditions in groups</summary><pre>{}</pre></details>"
        )
        return super().__html__() + (written.format(self.rule) if self.rule else "")


def replay(run: Loop, rules: tuple[Rule, ...], period: Period) -> Replays:
    """Replay rules on the parcels and orders whose promise fell due in some weeks, and today's alert beside them.

    Raises ValueError for unknown names and when the data has no promised dates.
    """
    scope = rules[0].scope
    names.check(run.con, "alerts", "order_facts" if rules[0].waits_for == "label" else "parcel_facts", scope)
    span = (period.first, period.last + timedelta(days=6))
    found = alerts.beside_today(run.con, rules, span, run.alert)
    says = found.sentence or "None of these rules does more good than harm."
    question = f"Could it have been seen earlier? For {scope}, {period}"
    frame = pd.DataFrame(list(_rows(found)), columns=list(HEADS))
    return Replays(question, says, frame, COLUMNS, replays=found.tried, best=found.best, today=found.today)


def _rows(found: alerts.Alerts) -> Iterator[tuple[object, ...]]:
    for one in found.tried:
        yield _row(one, "yes" if one == found.best else "")
    if found.today:
        yield _row(found.today, "today's alert")


def _row(one: Replay, advised: str) -> tuple[object, ...]:
    ahead = one.hours_before_promise if one.hours_before_promise is not None else float("nan")
    counts = (one.caught, one.missed, one.caught_share.value, ahead, one.false_alarms_a_week, one.alarms_a_week)
    return (str(one.rule), one.rule.hours, *counts, advised)
