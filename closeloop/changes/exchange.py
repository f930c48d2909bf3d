"""Hand the log to other tools and take it back: CSV or a workbook for spreadsheets, Markdown for issue trackers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closeloop.changes import history
from closeloop.changes.cells import COLUMNS, REQUIRED, Row, read_csv, write_csv
from closeloop.changes.entry import Signed, refuse_overlap
from closeloop.changes.log_file import Revision, read, revise
from closeloop.changes.markdown import rows_of, to_markdown
from closeloop.changes.rows import cells_of, changes_of, doubts_of
from closeloop.changes.sheet import read_xlsx, write_xlsx
from closeloop.model import Change
from closeloop.words import shortened

FORMS = (".csv", ".xlsx", ".md")


def export(path: Path, target: Path) -> int:
    """Write the log at `path` to `target`, a .csv, .xlsx or .md file, and return how many changes it holds.

    Raises ValueError for another kind of file, for the log itself, or for a folder that is not there.
    """
    _check_form(target)
    if target.resolve() == path.resolve():
        raise ValueError(f"{target}: is the log itself; export to another file")
    if target.is_dir():
        raise ValueError(f"{target}: is a folder; name a file in it, such as {target / 'log.csv'}")
    if not target.parent.is_dir():
        raise ValueError(f"{target.parent}: there is no such folder; make it first")
    changes = read(path)
    if target.suffix == ".csv":
        # The mark at the start tells Excel that this is UTF-8.
        write_csv(target, COLUMNS, [cells_of(change) for change in changes], encoding="utf-8-sig")
    elif target.suffix == ".xlsx":
        write_xlsx(target, COLUMNS, [cells_of(change) for change in changes])
    else:
        target.write_text(to_markdown(changes), encoding="utf-8")
    return len(changes)


def incoming(source: Path) -> tuple[Row, ...]:
    """Read the rows of an exported file. Raises ValueError that names the file, and the line or row."""
    _check_form(source)
    if not source.is_file():
        what = "is a folder; name a file in it" if source.is_dir() else "there is no such file"
        raise ValueError(f"{source}: {what}")
    if source.suffix == ".csv":
        return read_csv(source, COLUMNS, REQUIRED)
    if source.suffix == ".xlsx":
        return read_xlsx(source, COLUMNS, REQUIRED)
    try:
        return rows_of(source.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{source}: is not text in UTF-8 ({error}); save it as UTF-8") from error
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def merge(path: Path, source: Path, by: Signed, *, force: bool = False) -> tuple[str, ...]:
    """Put the changes of an exported file into the log, all or none, and say what changed.

    Changes with a known id are amended in the columns that the file has, others are added; none is removed.
    Raises ValueError that lists every faulty cell by file, row and column, or, unless `force`, an overlap.
    """
    rows, said = incoming(source), list[str]()

    def merged(changes: tuple[Change, ...]) -> Revision:
        revision = _merged(changes, changes_in(source, rows, changes), by, force=force)
        said.extend(differences(changes, revision))
        return revision

    revise(path, merged)
    return tuple(said)


def preview(path: Path, source: Path, by: Signed, *, force: bool = False) -> tuple[str, ...]:
    """Say what `merge` would change, and write nothing; it raises as `merge` does."""
    changes = read(path)
    return differences(changes, _merged(changes, changes_in(source, incoming(source), changes), by, force=force))


def changes_in(source: Path, rows: Sequence[Row], known: Sequence[Change]) -> tuple[Change, ...]:
    """Read the changes of a file; a column that it lacks keeps what the log says.

    Raises ValueError that lists every faulty cell by file, row and column.
    """
    old = {change.id: cells_of(change) for change in known}
    full = [Row(row.where, {**old.get(row.cells.get("id", ""), {}), **row.cells}) for row in rows]
    found = changes_of(str(source), full)
    if doubts := [doubt for row in full for doubt in doubts_of(row)]:
        raise ValueError("\n".join(f"{source}: {doubt}" for doubt in doubts))
    return found


def differences(changes: Sequence[Change], revision: Revision) -> tuple[str, ...]:
    """Say in lines what a revision adds and amends."""
    known = {change.id for change in changes}
    added = (f"{c.id}: new, {shortened(c.change_shipped, 60)}" for c in revision.changes if c.id not in known)
    amended = (
        f"{a.id}, {a.field}: {shortened(a.before, 60) or 'empty'} -> {shortened(a.after, 60) or 'empty'}"
        for a in revision.amended
    )
    return (*added, *amended)


def _merged(changes: Sequence[Change], found: Sequence[Change], by: Signed, *, force: bool) -> Revision:
    old = {change.id: change for change in changes}
    merged = {**old, **{change.id: change for change in found}}
    if not force:
        for change in found:
            if change.id not in old:
                refuse_overlap(change, tuple(merged.values()))
    amended = [a for c in found if c.id in old for a in history.between(old[c.id], c, by.when, by.who)]
    return Revision(tuple(merged.values()), tuple(amended))


def _check_form(path: Path) -> None:
    if path.suffix not in FORMS:
        raise ValueError(f"{path}: the log is written and read as {', '.join(FORMS)}; given {path.suffix or 'none'}")
