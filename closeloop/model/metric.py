"""What is measured, and the headline of a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from closeloop.model.estimate import Point

Better = Literal["higher", "lower"]
MetricKind = Literal["share", "mean", "index"]
KpiState = Literal["normal", "better", "worse", "no data"]


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
class Kpi:
    """A headline metric of the week beside its own recent past."""

    metric: str
    label: str
    value: float
    week: date
    history: tuple[Point, ...]
    state: KpiState
    sentence: str
