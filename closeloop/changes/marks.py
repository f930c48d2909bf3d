"""What lowers the verdict on a change: marks that follow from the log and its history alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain

from closeloop.changes.history import Amendment
from closeloop.changes.rows import window_end
from closeloop.model import Change
from closeloop.problems import one_delay
from closeloop.words import day

PICKED = "picked by its result"
"""In the mark of a change whose metric may have been chosen once the numbers were in."""

JUDGED_BY = ("metric", "scope", "comparison", "since", "settling_days", "review_date", "shipped_on")
"""Columns that decide how a change is judged; they are fixed once it has shipped."""


BASELINE = timedelta(weeks=4)
"""What a change is held against at least: a shorter time since another one worked tells nothing."""


def marked(changes: Sequence[Change], amendments: Sequence[Amendment] = ()) -> tuple[Change, ...]:
    """Return the changes with their flags: written late, overlapping, amended after shipping.

    Beside them, the days between which each acts alone.
    """
    return tuple(_marked(change, changes, amendments) for change in changes)


def _marked(change: Change, changes: Sequence[Change], amendments: Sequence[Amendment]) -> Change:
    before = [_settled(other) for other in _in_turn(change, changes) if other.shipped_on < change.shipped_on]
    after = [other.shipped_on for other in _in_turn(change, changes) if other.shipped_on > change.shipped_on]
    flags = _written_late(change), _overlaps(change, changes), _amended_late(change, amendments)
    return replace(
        change,
        flags=tuple(chain(*flags)),
        clear_from=max((day for day in before if day + BASELINE <= change.shipped_on), default=None),
        clear_until=min(after, default=None),
    )


def _in_turn(change: Change, others: Sequence[Change]) -> list[Change]:
    """Return the others that can move the same number and came and went, or come, outside its review.

    One that was closed without a clear effect left things as they were.
    """
    return [
        other
        for other in others
        if _same_place(change, other)
        and not (_meets(change, other) or _meets(other, change))
        and other.verdict != "no clear change"
    ]


def _settled(change: Change) -> date:
    """Return the day since which things are as a change left them; what made them worse is taken back."""
    back = change.decided_on if change.verdict == "worsened" else None
    return max(change.settled, back or date.min)


def just_before(change: Change, others: Sequence[Change]) -> tuple[Change, ...]:
    """Return the others that worked in its scope too short a time before it to hold it against what they left."""
    return tuple(other for other in _shortly_before(change, others) if other.verdict == "improved")


def _shortly_before(change: Change, others: Sequence[Change]) -> list[Change]:
    earlier = (other for other in _in_turn(change, others) if other.shipped_on < change.shipped_on)
    return [other for other in earlier if _settled(other) + BASELINE > change.shipped_on]


def overlapping(change: Change, others: Sequence[Change]) -> tuple[Change, ...]:
    """Return the others that can move the same number and ship during its review, or it in theirs."""
    return tuple(other for other in others if _meets(change, other) or _meets(other, change))


def _meets(first: Change, second: Change) -> bool:
    """Whether the second shipped where the first acts while that was under review."""
    return _same_place(first, second) and first.shipped_on <= second.shipped_on < window_end(first)


def _same_place(first: Change, second: Change) -> bool:
    """Whether two changes can move one number, be it that one delay shows in both of their metrics."""
    if first.id == second.id:
        return False
    if first.metric == second.metric:
        return first.scope.overlaps(second.scope)
    return first.scope.nests(second.scope) and one_delay(first.metric, second.metric)


def _written_late(change: Change) -> list[str]:
    if change.written_on <= change.shipped_on:
        return []
    return [f"It was written down after it shipped, so the metric may have been {PICKED}."]


def _overlaps(change: Change, others: Sequence[Change]) -> list[str]:
    beside = [_beside(change, other) for other in others if _meets(change, other) or _meets(other, change)]
    return beside + [
        _right_after(other) for other in _shortly_before(change, others) if other.verdict in ("improved", "worsened")
    ]


def _beside(change: Change, other: Change) -> str:
    if _meets(change, other):
        return f"Change {other.id} shipped in an overlapping scope before the review, so the effect may be its own."
    return (
        f"It shipped before the review of change {other.id} in an overlapping scope, so the effect may be that one's."
    )


def _right_after(other: Change) -> str:
    if other.verdict == "worsened":
        ended = day(_settled(other))
        return f"Change {other.id} made it worse until {ended}: being better than those weeks is no merit."
    return (
        f"Change {other.id} worked in an overlapping scope from {day(other.shipped_on)} on, and no four weeks had"
        " passed, so the effect may be that one's."
    )


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
