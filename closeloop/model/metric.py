"""What is measured, and the headline of a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from closeloop.model.estimate import Point

Better = Literal["higher", "lower"]
MetricKind = Literal["share", "mean", "index", "rate"]
Estimator = Literal["due cohort", "fixed horizon", "exposure rate", "survival", "stock"]
Clock = Literal["calendar", "business"]
KpiState = Literal["normal", "better", "worse", "no data"]


@dataclass(frozen=True)
class Metric:
    """One measure of post-purchase operations, declared once and used everywhere.

    `at` is the SQL time that puts a row in a week; `bad` and `total` are SQL values of the `rows` of
    `view`: the ratio of their sums is what is watched (late parcels over parcels, dollars over parcels). A week is
    final when all its rows are `complete_after` days old; before that it is shown as provisional. Metrics that
    are `scanned` share the false discoveries of the weekly scan; the others are there to be looked at. Where
    `foreseen`, a row is not bad or good yet: `bad` is the chance that it will be, between 0 and 1.
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
    clock: Clock = "calendar"
    estimator: Estimator = "due cohort"
    level: str = "L2"
    scanned: bool = True
    foreseen: bool = False

    @property
    def counts(self) -> bool:
        """Whether each row counts once and is bad or not, so that the square of `bad` is `bad` itself."""
        return self.kind == "share" and self.total == "1" and not self.foreseen

    @property
    def shown_unit(self) -> str:
        """What the value is measured in: a share, an index, or the kind of money."""
        return {"share": "share", "index": "index", "mean": "dollars", "rate": "rate"}[self.kind]

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


@dataclass(frozen=True)
class TimeMetric:
    """How long something takes: from `start` to `end` of the `rows` of `view`, by survival.

    Rows without an end are still running at the moment of the report, or ended another way at `ended_otherwise`;
    the medians and higher quantiles count them, so that a young week does not look quick.
    """

    id: str
    label: str
    question: str
    view: str
    start: str
    end: str
    rows: str
    needs: tuple[str, ...]
    dims: tuple[str, ...]
    definition: str
    unit: Literal["hours", "days"]
    clock: Clock = "calendar"
    ended_otherwise: str = ""
    level: str = "L1"
    better: Better = "lower"
    estimator: Estimator = "survival"


@dataclass(frozen=True)
class StockMetric:
    """How many wait at the end of a day: rows of `view` between `start` and `end`, by how long they have waited."""

    id: str
    label: str
    question: str
    view: str
    start: str
    end: str
    needs: tuple[str, ...]
    dims: tuple[str, ...]
    definition: str
    level: str = "L0"
    better: Better = "lower"
    estimator: Estimator = "stock"
