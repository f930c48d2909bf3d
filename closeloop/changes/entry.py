"""Add, amend and close entries of the log, each checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from closeloop.changes import history
from closeloop.changes.cells import Row, clean
from closeloop.changes.log_file import Revision, read, revise
from closeloop.changes.marks import BASELINE, just_before, marked, overlapping
from closeloop.changes.rows import cells_of, changes_of, doubts_of, window_end
from closeloop.model import Change

NEW = "the new change"


class Signed(NamedTuple):
    """Who writes, and on which day."""

    who: str
    when: date


def draft(cells: Mapping[str, str], where: str = NEW, beside: Sequence[Change] = ()) -> Change:
    """Make a change from texts, by column, marked by what it would stand `beside` in the log.

    Raises ValueError that lists every faulty column and how to mend it.
    """
    row = Row(where, {name: clean(text) for name, text in cells.items()})
    changes = changes_of("improvement log", [row])
    if doubts := doubts_of(row):
        raise ValueError("\n".join(f"improvement log: {doubt}" for doubt in doubts))
    return marked((*changes, *beside))[0]


def next_id(path: Path) -> str:
    """Return `C` and the first number that neither the log nor its history has used yet."""
    names = [*(change.id for change in read(path)), *(amendment.id for amendment in history.read(path))]
    used = [int(match[1]) for name in names if (match := re.fullmatch(r"C([0-9]+)", name))]
    return f"C{max(used, default=0) + 1}"


def add(path: Path, cells: Mapping[str, str], *, force: bool = False) -> Change:
    """Add one change to the log; without an `id` it gets the next free one.

    Raises ValueError when a column is faulty, the id is taken, or, unless `force`, another change that can move the
    same number is under review or has only just worked. Forced in, those keep a mark that lowers their verdicts.
    """

    def with_it(changes: tuple[Change, ...]) -> Revision:
        new = draft({**cells, "id": cells.get("id", "") or next_id(path)})
        refuse_taken(new, changes)
        if not force:
            refuse_overlap(new, changes)
        return Revision((*changes, new))

    return revise(path, with_it)[-1]


def amend(path: Path, name: str, cells: Mapping[str, str], by: Signed, *, force: bool = False) -> Change:
    """Amend columns of one change, and keep what they said before in the log's history.

    Raises ValueError when there is no such change, nothing would differ, a column is faulty, or, unless `force`, the
    change would newly overlap another one.
    """

    def amended(changes: tuple[Change, ...]) -> Revision:
        old = find(changes, name)
        new = draft({**cells_of(old), **cells}, f"change {name}")
        kept = history.between(old, new, by.when, by.who)
        if not kept:
            raise ValueError(f"change {name}: says that already; nothing to amend")
        if not force:
            known = (*overlapping(old, changes), *just_before(old, changes))
            refuse_overlap(new, [c for c in changes if c not in known])
        return Revision(tuple(new if c.id == name else c for c in changes), kept)

    return find(revise(path, amended), name)


def close(path: Path, name: str, outcome: Mapping[str, str], by: Signed) -> Change:
    """Close a change with its `verdict`, `decided_on` and, if measured, `estimate`; its row and history keep both.

    Raises ValueError when there is no such change or a column is faulty.
    """
    if not outcome.get("verdict"):
        raise ValueError(f"change {name}, verdict: is empty; a closed change has one")
    return amend(path, name, outcome, by, force=True)


def find(changes: Sequence[Change], name: str) -> Change:
    """Return the change of that id. Raises ValueError that lists those there are."""
    found = next((change for change in changes if change.id == name), None)
    if found is None:
        known = ", ".join(change.id for change in changes)
        raise ValueError(f"the log has no change {name!r}; it has: {known or 'none'}")
    return found


def refuse_taken(new: Change, changes: Sequence[Change]) -> None:
    """Raise ValueError when the id of a new change is in the log already."""
    if any(change.id == new.id for change in changes):
        raise ValueError(f"id: {new.id!r} is already in the log; leave --id out to get the next free one")


def _both(new: Change, other: Change) -> str:
    if new.metric == other.metric:
        return new.metric
    return f"what delays both {new.metric} and {other.metric}"


def refuse_overlap(new: Change, changes: Sequence[Change]) -> None:
    """Raise ValueError when a change would blur, or be blurred by, another one under review or just before it."""
    for other in overlapping(new, changes):
        raise ValueError(
            f"change {new.id} and {other.id} ({other.change_shipped!r}) both act on {_both(new, other)}"
            f" in overlapping scopes ({new.scope} / {other.scope}), and {other.id} is under review from"
            f" {other.shipped_on} to {window_end(other)}: neither effect could be told. Ship after that, narrow the"
            f" scope, close {other.id} first, or give --force, which marks both"
        )
    for other in just_before(new, changes):
        raise ValueError(
            f"change {other.id} ({other.change_shipped!r}) has only just worked on {_both(new, other)}"
            f" in an overlapping scope ({new.scope} / {other.scope}): what {new.id} adds could not be told"
            f" from it. Ship on {other.settled + BASELINE} or later, or give --force, which marks {new.id}"
        )
