"""Candidate explanations of a pattern, with what speaks for and against them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Origin = Literal["carrier", "warehouse", "workflow", "recipient", "customs", "external", "undecided"]


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
    """Something else that changed when a pattern began: `dose` is the new level over the old one."""

    name: str
    day: date
    dose: float
    sentence: str


@dataclass(frozen=True)
class Cause:
    """A candidate explanation of a pattern, with evidence both ways; never called proven."""

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
