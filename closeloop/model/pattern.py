"""Exceptions that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from closeloop.model.estimate import Estimate, Point
from closeloop.slices import Slice

PatternKind = Literal["spike", "step", "drift"]
Status = Literal["new", "continuing", "worse", "resolved"]


@dataclass(frozen=True)
class Pattern:
    """Exceptions that belong together: one metric, the slice that explains them, since when.

    A drift has no first day that anyone could see: `began` holds the first and the last Monday of the weeks in which
    it began with 95 %; it is empty for other kinds.
    """

    metric: str
    slice: Slice
    kind: PatternKind
    onset: date
    week: date
    value: float
    expected: float
    excess: Estimate
    unit: str
    p: float
    q: float
    total: float
    status: Status = "new"
    first_seen: date | None = None
    id: str = ""
    folded: tuple[Slice, ...] = ()
    also_in: tuple[str, ...] = ()
    history: tuple[Point, ...] = ()
    sentence: str = ""
    began: tuple[date, ...] = ()

    @property
    def weeks(self) -> int:
        """How many weeks the pattern has lasted, the last one included."""
        return (self.week - self.onset).days // 7 + 1
