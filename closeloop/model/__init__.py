"""The words that closeloop speaks: frozen values, nothing else."""

from closeloop.model.cause import Cause, Coincidence, Evidence, Origin, Stage
from closeloop.model.change import Change, ChangeKind, Decision, Verdict
from closeloop.model.estimate import Estimate, Point, stable_id
from closeloop.model.findings import Findings, Provenance, Quality, Quarantine, TableCount
from closeloop.model.metric import Better, Kpi, KpiState, Metric, MetricKind
from closeloop.model.pattern import Pattern, PatternKind, Status
from closeloop.slices import Slice

__all__ = [
    "Better",
    "Cause",
    "Change",
    "ChangeKind",
    "Coincidence",
    "Decision",
    "Estimate",
    "Evidence",
    "Findings",
    "Kpi",
    "KpiState",
    "Metric",
    "MetricKind",
    "Origin",
    "Pattern",
    "PatternKind",
    "Point",
    "Provenance",
    "Quality",
    "Quarantine",
    "Slice",
    "Stage",
    "Status",
    "TableCount",
    "Verdict",
    "stable_id",
]
