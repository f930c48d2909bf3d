"""Facts x metrics -> sums by slice and week, computed inside the engine in one pass per clock."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop import cells, engines, row_plan, streamed
from closeloop.cells import Cells, Floats
from closeloop.engines import Engine
from closeloop.facts import WIDER
from closeloop.metrics import WEEKLY
from closeloop.model import Metric, Slice
from closeloop.tables import TABLES

FINE = {"state", "weekday"}
"""Dimensions looked at alone: crossed, their cells are too thin, and regions are crossed instead."""

NESTED = {("carrier", "service"), ("sku", "category")}
"""Pairs of which one says the other."""

CANONICAL = frozenset(table.name for table in TABLES)

MIN_TOTAL = 30
"""Below this denominator a week of the whole merchant is too thin to start a series."""

THIN_START = 0.3
"""A series starts once a week has this share of the usual volume: earlier weeks are a ramp."""

WARM_UP_WEEKS = 2
"""After the start, weeks left out because only quick parcels can have fallen due."""


@dataclass(frozen=True)
class Series:
    """One metric by slice (rows) and week (columns); `final` tells which weeks will not change."""

    metric: Metric
    slices: tuple[Slice, ...]
    weeks: tuple[date, ...]
    bad: Floats
    squares: Floats
    total: Floats
    final: NDArray[np.bool_]

    @cached_property
    def cells(self) -> Counter[tuple[str, ...]]:
        """How many slices fix each set of dimensions."""
        return Counter(where.dims for where in self.slices)

    @cached_property
    def effective(self) -> Floats:
        """Rows that each sum is worth: for money, the equal ones that would scatter as much (Kish 1965, 11.7)."""
        if self.metric.kind == "share":
            return self.total
        return np.where(self.squares > 0, self.bad**2 / np.where(self.squares > 0, self.squares, 1.0), 0.0)

    def row(self, where: Slice) -> int:
        """Return the row of a slice. Raises ValueError when it has no data."""
        try:
            return self.slices.index(where)
        except ValueError as error:
            raise ValueError(f"no {self.metric.id} for {where}; its slices are in .slices") from error

    def only(self, rows: NDArray[np.bool_]) -> Series:
        """Return some of the slices."""
        slices = tuple(where for where, keep in zip(self.slices, rows, strict=True) if keep)
        return replace(self, slices=slices, bad=self.bad[rows], squares=self.squares[rows], total=self.total[rows])

    def until(self, week: date) -> Series:
        """Return what was final at the end of `week`: the same numbers, fewer weeks."""
        end = _instant_after(week) - timedelta(days=self.metric.complete_after)
        keep = sum(_week_end(w) <= end for w in self.weeks)
        return Series(
            self.metric, self.slices, self.weeks[:keep],
            self.bad[:, :keep], self.squares[:, :keep], self.total[:, :keep], self.final[:keep],
        )  # fmt: skip


@dataclass(frozen=True)
class Cube:
    """All series of a merchant as of one instant, and the metrics that its data cannot give."""

    as_of: datetime
    week: date
    series: tuple[Series, ...]
    missing: tuple[tuple[str, str], ...]

    def of(self, metric_id: str) -> Series:
        """Return the series of a metric. Raises ValueError that says why it is not there."""
        for series in self.series:
            if series.metric.id == metric_id:
                return series
        reasons = dict(self.missing)
        known = ", ".join(series.metric.id for series in self.series)
        why = reasons.get(metric_id, f"unknown; this data gives: {known}")
        raise ValueError(f"metric {metric_id!r}: {why}")


def as_of(week: date) -> datetime:
    """Return when the report of a week is made: on the Monday after it, at six in the morning."""
    return _instant_after(week)


def _instant_after(week: date) -> datetime:
    return datetime(week.year, week.month, week.day, 6) + timedelta(days=7)


def _week_end(week: date) -> datetime:
    return datetime(week.year, week.month, week.day) + timedelta(days=7)


def build(con: duckdb.DuckDBPyConnection | Engine, week: date, metrics: Iterable[Metric] = WEEKLY) -> Cube:
    """Sum every metric that the data can give, over all slices of up to two dimensions."""
    engine = engines.of(con)
    lacks = _lacks(engine, tuple(metrics))
    present = [metric for metric, lack in lacks.items() if not lack]
    missing = tuple((metric.id, f"needs {lack}") for metric, lack in lacks.items() if lack)
    made = {
        one.metric: one
        for told, found in _collected(engine, present, week + timedelta(days=7))
        for one in _series_of(told, found, week)
    }
    measured = tuple(made[metric] for metric in present if metric in made and made[metric].weeks)
    known = {one.metric.id for one in measured} | {name for name, _ in missing}
    thin = tuple((m.id, "too few rows in a week, or too short a history") for m in present if m.id not in known)
    return Cube(_instant_after(week), week, measured, (*missing, *thin))


def _lacks(engine: Engine, metrics: tuple[Metric, ...]) -> dict[Metric, str]:
    """Say of each metric the first column that it needs and that is empty."""
    empty: dict[str, bool] = {}
    for need in dict.fromkeys(need for metric in metrics for need in metric.needs):
        table, column = need.split(".")
        name = f"{table}_known" if table in CANONICAL else table
        empty[need] = engine.frame(f"SELECT 1 AS one FROM {name} WHERE {column} IS NOT NULL LIMIT 1").empty
    return {metric: next((need for need in metric.needs if empty[need]), "") for metric in metrics}


def _values(engine: Engine, view: str, dims: tuple[str, ...]) -> dict[str, int]:
    """About how many values each dimension has; those with one only are left out, since they tell nothing."""
    if not dims:
        return {}
    counts = ", ".join(f"approx_count_distinct({dim}) AS {dim}" for dim in dims)
    row = engine.frame(f"SELECT {counts} FROM {view}").iloc[0]
    return {dim: int(row[dim]) for dim in dims if row[dim] > 1}


def _collected(engine: Engine, metrics: list[Metric], until: date) -> Iterator[tuple[tuple[Metric, ...], Cells]]:
    """Add up metrics: as rows pass where they lie in this process, else by SQL, a statement for each clock."""
    views: dict[str, list[Metric]] = defaultdict(list)
    for metric in metrics:
        views[WIDER.get(metric.view, metric.view)].append(metric)
    for view, group in views.items():
        if len({metric.view for metric in group}) == 1:
            view = group[0].view
        todo = row_plan.planned(group)
        rows = engine.batches(todo.sql(view, until))
        if rows is None:
            yield from _by_sql(engine, group, until)
            continue
        wanted = {clock: _sets(clock.dims) for clock in todo.metrics}
        yield from streamed.collect(rows, todo, wanted, until)


def _by_sql(engine: Engine, metrics: list[Metric], until: date) -> Iterator[tuple[tuple[Metric, ...], Cells]]:
    alike: dict[tuple[str, tuple[str, ...], str], list[Metric]] = defaultdict(list)
    for metric in metrics:
        alike[metric.view, metric.dims, metric.at].append(metric)
    for (view, dims, _), group in alike.items():
        values = _values(engine, view, dims)
        yield tuple(group), cells.collect(engine, group, cells.plan(_sets(tuple(values)), values), until)


def _series_of(metrics: tuple[Metric, ...], found: Cells, week: date) -> list[Series]:
    sets = _sets(tuple(dim for dim in metrics[0].dims if len(found.values.get(dim, ())) > 1))
    spans = [_span(found.weekly(sums.total), week) for sums in found.columns]
    parts = [cells.roll_up(found, fixed, spans) for fixed in sets]
    return [
        _series(metric, weeks, [part[i] for part in parts], week)
        for i, (metric, weeks) in enumerate(zip(metrics, spans, strict=True))
    ]


def _sets(dims: tuple[str, ...]) -> list[tuple[str, ...]]:
    pairs = [pair for pair in combinations(dims, 2) if not set(pair) & FINE and pair not in NESTED]
    return [(), *combinations(dims, 1), *pairs]


def _series(
    metric: Metric, weeks: tuple[date, ...], parts: list[tuple[list[Slice], tuple[Floats, ...]]], week: date
) -> Series:
    bad, squares, total = (np.concatenate([sums[i] for _, sums in parts]) for i in range(3))
    final = np.array(
        [_week_end(w) + timedelta(days=metric.complete_after) <= _instant_after(week) for w in weeks],
        dtype=bool,
    )
    slices = tuple(where for part, _ in parts for where in part)
    return Series(metric, slices, weeks, bad, squares, total, final)


def _span(whole: pd.Series, week: date) -> tuple[date, ...]:
    """Return the weeks of a series: from the first of usual volume, without the ramp, to `week`."""
    whole = whole[whole > 0]
    floor = max(MIN_TOTAL, THIN_START * float(np.median(whole.to_numpy()))) if len(whole) else math.inf
    usual = whole.index[whole.to_numpy() >= floor]
    if not len(usual):
        return ()
    first = cells.week_of(usual[0]) + timedelta(weeks=WARM_UP_WEEKS)
    count = max(0, (week - first).days // 7 + 1)
    return tuple(first + timedelta(weeks=i) for i in range(count))
