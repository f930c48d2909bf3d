"""What a question gives back: a sentence, a frame, and a table that shows itself in a notebook or a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pandas as pd

from closeloop import words
from closeloop.workbench import markup

TEXT_ROWS, TEXT_WIDTH = 20, 60
"""Rows that a terminal shows, and letters of a cell."""


def plain(value: Any) -> str:
    """Say a cell as people read it: days and moments short, numbers with thousands, nothing for what is missing."""
    if pd.isna(value):
        return ""
    if isinstance(value, datetime):
        return f"{value:%a} {value.day} {value:%b, %H:%M}"
    if isinstance(value, date):
        return words.day(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return words.number(float(value)) if isinstance(value, int | float) else str(value)


@dataclass(frozen=True)
class Column:
    """How one column of a frame is shown: its heading, its wording, and whether a bar tells its size."""

    name: str
    label: str
    say: Callable[[Any], str] = plain
    bar: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a question: one sentence first, then the rows behind it.

    `frame` has every row with unrounded values. A notebook shows a table; one of more than a screen can be sorted
    and searched there. `then` are the calls that go on from here.
    """

    question: str
    says: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    sparks: tuple[Sequence[float], ...] = field(default=(), kw_only=True)
    then: tuple[str, ...] = field(default=(), kw_only=True)
    spark_label: str = field(default="By week", kw_only=True)
    newest_first: bool = field(default=False, kw_only=True)
    whole: bool = field(default=False, kw_only=True)

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return "\n".join((self.question, self.says, *self._text(), *(f"then: {call}" for call in self.then)))

    def __html__(self) -> str:
        return markup.section(self.question, self.says, self._table(), self.then)

    def _repr_html_(self) -> str:
        return self.__html__()

    @property
    def _shown(self) -> pd.DataFrame:
        return self.frame.iloc[::-1] if self.newest_first else self.frame

    def _table(self) -> markup.Table:
        cells = [
            markup.Column(c.label, [c.say(v) for v in values], _keys(values), c.bar)
            for c in self.columns
            for values in [self._shown[c.name].tolist()[: markup.MOST_ROWS]]
        ]
        return markup.Table(self.question, cells, self.sparks, self.spark_label, len(self.frame), self.whole)

    def _text(self) -> list[str]:
        if self.frame.empty:
            return []
        head = self._shown.head(TEXT_ROWS)
        told = pd.DataFrame(
            {c.label: [words.shortened(c.say(v), TEXT_WIDTH) for v in head[c.name]] for c in self.columns}
        )
        more = len(self.frame) - TEXT_ROWS
        return [told.to_string(index=False), *([f"... and {more:,} more: .frame has them all"] if more > 0 else [])]


def _keys(values: list[Any]) -> list[float | str] | None:
    """What a column is sorted by where that is not its wording: numbers as they are, moments as ISO text."""
    if any(isinstance(value, date) for value in values):
        return ["" if pd.isna(value) else value.isoformat() for value in values]
    if values and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values]
    return None
