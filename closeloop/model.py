"""The words that closeloop speaks: frozen values, nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from closeloop.slices import Slice

Better = Literal["higher", "lower"]
MetricKind = Literal["share", "mean", "index"]
PatternKind = Literal["spike", "step"]
Status = Literal["new", "continuing", "worse", "resolved"]
Origin = Literal["carrier", "warehouse", "workflow", "recipient", "customs", "external", "undecided"]
ChangeKind = Literal[
    "automation_condition",
    "carrier_allocation",
    "filter_update",
    "communication_template",
    "packaging_or_labeling",
]
KpiState = Literal["normal", "better", "worse", "no data"]
Decision = Literal["improved", "worsened", "no clear change", "too early", "not comparable"]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Metric:
    """One measure of post-purchase operations, declared once and used everywhere.

    `at` is the SQL time that puts a row in a week; `bad` and `total` are SQL values of the `rows` of
    `view`: the ratio of their sums is what is watched (late parcels over parcels, dollars over parcels). A week is
    final when all its rows are `complete_after` days old; before that it is shown as provisional.
    """

    id: str
    label: str
    question: str
    view: str
    at: str
    rows: str
    bad: str
    total: str
    unit: str
    kind: MetricKind
    better: Better
    complete_after: float
    needs: tuple[str, ...]
    dims: tuple[str, ...]
    definition: str
    clock: str = "calendar"

    @property
    def shown_unit(self) -> str:
        """What the value is measured in: a share, an index, or the kind of money."""
        return {"share": "share", "index": "index", "mean": "dollars"}[self.kind]

    def shown(self, ratio: float) -> float:
        """The value people read, from bad / total: the share of good ones where higher is better."""
        if self.kind == "index":
            return 100 * ratio
        return 1 - ratio if self.better == "higher" else ratio


@dataclass(frozen=True)
class Point:
    """One week of a series: the value shown, the limits of normal variation, the denominator."""

    week: date
    value: float
    low: float
    high: float
    total: float
    final: bool = True


@dataclass(frozen=True)
class Kpi:
    """A headline metric of the week beside its own recent past."""

    metric: str
    label: str
    value: float
    week: date
    history: tuple[Point, ...]
    state: KpiState
    sentence: str


@dataclass(frozen=True)
class Pattern:
    """Exceptions that belong together: one metric, the slice that explains them, since when."""

    metric: str
    slice: Slice
    kind: PatternKind
    onset: date
    week: date
    value: float
    expected: float
    excess: Estimate
    unit: str
    p: float
    q: float
    total: float
    status: Status = "new"
    first_seen: date | None = None
    id: str = ""
    folded: tuple[Slice, ...] = ()
    also_in: tuple[str, ...] = ()
    history: tuple[Point, ...] = ()
    sentence: str = ""

    @property
    def weeks(self) -> int:
        """How many weeks the pattern has lasted, the last one included."""
        return (self.week - self.onset).days // 7 + 1


def stable_id(prefix: str, *parts: object) -> str:
    """A short name that the same parts always get, such as `P4F2A`."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()
    return f"{prefix}{digest[:4].upper()}"


@dataclass(frozen=True)
class Evidence:
    """One observation that speaks for or against a candidate cause."""

    sentence: str
    supports: bool


@dataclass(frozen=True)
class Stage:
    """Mean hours spent in one step of the process: in the slice before and since, and elsewhere."""

    name: str
    before: float
    since: float
    elsewhere_before: float
    elsewhere_since: float

    @property
    def excess(self) -> float:
        """Hours added in the slice beyond what was added elsewhere."""
        return (self.since - self.before) - (self.elsewhere_since - self.elsewhere_before)


@dataclass(frozen=True)
class Cause:
    """A candidate explanation of a pattern, with evidence both ways; never called proven."""

    pattern: str
    origin: Origin
    weight: float
    stage: str
    onset: date
    recent: bool
    sentence: str
    evidence: tuple[Evidence, ...] = ()
    stages: tuple[Stage, ...] = ()
    proposal: str = ""


@dataclass(frozen=True)
class Change:
    """One row of the improvement log: one targeted change and how it will be judged."""

    id: str
    pattern: str
    root_cause: str
    change_shipped: str
    metric: str
    review_date: date
    scope: Slice
    kind: ChangeKind
    shipped_on: date
    written_on: date
    owner: str
    since: date | None = None
    settling_days: int = 0
    comparison: str = ""
    placebo_metric: str = ""
    expected_effect: str = ""
    notes: str = ""
    verdict: Decision | None = None
    decided_on: date | None = None
    estimate: Estimate | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a shipped change did to its metric, with the method, its doubts and one plain sentence."""

    change: Change
    decision: Decision
    method: str
    before: float
    after: float
    effect: Estimate | None
    avoided: Estimate | None
    unit: str
    p: float | None
    weeks_after: int
    sentence: str
    next_step: str
    reasons: tuple[str, ...] = ()
    history: tuple[Point, ...] = ()


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

    @property
    def iso_week(self) -> str:
        """The week as `2026-W47`."""
        year, week, _ = self.week.isocalendar()
        return f"{year}-W{week:02d}"
