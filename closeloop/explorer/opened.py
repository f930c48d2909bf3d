"""What explorer and form need of an opened week, whoever opened it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Protocol

import duckdb

from closeloop.cube import Cube
from closeloop.model import Cause, Change, Verdict
from closeloop.patterns import Found
from closeloop.sources.source import Source


class Opened(Protocol):
    """One week of one merchant."""

    @property
    def source(self) -> Source:
        """The merchant's source."""
        ...

    @property
    def week(self) -> date:
        """The week's Monday."""
        ...

    @property
    def log(self) -> Path:
        """The improvement log."""
        ...

    @property
    def folder(self) -> Path:
        """The source's folder, with its source.yml."""
        ...

    @property
    def changes(self) -> tuple[Change, ...]:
        """The improvement log as it was when the week was opened."""
        ...

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The facts as of the week."""
        ...

    @property
    def cube(self) -> Cube:
        """Every metric by slice and week."""
        ...

    @property
    def patterns(self) -> Found:
        """What stands out this week."""
        ...

    @property
    def causes(self) -> tuple[Cause, ...]:
        """One candidate cause per pattern."""
        ...

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What each shipped change did."""
        ...

    def forget_filters(self) -> None:
        """Read the saved filters anew when next asked for."""
        ...
