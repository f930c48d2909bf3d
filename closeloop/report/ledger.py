"""The delivery ledger, `delivery.jsonl`: what was sent to whom, so that nothing is ever sent twice by itself.

A line is written before the mail's text goes out (`sending`) and one after the server took it (`sent`). Where
a run ends between the two, nobody can know whether the mail arrived: that is `unknown`, and stays so until a
person decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from closeloop.report import journal

FILE = "delivery.jsonl"
State = Literal["new", "sending", "sent", "unknown", "refused", "deferred"]
FREE: tuple[State, ...] = ("new", "refused", "deferred")
"""In these states the server has surely not taken the mail, so sending it is safe."""


class Key(NamedTuple):
    """What may be sent once: what it is (a report of a source and week, or a failure), and to whom."""

    source: str
    what: str
    to: str


class Ledger:
    """The states of all deliveries, read from the file and added to it."""

    def __init__(self, reports: Path, now: Callable[[], datetime]) -> None:
        self._path, self._now = reports / FILE, now
        self._states: dict[Key, str] = {}
        for line in journal.lines_of(self._path):
            key = Key(*(str(line.get(name, "")) for name in Key._fields))
            self._states[key] = str(line.get("state", ""))

    def state(self, key: Key) -> State:
        """Return where a delivery stands; one that was cut off, or that this version cannot read, is unknown."""
        found = self._states.get(key, "new")
        return found if found in ("new", "sent", "refused", "deferred") else "unknown"

    def note(self, key: Key, state: State, message_id: str, detail: str = "") -> None:
        """Write a state down, on the disk before this returns."""
        line = {**key._asdict(), "state": state, "message_id": message_id, "detail": detail}
        journal.append(self._path, {"time": self._now().isoformat(), **line})
        self._states[key] = state
