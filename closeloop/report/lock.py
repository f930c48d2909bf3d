"""One run at a time in a folder of reports; the lock of a killed run is free at once."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

FILE = ".lock"
FAR = 1 << 30
"""Windows locks bytes, not files, and nobody could read a locked one: this byte holds nothing."""


class BusyError(Exception):
    """Another run works in the folder of reports; the message says which."""


@contextmanager
def held(reports: Path, command: str, now: datetime) -> Generator[None, None, None]:
    """Hold the folder of reports while `command` works in it.

    The lock belongs to the open file and not to the file's being there, so the system frees it when its
    holder ends in whatever way. Raises BusyError, which names the holder, when it is taken.
    """
    reports.mkdir(parents=True, exist_ok=True)
    with (reports / FILE).open("a+", encoding="utf-8") as file:
        if not _take(file):
            file.seek(0)
            raise BusyError(f"{reports / FILE} is held by {_told(file.read())}; nothing was done")
        file.truncate(0)
        holder = {"command": command, "process": os.getpid(), "host": platform.node(), "since": now.isoformat()}
        file.write(json.dumps(holder))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _told(text: str) -> str:
    try:
        holder = json.loads(text)
        return f"{holder['command']} (process {holder['process']} on {holder['host']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "another run"


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str]) -> bool:
        file.seek(FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
