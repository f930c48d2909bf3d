"""What lowers the verdict on a change: marks that follow from the log and its history alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from closeloop.changes.history import Amendment
from closeloop.changes.rows import window_end
from closeloop.model import Change
from closeloop.words import day

PICKED = "picked by its result"
"""In the mark of a change whose metric may have been chosen once the numbers were in."""

JUDGED_BY = ("metric", "scope", "comparison", "since", "settling_days", "review_date", "shipped_on")
"""Columns that decide how a change is judged; they are fixed once it has shipped."""


def marked(changes: Sequence[Change], amendments: Sequence[Amendment] = ()) -> tuple[Change, ...]:
    """Return the changes with their flags: written late, overlapping, amended after shipping."""
    return tuple(
        replace(c, flags=(*_written_late(c), *_overlaps(c, changes), *_amended_late(c, amendments))) for c in changes
    )


def overlapping(change: Change, others: Sequence[Change]) -> tuple[Change, ...]:
    """Return the others of the same metric and an overlapping scope that ship during its review, or it in theirs."""
    return tuple(other for other in others if _meets(change, other) or _meets(other, change))


def _meets(first: Change, second: Change) -> bool:
    """Whether the second shipped in the first one's scope, at its metric, while the first was under review."""
    return (
        first.id != second.id
        and first.metric == second.metric
        and first.scope.overlaps(second.scope)
        and first.shipped_on <= second.shipped_on < window_end(first)
    )


def _written_late(change: Change) -> list[str]:
    if change.written_on <= change.shipped_on:
        return []
    return [f"It was written down after it shipped, so the metric may have been {PICKED}."]


def _overlaps(change: Change, others: Sequence[Change]) -> list[str]:
    return [
        f"Change {other.id} shipped in an overlapping scope before the review, so the effect may be its own."
        for other in others
        if _meets(change, other)
    ] + [
        f"It shipped before the review of change {other.id} in an overlapping scope, so the effect may be that one's."
        for other in others
        if _meets(other, change) and not _meets(change, other)
    ]


def _amended_late(change: Change, amendments: Sequence[Amendment]) -> list[str]:
    """Compare each amendment with the ship date that stood in the log at the time, going back from now."""
    shipped, late = change.shipped_on, list[Amendment]()
    for amendment in reversed([a for a in amendments if a.id == change.id and a.field in JUDGED_BY]):
        if amendment.field == "shipped_on":
            before = date.fromisoformat(amendment.before)
            shipped, known = before, max(before, date.fromisoformat(amendment.after))
        else:
            known = shipped
        if amendment.when >= known:
            late.insert(0, amendment)
    return [
        f"Its {a.field} was amended on {day(a.when)}, after it shipped, so it may have been {PICKED}." for a in late
    ]
