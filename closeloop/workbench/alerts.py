"""What an alert would have done, told for a range of thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from closeloop import triggers, words
from closeloop.charts import Shown, shown
from closeloop.loop import Loop
from closeloop.triggers import Replay, Rule
from closeloop.workbench import names, pictures
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.asked import Period


@dataclass(frozen=True, eq=False, repr=False)
class Replays(Answer):
    """Alert rules replayed on what was recorded by then; `best` is the earliest that is about as good as any."""

    replays: tuple[Replay, ...]
    best: Replay | None

    def chart(self) -> Shown:
        """Draw what each threshold catches against its false alarms."""
        return shown(pictures.alerts(self.replays), self.says)


def replay(run: Loop, rules: tuple[Rule, ...], period: Period) -> Replays:
    """Replay rules on the parcels and orders whose promise fell due in some weeks.

    Raises ValueError for unknown names and when the data has no promised dates.
    """
    view = "order_facts" if rules[0].waits_for == "label" else "parcel_facts"
    names.check(run.con, "alerts", view, rules[0].scope)
    found = triggers.replay(run.con, rules, period.first, period.last + timedelta(days=6))
    best = triggers.best(found)
    rows = [_row(one, best) for one in found]
    heads = [
        "rule",
        "hours",
        "caught",
        "missed",
        "caught_share",
        "before_promise_h",
        "false_a_week",
        "alarms_a_week",
        "advised",
    ]
    columns = (
        Column("rule", "Alert on"), Column("caught_share", "Caught", words.share, bar=True),
        Column("caught", "Parcels caught"),
        Column("missed", "Of missed promises"), Column("before_promise_h", "Hours before the promise"),
        Column("false_a_week", "False alarms a week"), Column("alarms_a_week", "Alarms a week"),
        Column("advised", "Advised"),
    )  # fmt: skip
    says = triggers.sentence(best) if best else "None of these rules does more good than harm."
    question = f"Could it have been seen earlier? For {rules[0].scope}, {period}"
    return Replays(question, says, pd.DataFrame(rows, columns=heads), columns, replays=found, best=best)


def _row(one: Replay, best: Replay | None) -> tuple[object, ...]:
    ahead = one.hours_before_promise if one.hours_before_promise is not None else float("nan")
    counts = (one.caught, one.missed, one.caught_share.value, ahead, one.false_alarms_a_week, one.alarms_a_week)
    return (str(one.rule), one.rule.hours, *counts, "yes" if one == best else "")
