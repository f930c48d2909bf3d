"""A slice: a part of the parcels, orders or lines, as a filter that people can type and say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SPOKEN = {
    "carrier": "{}",
    "service": "{}",
    "sku": "SKU {}",
    "category": "{}",
    "channel": "{}",
    "complexity": "orders of {}",
    "package_type": "{}",
    "weight_band": "of {}",
    "warehouse": "from {}",
    "region": "into {}",
    "state": "into {}",
    "zone": "in zone {}",
    "weekday": "ordered on a {}",
    "campaign": "of campaign {}",
    "cutoff": "ordered {} the cutoff",
}
"""How a condition sounds in a sentence, in the order in which people say it."""

UNNAMED = frozenset({"unknown", "none"})
"""Values that name nothing one could act on."""

NEXT = re.compile(rf" & (?=\s*(?:\w+\s*=|(?:{'|'.join(SPOKEN)})\b))")
"""What stands between two conditions: not the ` & ` of `category = Home & Garden`."""


@dataclass(frozen=True, order=True)
class Slice:
    """A part of the parcels, orders or lines: sorted (dimension, value) pairs; `()` is everything."""

    where: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def of(conditions: Iterable[tuple[str, str]]) -> Slice:
        """Make a slice from (dimension, value) conditions in any order."""
        return Slice(tuple(sorted(conditions)))

    @staticmethod
    def parse(text: str) -> Slice:
        """Read `carrier = FedEx & zone = 7`, the form in which a slice prints itself.

        Raises ValueError when a condition has no `=`.
        """
        if text.strip() in ("", "everything"):
            return Slice()
        parts = [part.partition("=") for part in NEXT.split(text)]
        if any(not sign or not name.strip() for name, sign, _ in parts):
            raise ValueError(f"slice {text!r}: each condition is 'dimension = value', joined by ' & '")
        return Slice.of((name.strip(), value.strip()) for name, _, value in parts)

    def __and__(self, other: Slice) -> Slice:
        """What lies in both. Raises ValueError when they fix one dimension to two values."""
        if not self.overlaps(other):
            raise ValueError(f"{self} & {other}: nothing can be in both")
        return Slice.of({*self.where, *other.where})

    def __str__(self) -> str:
        return " & ".join(f"{name} = {value}" for name, value in self.where) or "everything"

    @property
    def spoken(self) -> str:
        """Name the slice inside a sentence: `FedEx Ground into West South Central`."""
        named = dict(self.where)
        known = [SPOKEN[dim].format(named.pop(dim)) for dim in SPOKEN if dim in named]
        text = " ".join([*known, *(_said(dim, value) for dim, value in named.items())])
        bare = text.startswith(("from ", "into ", "of ", "in ", "ordered ", "outside "))
        return f"parcels {text}" if bare else text or "all orders and parcels"

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions that the slice fixes."""
        return tuple(name for name, _ in self.where)

    def contains(self, other: Slice) -> bool:
        """Whether every row of `other` is also in this slice."""
        return set(self.where) <= set(other.where)

    def nests(self, other: Slice) -> bool:
        """Whether one of the two lies within the other."""
        return self.contains(other) or other.contains(self)

    def overlaps(self, other: Slice) -> bool:
        """Whether some row could be in both: no dimension is fixed to two values."""
        mine = dict(self.where)
        return all(mine.get(name, value) == value for name, value in other.where)


EVERYTHING = Slice()
"""All orders and parcels."""


def filter_sql(where: Slice) -> tuple[str, dict[str, str]]:
    """Return a SQL condition with its values apart, since they come from data."""
    parts = [f"{dim} = $value{i}" for i, (dim, _) in enumerate(where.where)]
    return " AND ".join(parts) or "true", {f"value{i}": value for i, (_, value) in enumerate(where.where)}


def _said(dim: str, value: str) -> str:
    """Say a condition that has no wording of its own: a saved segment, or any other column."""
    name = dim.removeprefix("segment_").replace("_", " ")
    if not dim.startswith("segment_"):
        return f"{name} {value}"
    return f"of segment {name}" if value == "yes" else f"outside segment {name}"
