"""What is read of each row of a view: a week for each clock, and what is summed; like metrics share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import NamedTuple

from closeloop.cells import MOST_WEEKS, Sums
from closeloop.model import Metric

SKIPPED = 0
"""The place in an array of weeks where rows go that do not count; the newest week comes next, older ones behind."""


class Clock(NamedTuple):
    """The SQL of the time that puts a row in a week and of the condition for it to count, and the slices it needs."""

    at: str
    rows: str
    dims: tuple[str, ...]

    @staticmethod
    def of(metric: Metric) -> Clock:
        """Return the clock of a metric; metrics that share one are counted once."""
        return Clock(metric.at, metric.rows, metric.dims)


@dataclass(frozen=True)
class Plan:
    """What is read of each row of a view: dimensions, a week for each clock, and the values that are summed."""

    dims: tuple[str, ...]
    weeks: Mapping[Clock, str]
    sums: Mapping[Clock, Mapping[str, str]]
    flags: frozenset[str]
    metrics: Mapping[Clock, tuple[Metric, ...]]

    def sql(self, view: str, until: date) -> str:
        """Return the SELECT that gives all of it."""
        weeks = [f"{_week_sql(clock, until)} AS {name}" for clock, name in self.weeks.items()]
        sums = [f"{self._sum(sql, name)} AS {name}" for names in self.sums.values() for sql, name in names.items()]
        return f"SELECT {', '.join((*self.dims, *weeks, *sums))} FROM {view}"

    def _sum(self, sql: str, name: str) -> str:
        return f"coalesce({sql}, 0)::UTINYINT" if name in self.flags else f"({sql})"

    @cached_property
    def places(self) -> dict[str, int]:
        """Where the count of each clock and each sum stand among all of them."""
        names = (name for clock, week in self.weeks.items() for name in (week, *self.sums[clock].values()))
        return {name: i for i, name in enumerate(names)}


def _week_sql(clock: Clock, until: date) -> str:
    at, rows, _ = clock
    ago = f"(epoch_us(TIMESTAMP '{until}') - 1 - epoch_us({at})) // {timedelta(weeks=1) // timedelta(microseconds=1)}"
    oldest = until - timedelta(weeks=MOST_WEEKS)
    return (
        f"(CASE WHEN ({rows}) AND {at} >= TIMESTAMP '{oldest}' AND {at} < TIMESTAMP '{until}'"
        f" THEN {ago} + {SKIPPED + 1} ELSE {SKIPPED} END)::SMALLINT"
    )


def planned(metrics: Sequence[Metric]) -> Plan:
    """Put metrics of one view together by their clocks; those that sum the same share it."""
    by_clock: dict[Clock, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_clock[Clock.of(metric)].append(metric)
    weeks = {clock: f"week{i}" for i, clock in enumerate(by_clock)}
    sums: dict[Clock, dict[str, str]] = {
        clock: {
            sql: f"{weeks[clock]}_{i}"
            for i, sql in enumerate(dict.fromkeys(sql for metric in group for sql in _summed(metric)))
        }
        for clock, group in by_clock.items()
    }
    flags = frozenset(sums[Clock.of(metric)][metric.bad] for metric in metrics if metric.counts)
    told = {clock: tuple(group) for clock, group in by_clock.items()}
    dims = tuple(dict.fromkeys(dim for metric in metrics for dim in metric.dims))
    return Plan(dims, weeks, sums, flags, told)


def _summed(metric: Metric) -> tuple[str, ...]:
    if metric.counts:
        return (metric.bad,)
    square = f"CAST({metric.bad} AS DOUBLE) * CAST({metric.bad} AS DOUBLE)"
    return (metric.bad, square, *(() if metric.total == "1" else (metric.total,)))


def columns_of(todo: Plan, clock: Clock, metric: Metric) -> Sums:
    """Return the names of the sums of a metric."""
    n, named = todo.weeks[clock], todo.sums[clock]
    bad, *others = (named[sql] for sql in _summed(metric))
    if metric.counts:
        return Sums(n, bad, bad, n)
    return Sums(n, bad, others[0], others[1] if len(others) > 1 else n)
