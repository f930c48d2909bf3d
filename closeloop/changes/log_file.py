"""The log as a file: read whole, written whole, and safe when two people write at once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from closeloop import project
from closeloop.changes import history
from closeloop.changes.cells import COLUMNS, REQUIRED, read_csv, write_csv
from closeloop.changes.marks import marked
from closeloop.changes.rows import cells_of, changes_of
from closeloop.model import Change

PATIENCE = 10.0
"""Seconds to wait for another program that is writing the log."""

PAUSE = 0.02


class Revision(NamedTuple):
    """What a log becomes: all its changes, and what was amended on the way."""

    changes: tuple[Change, ...]
    amended: tuple[history.Amendment, ...] = ()


def read(path: Path) -> tuple[Change, ...]:
    """Read the log; a file that is not there is an empty log.

    Raises ValueError that lists every faulty cell by file, row and column, and how to mend it.
    """
    if not path.is_file():
        return ()
    changes = changes_of(str(path), read_csv(path, COLUMNS, REQUIRED))
    return marked(changes, history.read(path))


def write(path: Path, changes: Sequence[Change]) -> None:
    """Write the log anew, in the order given."""
    write_csv(path, COLUMNS, [cells_of(change) for change in changes])


def shipped(changes: Sequence[Change], by: date) -> tuple[Change, ...]:
    """Return the changes that had shipped by a day, oldest first."""
    return tuple(sorted((c for c in changes if c.shipped_on <= by), key=lambda c: (c.shipped_on, c.id)))


def upcoming(changes: Sequence[Change], after: date) -> tuple[Change, ...]:
    """Return the open changes whose review is still to come, the next one first."""
    waiting = (c for c in changes if c.review_date > after and not c.decided_on)
    return tuple(sorted(waiting, key=lambda c: (c.review_date, c.id)))


def due(changes: Sequence[Change], by: date) -> tuple[Change, ...]:
    """Return the open changes whose review was due by a day, the longest overdue first."""
    waiting = (c for c in changes if c.review_date <= by and not c.decided_on)
    return tuple(sorted(waiting, key=lambda c: (c.review_date, c.id)))


def revise(
    path: Path, how: Callable[[tuple[Change, ...]], Revision], patience: float = PATIENCE
) -> tuple[Change, ...]:
    """Write what `how` makes of the log, with its history; return the log as it then reads.

    Nobody else who comes this way can write in between; a file that was saved meanwhile by an editor is left alone.
    Raises ValueError when the log cannot be read, is busy for `patience` seconds, or changed on the way.
    """
    with locked(path, patience):
        seen = _digest(path)
        revision = how(read(path))
        if _digest(path) != seen:
            raise ValueError(f"{path}: was saved by somebody else just now; nothing was written, try again")
        history.append(path, revision.amended)
        write(path, revision.changes)
        return read(path)


@contextmanager
def locked(path: Path, patience: float = PATIENCE) -> Generator[None]:
    """Hold the lock file beside a log; the system frees it when the holder ends, however it ends.

    Raises ValueError when somebody else holds it for `patience` seconds, or the folder is not there.
    """
    lock = path.with_name(f"{path.name}.lock")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent}: there is no such folder; make it, or name another with --source")
    handle = _wait_for(lock, time.monotonic() + patience)
    if handle is None:
        raise ValueError(
            f"{path}: another program has been writing it for {patience:g} s; try again, or end that one"
        )
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps a file that is open; the next holder opens it again
            lock.unlink()
        os.close(handle)


def _digest(path: Path) -> str:
    return project.digest(path) if path.is_file() else ""


def _wait_for(lock: Path, end: float) -> int | None:
    while (handle := _take(lock)) is None and time.monotonic() < end:
        time.sleep(PAUSE)
    return handle


def _take(lock: Path) -> int | None:
    """Open and lock the file, unless somebody holds it or removed it on leaving."""
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    except PermissionError as error:
        raise ValueError(f"{lock.parent}: may not be written by you; change its permissions") from error
    try:
        _lock(handle)
        if os.path.samestat(os.fstat(handle), lock.stat()):
            return handle
    except OSError:
        pass
    os.close(handle)
    return None


def _lock(handle: int) -> None:
    """Lock an open file, or raise OSError at once."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - each system has its own

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - each system has its own

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
