"""The words that closeloop speaks: frozen values, nothing else."""

from closeloop.model.alarm import ALARM_KINDS, Alarm, AlarmKind
from closeloop.model.cause import ORIGINS, Cause, Coincidence, Evidence, Origin, Remedy, Stage
from closeloop.model.change import CHANGE_KINDS, Change, ChangeKind, Decision, Faded, Verdict
from closeloop.model.estimate import Estimate, Point, stable_id
from closeloop.model.findings import Findings, Provenance, Quality, Quarantine, TableCount
from closeloop.model.ledger import Ledger, Saving
from closeloop.model.metric import (
    Better,
    Clock,
    Estimator,
    Kpi,
    KpiState,
    Metric,
    MetricKind,
    StockMetric,
    TimeMetric,
)
from closeloop.model.pattern import Pattern, PatternKind, Status
from closeloop.slices import Slice

__all__ = [
    "ALARM_KINDS",
    "CHANGE_KINDS",
    "ORIGINS",
    "Alarm",
    "AlarmKind",
    "Better",
    "Cause",
    "Change",
    "ChangeKind",
    "Clock",
    "Coincidence",
    "Decision",
    "Estimate",
    "Estimator",
    "Evidence",
    "Faded",
    "Findings",
    "Kpi",
    "KpiState",
    "Ledger",
    "Metric",
    "MetricKind",
    "Origin",
    "Pattern",
    "PatternKind",
    "Point",
    "Provenance",
    "Quality",
    "Quarantine",
    "Remedy",
    "Saving",
    "Slice",
    "Stage",
    "Status",
    "StockMetric",
    "TableCount",
    "TimeMetric",
    "Verdict",
    "stable_id",
]
