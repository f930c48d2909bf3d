"""The patterns of a week as an answer, narrowed to a metric or a slice."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from closeloop import weeks, words
from closeloop.charts import Shown, ranking, shown
from closeloop.loop import Loop
from closeloop.model import Pattern, Slice
from closeloop.workbench import asked
from closeloop.workbench.answers import Answer, Column


@dataclass(frozen=True, eq=False, repr=False)
class Patterns(Answer):
    """What stands out: `answer["P0404"]` or `answer[0]` is one of them."""

    patterns: tuple[Pattern, ...]
    run: Loop

    def __getitem__(self, which: str | int) -> Pattern:
        return self.patterns[which] if isinstance(which, int) else asked.pattern_of(self.run, which)

    def _ipython_key_completions_(self) -> list[str]:
        return [p.id for p in self.patterns]

    def chart(self) -> Shown:
        """Draw the excess of each pattern with its interval."""
        return shown(ranking(self.patterns), self.says)


def patterns(run: Loop, where: Slice, metric: str) -> Patterns:
    """Return the patterns of the week that touch a slice and, if one is named, are of a metric."""
    found = tuple(p for p in run.patterns.patterns if p.slice.overlaps(where) and metric in ("", p.metric))
    rows = [
        (
            p.id,
            words.label(p.metric),
            str(p.slice),
            p.status,
            p.onset,
            p.value,
            p.expected,
            p.excess.value,
            p.unit,
            p.q,
        )
        for p in found
    ]
    heads = ["pattern", "metric", "where", "status", "since", "value", "expected", "excess", "unit", "q"]
    frame = pd.DataFrame(rows, columns=heads)
    frame["now"] = [words.measured(p.value, p.unit) for p in found]
    frame["usual"] = [words.measured(p.expected, p.unit) for p in found]
    frame["more"] = [words.added(p.excess.value, p.unit) for p in found]
    columns = (
        Column("pattern", "Pattern"), Column("metric", "Metric"), Column("where", "Where"),
        Column("status", "Status"),
        Column("since", "Since"), Column("now", "Now"), Column("usual", "Usual"), Column("more", "More a week"),
        Column("q", "Sure?", words.how_sure),
    )  # fmt: skip
    sparks = tuple(tuple(point.value for point in p.history) for p in found)
    then = (
        tuple(
            call.format(found[0].id)
            for call in ('loop.measure(where="{}")', 'loop.milestones("{}")', 'loop.shipments("{}")')
        )
        if found
        else ()
    )
    question = f"What stands out in {weeks.iso(run.week)}?"
    return Patterns(question, _says(found), frame, columns, sparks=sparks, then=then, patterns=found, run=run)


def _says(found: tuple[Pattern, ...]) -> str:
    if not found:
        return "Nothing rose above its own past."
    fresh = sum(p.status == "new" for p in found)
    return f"{words.plural(len(found), 'pattern')}, {fresh or 'none'} of them new. First: {found[0].sentence}"
