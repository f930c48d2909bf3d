"""One targeted change, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from closeloop.model.estimate import Estimate, Point
from closeloop.slices import Slice

ChangeKind = Literal[
    "automation_condition",
    "carrier_allocation",
    "filter_update",
    "communication_template",
    "packaging_or_labeling",
]
CHANGE_KINDS: dict[ChangeKind, str] = {
    "automation_condition": "automation condition",
    "carrier_allocation": "carrier allocation",
    "filter_update": "filter update",
    "communication_template": "message template",
    "packaging_or_labeling": "packaging or listing instruction",
}
"""Each kind of change as people say it."""

Decision = Literal["improved", "worsened", "no clear change", "too early", "not comparable"]


@dataclass(frozen=True)
class Change:
    """One row of the improvement log: one targeted change and how it will be judged.

    `clear_from` and `clear_until` bound the days on which no other change that worked, or may have, acted anew on
    the metric in an overlapping scope.
    """

    id: str
    pattern: str
    root_cause: str
    change_shipped: str
    metric: str
    review_date: date
    scope: Slice
    kind: ChangeKind
    shipped_on: date
    written_on: date
    owner: str
    since: date | None = None
    settling_days: int = 0
    comparison: str = ""
    placebo_metric: str = ""
    expected_effect: str = ""
    notes: str = ""
    verdict: Decision | None = None
    decided_on: date | None = None
    estimate: Estimate | None = None
    flags: tuple[str, ...] = ()
    clear_from: date | None = None
    clear_until: date | None = None

    @property
    def settled(self) -> date:
        """The day from which the change counts: the days in which it settles in are left out."""
        return self.shipped_on + timedelta(days=self.settling_days)


@dataclass(frozen=True)
class Faded:
    """An effect that clearly got smaller: what it has been, relatively, since a day."""

    since: date
    effect: Estimate


@dataclass(frozen=True)
class Verdict:
    """What a shipped change did to its metric, with the method, its doubts and one plain sentence."""

    change: Change
    decision: Decision
    method: str
    before: float
    after: float
    effect: Estimate | None
    avoided: Estimate | None
    unit: str
    p: float | None
    weeks_after: int
    sentence: str
    next_step: str
    reasons: tuple[str, ...] = ()
    history: tuple[Point, ...] = ()
    faded: Faded | None = None
