"""The questions that an analyst asks of one week, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import duckdb

from closeloop import changes, weeks
from closeloop import loop as opened
from closeloop.cube import Series
from closeloop.loop import Loop
from closeloop.model import Findings, Ledger, Metric, Pattern, Slice, StockMetric
from closeloop.triggers import THRESHOLDS, Rule, Waiting, sweep
from closeloop.workbench import alerts, asked, beside, found, names, rows, shell, waits, weekly, written

if TYPE_CHECKING:  # only who looks around waits for the widget
    from closeloop.explorer.view import View
    from closeloop.explorer.widget import Explorer, LogForm

RECENT = "4 weeks"
"""Weeks that a question is about, unless it says others or takes them from a pattern."""

Where = str | Slice | Pattern


@dataclass(frozen=True)
class Workbench:
    """One week of one merchant, ready for questions.

    `where` is a filter such as `carrier = FedEx & region = Pacific`, a slice such as `loop.dims.carrier["FedEx"]`, or
    a pattern such as `P0404`, which brings its metric and its weeks along. `period` is `2026-W47`,
    `2026-W40..2026-W47` or `8 weeks`. Every answer shows itself, and has a `.frame`.
    """

    run: Loop
    metrics: names.Metrics = field(default_factory=names.Metrics)
    dims: names.Dimensions = field(init=False)

    def __post_init__(self) -> None:
        """Offer the dimensions; their values are read when first asked for."""
        object.__setattr__(self, "dims", names.Dimensions(lambda: self.run.con, [s.dim for s in self.run.segments]))

    def patterns(self, where: Where = "", metric: str = "") -> found.Patterns:
        """What stands out this week, in a slice or of a metric if one is named."""
        return found.patterns(self.run, self._about(where).where, metric and self.metrics[metric])

    def measure(
        self, metric: str = "", where: Where = "", by: str | names.Dimension = "week", period: str = ""
    ) -> weekly.Weeks | weekly.Split | waits.Durations | waits.Waiting:
        """Any metric, week by week or split by a dimension.

        Shares and costs split by a dimension are told for some weeks, beside the weeks before; times by survival;
        stocks by day. Raises ValueError for names and weeks that the data does not have.
        """
        about = self._about(where)
        asked_for = asked.metric_of(self.metrics, metric, about)
        span = asked.period_of(period, self.run.week) if period else None
        if isinstance(asked_for, StockMetric):
            return waits.waiting(self.run, asked_for, about, span)
        if not isinstance(asked_for, Metric):
            return waits.durations(self.run, asked_for, about, str(by), span)
        if str(by) == "week":
            return weekly.by_week(self.run, asked_for, about, span)
        return weekly.split(self.run, asked_for, about, str(by), about.period(period, self.run.week, RECENT))

    def shipments(self, where: Where = "", metric: str = "", period: str = "", only: str = "counted") -> rows.Cases:
        """The parcels (orders, lines) behind a metric: those that it counts, or with `only="all"` every one.

        Without a metric and a pattern: all parcels by the day on which a scan, or delivery, was due.
        """
        about = self._about(where)
        if not metric and not about.pattern:
            metric, only = self._usual, "all"
        asked_for = asked.metric_of(self.metrics, metric, about)
        if not isinstance(asked_for, Metric):
            raise ValueError(
                f"{asked_for.id} counts no single parcels; name a share or a cost, such as 'late_handover'"
            )
        span = about.period(period, self.run.week, weeks.iso(self.run.week))
        return rows.cases(self.run, asked_for, about, span, only)

    def parcel(self, name: str) -> rows.Timeline:
        """What happened to a parcel, by its tracking number, or to an order and its parcels, by its number."""
        return rows.timeline(self.run, name)

    def compare(self, a: Where, b: Where = "", where: Where = "", period: str = "") -> beside.Comparison:
        """Two carriers, services or sites on like parcels; without `b` every other one."""
        span = asked.period_of(period, self.run.week) if period else None
        other = self._about(b).where if b else None
        return beside.compare(self.run, self._about(a).where, other, self._about(where).where, span and span.first)

    def milestones(self, where: Where = "", since: str = "", metric: str = "") -> beside.Milestones:
        """The step in which a slice loses time beyond the rest, before and since a pattern began or a week."""
        about = self._about(where)
        first = weeks.parse(since) if since else self.run.week - timedelta(weeks=3)
        return beside.milestones(self.run, about, metric or self._usual, first)

    def replay(
        self, waits_for: Waiting | Rule = "first scan", where: Where = "", hours: Sequence[float] = THRESHOLDS,
        period: str = "12 weeks",
    ) -> alerts.Replays:  # fmt: skip
        """What an alert would have caught, and the false alarms it would have made, for a range of hours."""
        span = asked.period_of(period, self.run.week)
        if isinstance(waits_for, Rule):
            return alerts.replay(self.run, (waits_for,), span)
        return alerts.replay(self.run, sweep(Rule(waits_for, 24, scope=self._about(where).where), tuple(hours)), span)

    def log(self) -> written.Logged:
        """The improvement log as it stands."""
        return written.listed(self.run)

    def log_change(self, pattern: str | Pattern = "", **cells: str) -> written.Logged:
        """Write one change into the log before it ships, drafted from a pattern; `cells` are columns of the log.

        Raises ValueError that names every faulty column, and when another change under review would blur it.
        """
        about = self._about(pattern).pattern if pattern else None
        return written.add(self.run, about, cells)

    def explore(self, what: str = "") -> Explorer:
        """Look around by pressing, from a pattern such as `P0404`, a metric, or the week's first pattern."""
        return self.run.explore(what)

    def view(self, metric: str, where: str = "everything", by: str = "", start: str = "", end: str = "") -> View:
        """What the explorer shows, as the cell that it copies asks for it."""
        return self.run.view(metric, where, by, start, end)

    def log_form(self, pattern: str = "") -> LogForm:
        """The improvement log as a form, to add, amend and close changes; a pattern drafts one."""
        return self.run.log_form(pattern)

    def series(self, metric: str, where: str = "everything") -> Series:
        """The sums of a metric by week, for code of your own."""
        return self.run.series(metric, where)

    def about(self, name: str) -> Findings:
        """The week's findings on one pattern or one change, or on all patterns when none is named."""
        return self.run.about(name)

    def reviewed(self, change: str = "") -> Findings:
        """The week's findings with the verdict on one change of the log, or on all that shipped when none is named.

        Raises ValueError when the log has no such change.
        """
        return self.run.about(changes.find(self.run.changes, change).id) if change else self.run.verified

    def save(self) -> None:
        """Leave the findings in the run's folder, where page and mail are made from them."""
        self.run.save()

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The facts as SQL tables: `parcel_facts`, `order_facts`, `line_facts` and more."""
        return self.run.con

    @property
    def week(self) -> date:
        """The Monday of the week that is open."""
        return self.run.week

    @property
    def seen(self) -> Findings:
        """What the scan of the week shows."""
        return self.run.seen

    @property
    def verified(self) -> Findings:
        """The same with causes, and a verdict on each change that has shipped."""
        return self.run.verified

    @property
    def findings(self) -> Findings:
        """Everything that this week taught."""
        return self.run.findings

    @property
    def ledger(self) -> Ledger:
        """What all changes together spare."""
        return self.run.ledger

    def __repr__(self) -> str:
        asks = "patterns() measure() shipments() parcel() compare() milestones() replay() explore()"
        return (
            f"{self.run.source.title}, {weeks.iso(self.week)}: ask {asks}; loop.metrics and loop.dims list the names"
        )

    @property
    def _usual(self) -> str:
        """A metric of all parcels that the data can give."""
        known = {series.metric.id for series in self.run.cube.series}
        return next((name for name in ("label_to_first_scan", "on_time_delivery") if name in known), "slow_transit")

    def _about(self, where: Where) -> asked.Subject:
        return asked.subject(self.run, where)


def open_week(
    source_folder: str = "params/sources/demo", week: str = "", data: str = "", out: str = "", log: str = ""
) -> Workbench:
    """Open one week of a merchant: `week` such as 2026-W47, or "" for the newest complete one.

    `log` is the file of another improvement log than the source's own, to try things out. In a notebook, closeloop's
    own errors then are one message. Raises ValueError when the source cannot be read or has no such week.
    """
    shell.say_errors_plainly()
    shell.dress()
    return Workbench(opened.open_week(source_folder, week, data, out, log))
