"""Texts <-> changes: what a row must hold, and how to mend it when it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import cast, get_args

from closeloop import metrics, segments
from closeloop.changes.cells import COLUMNS, CONFLICT, OUTCOME, REQUIRED, Row
from closeloop.model import Change, ChangeKind, Decision, Estimate, Metric, TimeMetric
from closeloop.slices import Slice

DATES = ("review_date", "shipped_on", "written_on", "since", "decided_on")
EARLIEST = 2000
"""Year before which a date is a slip of the pen, such as 0026-10-05."""

LONGEST_CELL = 32_767
"""Characters that a cell of Excel holds."""

FINAL: tuple[Decision, ...] = ("improved", "worsened", "no clear change", "not comparable")
"""What a change can be closed with; one that is too early to judge stays open."""

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
ESTIMATE = re.compile(rf"({NUMBER}) \(({NUMBER}) to ({NUMBER})\)")


def window_end(change: Change) -> date:
    """Return the day until which nothing else may ship beside a change: its review, or its end if that came first."""
    return min(change.review_date, change.decided_on) if change.decided_on else change.review_date


def changes_of(source: str, rows: Sequence[Row]) -> tuple[Change, ...]:
    """Read changes from rows of `source`.

    Raises ValueError that lists every faulty cell by source, row and column, and how to mend it.
    """
    faults = [fault for row in rows for fault in faults_of(row)] + _repeated(rows)
    if faults:
        raise ValueError("\n".join(f"{source}: {fault}" for fault in faults))
    return tuple(_change(row.cells) for row in rows)


def cells_of(change: Change) -> dict[str, str]:
    """Write a change as texts, one for each column."""
    return {name: _cell(getattr(change, name, None)) for name in COLUMNS}


def estimate_cell(effect: Estimate) -> str:
    """Write a relative effect with its interval, to a hundredth of a percent: `-0.21 (-0.3 to -0.11)`."""
    value, low, high = (round(float(number), 4) for number in (effect.value, effect.low, effect.high))
    return f"{value!r} ({low!r} to {high!r})"


def faults_of(row: Row) -> list[str]:
    """Say what is wrong with a row, each fault with its column and how to mend it."""
    cells = row.cells
    found = [f"{name}: is empty; every change needs it" for name in REQUIRED if not cells.get(name)]
    found += [f"{name}: {fault}" for name, text in cells.items() if text and (fault := _fault(name, text))]
    found = found or [*_dimension_faults(cells), *_date_faults(cells), *_outcome_faults(cells)]
    return [f"{row.where}, {fault}" for fault in found]


def doubts_of(row: Row) -> list[str]:
    """Say what a new or amended row must not hold because it could not be judged as it says.

    A log that holds it already is still read: its verdicts then do without.
    """
    change = _change(row.cells)
    found: list[str] = []
    if change.comparison and change.comparison not in change.scope.dims:
        named = ", ".join(change.scope.dims) or "none, as the scope is everything"
        found.append(
            f"comparison: {change.comparison!r} is not a dimension of the scope ({named}); name one or leave it empty"
        )
    if (change.review_date - change.shipped_on).days <= change.settling_days:
        found.append(f"review_date: must lie after the {change.settling_days} settling days")
    if change.placebo_metric == change.metric:
        found.append("placebo_metric: is the metric itself; name one that the change should not move")
    if change.since and change.since > change.shipped_on:
        found.append(f"since: the pattern cannot begin after shipped_on ({change.shipped_on})")
    return [f"{row.where}, {fault}" for fault in found]


def _fault(name: str, text: str) -> str:
    if len(text) > LONGEST_CELL:
        return f"has {len(text):,} characters; a cell of Excel holds {LONGEST_CELL:,}"
    try:
        text.encode()
        CHECKS.get(name, str)(text)
    except UnicodeEncodeError:
        return "holds a character that UTF-8 cannot write; type it anew"
    except ValueError as error:
        return str(error)
    return ""


def _date(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date; write it as 2026-10-05") from error
    if found.year < EARLIEST:
        raise ValueError(f"{text!r} lies before the year {EARLIEST}; write it as 2026-10-05")
    return found


def _measure(text: str) -> Metric | TimeMetric:
    """Return the metric, or the time, of that name."""
    known = {time.id: time for time in metrics.TIMES}
    return known[text] if text in known else metrics.by_id(text)


def _days(text: str) -> int:
    if not (re.fullmatch(r"[0-9]{1,3}", text) and int(text) <= 365):
        raise ValueError(f"{text!r}; write a whole number such as 14, at most 365")
    return int(text)


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r}; allowed: {', '.join(allowed)}")
        return text

    return check


def _estimate(text: str) -> Estimate:
    match = ESTIMATE.fullmatch(text)
    low, value, high = (float(match[i]) for i in (2, 1, 3)) if match else (1.0, 0.0, 0.0)
    if not low <= value <= high:
        raise ValueError(f"{text!r}; write the relative effect with its 95 % interval, such as -0.21 (-0.3 to -0.11)")
    return Estimate(value, low, high)


def _id(text: str) -> str:
    if text.startswith(CONFLICT):
        raise ValueError(f"{text!r} begins like the mark that git leaves of a merge; name it otherwise, such as C7")
    return text


CHECKS: dict[str, Callable[[str], object]] = {
    "id": _id,
    **dict.fromkeys(DATES, _date),
    "metric": _measure,
    "placebo_metric": _measure,
    "scope": Slice.parse,
    "kind": _one_of(get_args(ChangeKind)),
    "settling_days": _days,
    "verdict": _one_of(FINAL),
    "estimate": _estimate,
}


def _dimension_faults(cells: Mapping[str, str]) -> list[str]:
    where, metric = Slice.parse(cells["scope"]), _measure(cells["metric"])
    found = [f"scope: fixes {name} twice; give one value" for name in sorted(_twice(where.dims))]
    known = ", ".join(metric.dims) or "none, so the scope is everything"
    return found + [
        f"scope: {name!r} is not a dimension of {metric.id}; it has: {known}"
        for name in where.dims
        if name not in metric.dims and not segments.is_dimension(name)
    ]


def _twice(names: Sequence[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}


def _date_faults(cells: Mapping[str, str]) -> list[str]:
    shipped = _date(cells["shipped_on"])
    if _date(cells["review_date"]) <= shipped:
        return [f"review_date: must lie after shipped_on ({shipped})"]
    if cells.get("decided_on") and _date(cells["decided_on"]) < shipped:
        return [f"decided_on: must not lie before shipped_on ({shipped})"]
    return []


def _outcome_faults(cells: Mapping[str, str]) -> list[str]:
    filled = {name for name in OUTCOME if cells.get(name)}
    return [
        f"{name}: is empty; a closed change has a verdict and the day it was decided on"
        for name in ("verdict", "decided_on")
        if filled and name not in filled
    ]


def _repeated(rows: Sequence[Row]) -> list[str]:
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row.cells.get("id", ""), row.where)
    return [
        f"{row.where}, id: {name!r} is already in {first[name]}; give it a new one"
        for row in rows
        if (name := row.cells.get("id", "")) and first[name] != row.where
    ]


def _cell(value: object) -> str:
    if isinstance(value, Estimate):
        return estimate_cell(value)
    return "" if value is None else str(value)


def _change(cells: Mapping[str, str]) -> Change:
    change = Change(
        id=cells["id"],
        pattern=cells["pattern"],
        root_cause=cells["root_cause"],
        change_shipped=cells["change_shipped"],
        metric=cells["metric"],
        review_date=_date(cells["review_date"]),
        scope=Slice.parse(cells["scope"]),
        kind=cast("ChangeKind", cells["kind"]),
        shipped_on=_date(cells["shipped_on"]),
        written_on=_date(cells["written_on"]),
        owner=cells["owner"],
        since=_date(cells["since"]) if cells.get("since") else None,
        settling_days=int(cells.get("settling_days") or 0),
        comparison=cells.get("comparison", ""),
        placebo_metric=cells.get("placebo_metric", ""),
        expected_effect=cells.get("expected_effect", ""),
        notes=cells.get("notes", ""),
    )
    return _closed(change, cells) if cells.get("verdict") else change


def _closed(change: Change, cells: Mapping[str, str]) -> Change:
    return replace(
        change,
        verdict=cast("Decision", cells["verdict"]),
        decided_on=_date(cells["decided_on"]),
        estimate=_estimate(cells["estimate"]) if cells.get("estimate") else None,
    )
