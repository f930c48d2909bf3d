"""Candidate explanations of a pattern, with what speaks for and against them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from closeloop.model.change import ChangeKind
from closeloop.model.estimate import Estimate
from closeloop.percent import interval, plus
from closeloop.slices import Slice

Origin = Literal["carrier", "warehouse", "workflow", "recipient", "customs", "external", "undecided"]

ORIGINS: dict[Origin, str] = {
    "carrier": "the carrier", "warehouse": "the warehouse", "workflow": "the workflow", "recipient": "the recipient",
    "customs": "customs", "external": "something outside",
}  # fmt: skip
"""How each origin sounds in a sentence; "undecided" is none."""


@dataclass(frozen=True)
class Evidence:
    """One observation that speaks for or against a candidate cause."""

    sentence: str
    supports: bool


@dataclass(frozen=True)
class Stage:
    """Mean hours spent in one step of the process: in the slice before and since, and elsewhere."""

    name: str
    before: float
    since: float
    elsewhere_before: float
    elsewhere_since: float

    @property
    def excess(self) -> float:
        """Hours added in the slice beyond what was added elsewhere."""
        return (self.since - self.before) - (self.elsewhere_since - self.elsewhere_before)


@dataclass(frozen=True)
class Coincidence:
    """Something else that changed when a pattern began: `dose` is the new level over the old one.

    `fit` (0 to 1) is how well its date, its scope and its dose fit those of the pattern.
    """

    name: str
    day: date
    dose: float
    sentence: str
    fit: float = 0.0


@dataclass(frozen=True)
class Remedy:
    """One targeted change against a candidate cause, and how its success would be measured.

    `expected` is what it would bring in a week, in `unit`, with an interval; none where nothing like it has
    been seen. `other_effects` are what it would cost or gain beside, in words.
    """

    kind: ChangeKind
    what: str
    scope: Slice
    metric: str
    comparison: str = ""
    placebo_metric: str = ""
    expected: Estimate | None = None
    unit: str = ""
    other_effects: str = ""

    @property
    def expected_effect(self) -> str:
        """Say what is expected of it, as the improvement log takes it."""
        if self.expected is None:
            return self.other_effects
        low, high = sorted((self.expected.low, self.expected.high))
        told = f"{plus(self.expected.value)} {self.unit} a week ({interval(plus(low), plus(high))})"
        return f"{told}, {self.other_effects}" if self.other_effects else told


@dataclass(frozen=True)
class Cause:
    """A candidate explanation of a pattern, with evidence both ways; never called proven.

    `earlier` says what an alert would have caught, and `alert` is that alert as a shop's automation takes it.
    """

    pattern: str
    origin: Origin
    weight: float
    stage: str
    onset: date
    recent: bool
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    stages: tuple[Stage, ...] = ()
    proposal: str = ""
    onset_low: date | None = None
    onset_high: date | None = None
    coincidences: tuple[Coincidence, ...] = ()
    origins: tuple[tuple[Origin, float], ...] = ()
    earlier: str = ""
    alert: str = ""
    remedy: Remedy | None = None
