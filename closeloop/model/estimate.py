"""A number with its interval, a week of a series, and names that stay."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Point:
    """One week of a series: the value shown, the limits of normal variation, the denominator."""

    week: date
    value: float
    low: float
    high: float
    total: float
    final: bool = True


def stable_id(prefix: str, *parts: object) -> str:
    """A short name that the same parts always get, such as `P4F2A`."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()
    return f"{prefix}{digest[:4].upper()}"
