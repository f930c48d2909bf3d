"""The improvement log: one plain CSV file, one targeted change per row."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast, get_args

from closeloop import metrics
from closeloop.model import Change, ChangeKind, Slice

COLUMNS = (
    "id", "pattern", "root_cause", "change_shipped", "metric", "review_date",
    "scope", "kind", "shipped_on", "written_on", "owner",
    "since", "settling_days", "comparison", "placebo_metric", "expected_effect", "notes",
)  # fmt: skip

REQUIRED = COLUMNS[:11]


def read(path: Path) -> tuple[Change, ...]:
    """Read the log; a file that is not there is an empty log.

    Raises ValueError that lists every faulty cell by file, row and column, and how to mend it.
    """
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_header(path, reader.fieldnames or ())
        rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    faults = [fault for number, row in enumerate(rows, start=2) for fault in _faults(number, row)]
    faults += _repeated(rows)
    if faults:
        raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))
    return _flag_overlaps(tuple(_change(row) for row in rows))


def write(path: Path, changes: Sequence[Change]) -> None:
    """Write the log anew, in the order given."""
    draft = path.with_suffix(".csv.part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: str(getattr(change, name) or "") for name in COLUMNS} for change in changes)
    draft.replace(path)


def shipped(changes: Sequence[Change], by: date) -> tuple[Change, ...]:
    """Return the changes that had shipped by a day, oldest first."""
    return tuple(sorted((c for c in changes if c.shipped_on <= by), key=lambda c: (c.shipped_on, c.id)))


def upcoming(changes: Sequence[Change], after: date) -> tuple[Change, ...]:
    """Return the changes whose review is still to come, the next one first."""
    return tuple(sorted((c for c in changes if c.review_date > after), key=lambda c: (c.review_date, c.id)))


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known columns: {', '.join(COLUMNS)}"
            raise ValueError(f"{path}: unknown column {name!r}; {hint}")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise ValueError(f"{path}: the first row lacks {', '.join(missing)}")


def _faults(number: int, row: dict[str, str]) -> list[str]:
    found = [f"row {number}, {name}: is empty; every change needs it" for name in REQUIRED if not row.get(name)]
    for name in ("review_date", "shipped_on", "written_on", "since"):
        if row.get(name) and not _is_date(row[name]):
            found.append(f"row {number}, {name}: {row[name]!r} is not a date; write it as 2026-10-05")
    if not (row.get("settling_days") or "0").isdigit():
        found.append(f"row {number}, settling_days: {row['settling_days']!r}; write a whole number such as 14")
    kinds = get_args(ChangeKind)
    if row.get("kind") and row["kind"] not in kinds:
        found.append(f"row {number}, kind: {row['kind']!r}; allowed: {', '.join(kinds)}")
    for name, check in (("metric", metrics.by_id), ("placebo_metric", metrics.by_id), ("scope", Slice.parse)):
        try:
            check(row.get(name) or "everything" if name == "scope" else row.get(name) or "return_rate")
        except ValueError as error:
            found.append(f"row {number}, {name}: {error}")
    if not found and row["review_date"] <= row["shipped_on"]:
        found.append(f"row {number}, review_date: must lie after shipped_on ({row['shipped_on']})")
    return found


def _repeated(rows: list[dict[str, str]]) -> list[str]:
    seen: dict[str, int] = {}
    found: list[str] = []
    for number, row in enumerate(rows, start=2):
        first = seen.setdefault(row.get("id", ""), number)
        if first != number:
            found.append(f"row {number}, id: {row['id']!r} is already in row {first}; give it a new one")
    return found


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _change(row: dict[str, str]) -> Change:
    change = Change(
        id=row["id"],
        pattern=row["pattern"],
        root_cause=row["root_cause"],
        change_shipped=row["change_shipped"],
        metric=row["metric"],
        review_date=date.fromisoformat(row["review_date"]),
        scope=Slice.parse(row["scope"]),
        kind=cast("ChangeKind", row["kind"]),
        shipped_on=date.fromisoformat(row["shipped_on"]),
        written_on=date.fromisoformat(row["written_on"]),
        owner=row["owner"],
        since=date.fromisoformat(row["since"]) if row.get("since") else None,
        settling_days=int(row.get("settling_days") or 0),
        comparison=row.get("comparison", ""),
        placebo_metric=row.get("placebo_metric", ""),
        expected_effect=row.get("expected_effect", ""),
        notes=row.get("notes", ""),
    )
    if change.written_on > change.shipped_on:
        late = "It was written down after it shipped, so the metric may have been picked by its result."
        return replace(change, flags=(late,))
    return change


def _flag_overlaps(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Mark changes that another one in the same scope met before their review."""
    return tuple(replace(c, flags=(*c.flags, *_overlaps(c, changes))) for c in changes)


def _overlaps(change: Change, others: tuple[Change, ...]) -> list[str]:
    return [
        f"Change {other.id} shipped in an overlapping scope before the review, so the effect may be its own."
        for other in others
        if other.id != change.id
        and change.shipped_on <= other.shipped_on < change.review_date
        and other.metric == change.metric
        and change.scope.overlaps(other.scope)
    ]
