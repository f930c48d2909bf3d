"""What the log said before: every amendment in a sibling file that only ever grows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from closeloop.changes.cells import COLUMNS, guarded, read_csv
from closeloop.changes.rows import cells_of
from closeloop.model import Change


class Amendment(NamedTuple):
    """One cell of one change, as it was and as it became."""

    when: date
    id: str
    field: str
    before: str
    after: str
    who: str


def path_of(log: Path) -> Path:
    """Return the history of a log: `improvement_log.history.csv` beside `improvement_log.csv`."""
    return log.with_name(f"{log.stem}.history{log.suffix}")


def read(log: Path) -> tuple[Amendment, ...]:
    """Read the amendments of a log, oldest first; a file that is not there is an empty history.

    Raises ValueError that names the file and the row when it cannot be read.
    """
    path = path_of(log)
    if not path.is_file():
        return ()
    found: list[Amendment] = []
    for row in read_csv(path, Amendment._fields, Amendment._fields):
        try:
            when = date.fromisoformat(row.cells["when"])
        except ValueError as error:
            raise ValueError(f"{path}: {row.where}, when: {row.cells['when']!r} is not a date") from error
        found.append(Amendment(when, *(row.cells[name] for name in Amendment._fields[1:])))
    return tuple(found)


def append(log: Path, amendments: Sequence[Amendment]) -> None:
    """Add amendments at the end of a log's history."""
    path = path_of(log)
    is_new = not path.is_file()
    if not amendments:
        return
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(Amendment._fields)
        writer.writerows([guarded(str(cell)) for cell in amendment] for amendment in amendments)


def between(before: Change, after: Change, when: date, who: str) -> tuple[Amendment, ...]:
    """Return what differs between two states of a change, in the order of the columns."""
    old, new = cells_of(before), cells_of(after)
    return tuple(
        Amendment(when, before.id, name, old[name], new[name], who) for name in COLUMNS if old[name] != new[name]
    )
