"""What changed without being a problem of operations: the mix of orders and parcels, or the data itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from closeloop.slices import Slice

AlarmKind = Literal["mix", "data"]


@dataclass(frozen=True)
class Alarm:
    """One such change: whom it concerns, since which week, the share before and since, and how sure that is."""

    kind: AlarmKind
    what: str
    scope: Slice
    since: date
    before: float
    now: float
    p: float
    sentence: str
