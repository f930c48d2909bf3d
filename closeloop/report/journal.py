"""The journal of the folder of reports: `run.jsonl`, a line per step; all that changes from run to run is here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

FILE = "run.jsonl"
Clock = Callable[[], datetime]


def clock() -> datetime:
    """Return the time now, in UTC."""
    return datetime.now(UTC)


class Journal:
    """Notes each step of a run with its seconds when it ends, and passes it on to whoever listens."""

    def __init__(self, reports: Path, now: Clock, say: Callable[[str], None]) -> None:
        self._path, self._now, self._say = reports / FILE, now, say
        self._run = now().strftime("%Y%m%dT%H%M%S.%fZ")
        self._begun, self._step = now(), ""
        self.week = ""

    def __call__(self, step: str) -> None:
        """Begin a step; the one before it is done."""
        self._end("done")
        self._begun, self._step = self._now(), step
        self._say(step)

    def close(self, outcome: str = "done") -> None:
        """End the last step: `done`, or what went wrong in it."""
        self._end(outcome)
        self._step = ""

    def _end(self, outcome: str) -> None:
        if not self._step:
            return
        seconds = round((self._now() - self._begun).total_seconds(), 3)
        line = {
            "time": self._begun.isoformat(), "run": self._run, "week": self.week, "step": self._step,
            "seconds": seconds, "outcome": outcome,
        }  # fmt: skip
        append(self._path, line)


def append(path: Path, record: Mapping[str, object]) -> None:
    """Add one line of JSON and see it to the disk; half a line of a killed writer is closed off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, ensure_ascii=False) + "\n"
    with path.open("ab+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            text = text if file.read(1) == b"\n" else "\n" + text
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def lines_of(path: Path) -> list[dict[str, object]]:
    """Read the lines of JSON that are whole; the half line of a killed writer is no line."""
    found: list[dict[str, object]] = []
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            found.append(record)
    return found
