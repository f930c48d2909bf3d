"""Facts x metrics -> sums by slice and week, computed inside the engine in one pass per clock."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.metrics import WEEKLY
from closeloop.model import Metric, Slice

Floats = NDArray[np.float64]

FINE = {"state", "weekday"}
"""Dimensions looked at alone: crossed, their cells are too thin, and regions are crossed instead."""

NESTED = {("carrier", "service"), ("sku", "category")}
"""Pairs of which one says the other."""

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


def build(con: duckdb.DuckDBPyConnection, week: date, metrics: Iterable[Metric] = WEEKLY) -> Cube:
    """Sum every metric that the data can give, over all slices of up to two dimensions."""
    lacks = {metric: _lacks(con, metric) for metric in metrics}
    present = [metric for metric, lack in lacks.items() if not lack]
    missing = tuple((metric.id, f"needs {lack}") for metric, lack in lacks.items() if lack)
    passes: dict[tuple[object, ...], list[Metric]] = defaultdict(list)
    for metric in present:
        passes[metric.view, metric.at, metric.rows, metric.dims].append(metric)
    made = {one.metric: one for group in passes.values() for one in _series_of(con, group, week)}
    measured = tuple(made[metric] for metric in present if metric in made and made[metric].weeks)
    known = {one.metric.id for one in measured} | {name for name, _ in missing}
    thin = tuple((m.id, "too few rows in a week, or too short a history") for m in present if m.id not in known)
    return Cube(_instant_after(week), week, measured, (*missing, *thin))


def _lacks(con: duckdb.DuckDBPyConnection, metric: Metric) -> str:
    for need in metric.needs:
        table, column = need.split(".")
        name = table if table.endswith("_facts") else f"{table}_known"
        row = con.execute(f"SELECT count({column}), count(*) FROM {name}").fetchone()
        if not row or not row[0]:
            return need
    return ""


def _series_of(con: duckdb.DuckDBPyConnection, metrics: list[Metric], week: date) -> list[Series]:
    dims = _telling_dims(con, metrics[0])
    pairs = [pair for pair in combinations(dims, 2) if not set(pair) & FINE and pair not in NESTED]
    sets = [(), *combinations(dims, 1), *pairs]
    frame = con.execute(_cube_sql(metrics, dims, sets), {"end": week + timedelta(days=7)}).df()
    if frame.empty:
        return []
    slices, rows = _slices(frame, dims, sets)
    return [_dense(metric, frame, slices, rows, number, week) for number, metric in enumerate(metrics)]


def _telling_dims(con: duckdb.DuckDBPyConnection, metric: Metric) -> tuple[str, ...]:
    """Leave out dimensions with one value only: slicing by them says nothing new."""
    if not metric.dims:
        return ()
    counts = ", ".join(f"count(DISTINCT {dim})" for dim in metric.dims)
    row = con.execute(f"SELECT {counts} FROM {metric.view}").fetchone() or ()
    return tuple(dim for dim, n in zip(metric.dims, row, strict=True) if n > 1)


def _cube_sql(metrics: list[Metric], dims: tuple[str, ...], sets: list[tuple[str, ...]]) -> str:
    one = metrics[0]
    sums = ", ".join(
        f"sum(({m.bad})::DOUBLE) AS bad{i}, sum(({m.bad})::DOUBLE ** 2) AS squares{i},"
        f" sum(({m.total})::DOUBLE) AS total{i}"
        for i, m in enumerate(metrics)
    )
    columns = "".join(f"{dim}, " for dim in dims)
    grouping = f"grouping_id({', '.join(dims)})" if dims else "0"
    by = ", ".join("(" + ", ".join(("week", *dims_of)) + ")" for dims_of in sets)
    return (
        f"SELECT date_trunc('week', {one.at})::DATE AS week, {columns}{grouping} AS grouped, {sums}"
        f" FROM {one.view} WHERE ({one.rows}) AND {one.at} IS NOT NULL AND {one.at} < $end"
        f" GROUP BY GROUPING SETS ({by}) ORDER BY ALL"
    )


def _slices(
    frame: pd.DataFrame, dims: tuple[str, ...], sets: list[tuple[str, ...]]
) -> tuple[tuple[Slice, ...], NDArray[np.int_]]:
    """Return all slices and, for each row of the frame, which one it is."""
    grouped = frame["grouped"].to_numpy()
    rows, slices = np.zeros(len(frame), dtype=np.int_), list[Slice]()
    for fixed in sets:
        summed_over = sum(1 << (len(dims) - 1 - i) for i, dim in enumerate(dims) if dim not in fixed)
        here = np.flatnonzero(grouped == summed_over)
        names = [str(dim) for dim in fixed]
        keys = list(zip(*(frame[name].to_numpy()[here].astype(str) for name in names), strict=True))
        known = {key: i for i, key in enumerate(sorted(set(keys)))} if names else {(): 0}
        rows[here] = len(slices) + (np.array([known[key] for key in keys], dtype=np.int_) if names else 0)
        slices += [Slice.of(zip(names, key, strict=True)) for key in known]
    return tuple(slices), rows


def _dense(
    metric: Metric,
    frame: pd.DataFrame,
    slices: tuple[Slice, ...],
    rows: NDArray[np.int_],
    number: int,
    week: date,
) -> Series:
    weeks = _span(frame, rows, number, week)
    start = pd.Timestamp(weeks[0]) if weeks else pd.Timestamp(week)
    columns = ((pd.to_datetime(frame["week"]) - start).dt.days // 7).to_numpy()
    inside = (columns >= 0) & (columns < len(weeks))

    def fill(name: str) -> Floats:
        dense = np.zeros((len(slices), len(weeks)))
        dense[rows[inside], columns[inside]] = frame[f"{name}{number}"].fillna(0).to_numpy()[inside]
        return dense

    final = np.array(
        [_week_end(w) + timedelta(days=metric.complete_after) <= _instant_after(week) for w in weeks],
        dtype=bool,
    )
    return Series(metric, slices, weeks, fill("bad"), fill("squares"), fill("total"), final)


def _span(frame: pd.DataFrame, rows: NDArray[np.int_], number: int, week: date) -> tuple[date, ...]:
    """Return the weeks of a series: from the first of usual volume, without the ramp, to `week`."""
    whole = frame[rows == 0].set_index("week")[f"total{number}"].sort_index()
    floor = max(MIN_TOTAL, THIN_START * float(np.median(whole.to_numpy()))) if len(whole) else math.inf
    usual = whole.index[whole.to_numpy() >= floor]
    if not len(usual):
        return ()
    first = pd.Timestamp(usual[0]).date() + timedelta(weeks=WARM_UP_WEEKS)
    count = max(0, (week - first).days // 7 + 1)
    return tuple(first + timedelta(weeks=i) for i in range(count))
