"""Which patterns are one problem: within a week, in several metrics or slices, and from week to week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from closeloop.leaves import Leaves
from closeloop.model import Pattern, stable_id

LONGEST_DRIFT = 20
"""Weeks back to which the start of a drift is looked for."""

WORSE = 1.2
"""A pattern is worse when it is surely this many times what it was the week before."""

STRANGERS = 3
"""The distance of two patterns that have nothing to do with each other."""

NORMAL = 8
"""Weeks before a pattern that tell how many bad rows there were without it."""

ECHO = 0.7
"""The part of a rise that lies within another pattern's slice, from which it is that one's doing."""

WEEK = timedelta(weeks=1)
NO_LEAVES: Mapping[str, Leaves] = {}

UPSTREAM = ("ready_to_label", "late_handover", "order_to_handover", "label_to_first_scan", "idle_labels",
            "exception_rate", "slow_transit", "on_time_delivery")  # fmt: skip
"""Metrics in the order in which one delay passes through them."""

PROMISED = {"short_promise", "on_time_delivery"}
"""A promise that became shorter shows in the orders at once, and in the parcels once they fall due."""


def one_problem_once(found: Sequence[Pattern], leaves: Mapping[str, Leaves] = NO_LEAVES) -> list[Pattern]:
    """Fold patterns of several metrics that one delay passes through, keeping the most certain.

    With the `leaves` of a metric, what rose in it is also held against patterns in slices that cross its own: their
    parcels may make it.
    """
    kept: list[Pattern] = []
    for pattern in found:
        part = next((i for i, other in enumerate(kept) if _is_part(pattern, other)), None)
        same = next((i for i, o in enumerate(kept) if _same_problem(o, pattern) or _echoes(pattern, o, leaves)), None)
        if part is not None:
            kept[part] = replace(kept[part], folded=(*kept[part].folded, pattern.slice))
        elif same is not None:
            kept[same] = replace(kept[same], also_in=(*kept[same].also_in, pattern.sentence))
        else:
            kept.append(pattern)
    return kept


def _is_part(pattern: Pattern, other: Pattern) -> bool:
    """A slice within another, hit harder from the same weeks on, is a detail of it."""
    together = abs((pattern.onset - other.onset).days) <= 14 or "drift" in (pattern.kind, other.kind)
    return pattern.metric == other.metric and other.slice.contains(pattern.slice) and together


def _same_problem(one: Pattern, other: Pattern) -> bool:
    related = one.metric != other.metric and one_delay(one.metric, other.metric)
    return related and one.slice.nests(other.slice) and _together(one, other)


def _echoes(pattern: Pattern, other: Pattern, leaves: Mapping[str, Leaves]) -> bool:
    """Whether what rose is mostly the doing of another pattern's parcels, be it in another metric of the same delay.

    Its bad rows since that one began are held against the weeks before either: within the crossing and beside it.
    """
    mine = leaves.get(pattern.metric)
    if not (
        mine
        and one_delay(pattern.metric, other.metric)
        and pattern.slice.overlaps(other.slice)
        and set(other.slice.dims) <= set(mine.codes)
    ):
        return False
    since, first = max(pattern.onset, other.onset), min(pattern.onset, other.onset)
    rows = mine.only(mine.mask(pattern.slice))
    crossing = rows.mask(other.slice)
    within, beside = (_rise(rows.only(part), first, since, pattern.week) for part in (crossing, ~crossing))
    return within > 0 and within >= ECHO * (within + max(beside, 0.0))


def _rise(rows: Leaves, first: date, since: date, last: date) -> float:
    """Return how many more bad rows a week there are from `since` to `last` than in `NORMAL` weeks before."""
    before = rows.only(rows.between(first - NORMAL * WEEK, first - WEEK)).bad.sum() / NORMAL
    now = rows.only(rows.between(since, last)).bad.sum() / ((last - since).days // 7 + 1)
    return float(now - before)


def one_delay(metric: str, other: str) -> bool:
    """Whether one delay can show in both metrics."""
    return metric == other or {metric, other} == PROMISED or {metric, other} <= set(UPSTREAM)


def one_spell(one: Pattern, other: Pattern) -> bool:
    """Whether two patterns share parcels and may have begun as one."""
    return one.slice.overlaps(other.slice) and _together(one, other)


def _together(one: Pattern, other: Pattern) -> bool:
    """Whether two patterns may have begun as one; a drift shows in some metrics long before others."""
    slow = "drift" in (one.kind, other.kind)
    return abs((one.onset - other.onset).days) <= (7 * LONGEST_DRIFT if slow else 28)


def identified(now: Sequence[Pattern], before: Sequence[Pattern]) -> tuple[Pattern, ...]:
    """Give each pattern the name that its problem had last week, the closest first, or a new one; none twice."""
    pairs = sorted((_distance(old, new), i, j) for i, new in enumerate(now) for j, old in enumerate(before))
    known: dict[int, Pattern] = {}
    for distance, i, j in pairs:
        if distance < STRANGERS and i not in known and before[j] not in known.values():
            known[i] = before[j]
    taken = {old.id for old in known.values()}
    return tuple(_named(pattern, known.get(i), taken) for i, pattern in enumerate(now))


def _distance(old: Pattern, new: Pattern) -> int:
    """Return 0 for the same slice, 1 for one inside the other, 2 for another view of one problem, else 3."""
    if old.metric != new.metric:
        return 2 if _same_problem(old, new) else STRANGERS
    if old.slice == new.slice:
        return 0
    if old.slice.nests(new.slice):
        return 1
    return 2 if old.slice.overlaps(new.slice) and old.onset == new.onset else STRANGERS


def _named(pattern: Pattern, old: Pattern | None, taken: set[str]) -> Pattern:
    if old:
        worse = old.metric == pattern.metric and pattern.excess.low > WORSE * old.excess.value
        return replace(pattern, id=old.id, first_seen=old.first_seen, status="worse" if worse else "continuing")
    name = stable_id("P", pattern.metric, pattern.slice)
    if name in taken:
        name = stable_id("P", pattern.metric, pattern.slice, pattern.week)
    return replace(pattern, id=name, first_seen=pattern.week, status="new")
