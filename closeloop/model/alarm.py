"""What deserves a look but is no pattern: data or mix changed, something is missing or was worse all along."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from closeloop.slices import Slice

AlarmKind = Literal["day off", "mix", "data", "gap", "hotspot"]
ALARM_KINDS: dict[AlarmKind, str] = {
    "day off": "After a day off",
    "mix": "The mix changed",
    "data": "The data changed",
    "gap": "Something is missing",
    "hotspot": "Worse all along",
}
"""Each kind of alarm as people say it."""


@dataclass(frozen=True)
class Alarm:
    """One such fact: whom it concerns, since which week, the share before and since, and how sure that is."""

    kind: AlarmKind
    what: str
    scope: Slice
    since: date
    before: float
    now: float
    p: float
    sentence: str
