"""Everything that one week taught, with where it comes from and how good the data is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from closeloop.model.alarm import Alarm
from closeloop.model.cause import Cause
from closeloop.model.change import Change, Verdict
from closeloop.model.ledger import Ledger
from closeloop.model.metric import Kpi
from closeloop.model.pattern import Pattern


@dataclass(frozen=True)
class Quarantine:
    """Rows of one file that broke one rule, with an example and how to mend it."""

    table: str
    file: str
    row: int
    column: str
    value: str
    rule: str
    mend: str
    count: int


@dataclass(frozen=True)
class TableCount:
    """Rows of one canonical table: read, used and set aside."""

    table: str
    rows_in: int
    rows_used: int
    rows_quarantined: int


@dataclass(frozen=True)
class Quality:
    """What was read, what could not be used, and what this data can and cannot say."""

    counts: tuple[TableCount, ...]
    quarantined: tuple[Quarantine, ...]
    level: str
    can_say: tuple[str, ...]
    cannot_say: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from, enough to make them again."""

    source: str
    as_of: str
    inputs: tuple[tuple[str, str], ...]
    params: tuple[tuple[str, str], ...]
    code: str
    packages: tuple[tuple[str, str], ...]
    tests_made: int


@dataclass(frozen=True)
class Findings:
    """Everything that one weekly run learned; page, mail and text are written from this alone."""

    merchant: str
    week: date
    bottom_line: tuple[str, ...]
    kpis: tuple[Kpi, ...]
    patterns: tuple[Pattern, ...]
    resolved: tuple[Pattern, ...]
    causes: tuple[Cause, ...]
    verdicts: tuple[Verdict, ...]
    upcoming: tuple[Change, ...]
    decisions: tuple[str, ...]
    quality: Quality
    provenance: Provenance
    glossary: tuple[tuple[str, str], ...] = field(default=())
    alarms: tuple[Alarm, ...] = field(default=())
    currency: str = "USD"
    ledger: Ledger | None = None

    @property
    def iso_week(self) -> str:
        """The week as `2026-W47`."""
        year, week, _ = self.week.isocalendar()
        return f"{year}-W{week:02d}"
