"""One pass over the facts for each clock: sums by week of the finest cells needed, rolled up to every slice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.engines import Engine
from closeloop.model import Metric, Slice

Floats = NDArray[np.float64]
Ints = NDArray[np.int_]

FIRST_MONDAY = date(1900, 1, 1)
"""Weeks are numbered from this one."""

MOST_WEEKS = 522
"""Weeks back from a report that a series can reach: ten years."""

MOST_CELLS = 1000
"""Cells in a week up to which dimensions are grouped together, since a pair of them is then a short sum."""


@dataclass(frozen=True)
class Sums:
    """What one metric adds up to: the aliases of its row count, bad, squares and total among the summed columns."""

    n: str
    bad: str
    squares: str
    total: str


@dataclass(frozen=True)
class Group:
    """Sums by some dimensions and week: arrays with an axis for each dimension and one for weeks, the newest last."""

    dims: tuple[str, ...]
    sums: Mapping[str, Floats]

    @property
    def size(self) -> int:
        """How many cells there are."""
        return next(iter(self.sums.values())).size

    def rolled(self, fixed: tuple[str, ...], name: str) -> Floats:
        """Return a sum by the values of some of the dimensions, in that order, and by week: one row a slice."""
        others = tuple(i for i, dim in enumerate(self.dims) if dim not in fixed)
        kept = [dim for dim in self.dims if dim in fixed]
        sums = self.sums[name].sum(axis=others)
        return sums.transpose([*(kept.index(dim) for dim in fixed), len(fixed)]).reshape(-1, sums.shape[-1])


@dataclass(frozen=True)
class Cells:
    """What one pass over a view found: the values of each dimension, sums by group, and each metric's columns.

    Weeks are numbered; `newest` is the last that the groups have.
    """

    values: Mapping[str, tuple[str, ...]]
    groups: tuple[Group, ...]
    columns: tuple[Sums, ...]
    newest: int

    def weekly(self, column: str) -> pd.Series:
        """Return one sum of the whole merchant by the number of the week."""
        sums = self.groups[0].rolled((), column)[0]
        return pd.Series(sums, index=range(self.newest - len(sums) + 1, self.newest + 1))

    def telling(self, fixed: tuple[str, ...]) -> Group:
        """Return the smallest group that tells some dimensions apart."""
        return min((g for g in self.groups if set(fixed) <= set(g.dims)), key=lambda group: group.size)


def collect(engine: Engine, metrics: Sequence[Metric], groups: tuple[tuple[str, ...], ...], until: date) -> Cells:
    """Sum metrics of one view and clock over the finest cells, for rows that fell due before `until`."""
    one, columns = metrics[0], dict[str, str]()
    sums = tuple(_sums(metric, columns) for metric in metrics)
    dims = tuple(dim for dim in one.dims if any(dim in group for group in groups))
    listed = "".join(f"{dim}, " for dim in dims)
    grouping = " + ".join(f"{1 << (len(dims) - 1 - i)} * grouping({dim})" for i, dim in enumerate(dims)) or "0"
    by = ", ".join("(" + ", ".join(("week_no", *group)) + ")" for group in groups)
    rows = " OR ".join(dict.fromkeys(f"({metric.rows})" for metric in metrics))
    named = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
    frame = engine.frame(
        f"SELECT week_no, {listed}{grouping} AS grouped, {named}"
        f" FROM (SELECT *, date_diff('day', DATE '{FIRST_MONDAY}', ({one.at})::DATE) // 7 AS week_no FROM {one.view}"
        f" WHERE ({rows}) AND {one.at} >= TIMESTAMP '{until - timedelta(weeks=MOST_WEEKS)}'"
        f" AND {one.at} < TIMESTAMP '{until}') AS dated GROUP BY GROUPING SETS ({by})"
    )
    return _grouped(frame, dims, groups, sums, week_number(until) - 1)


def _grouped(
    frame: pd.DataFrame,
    dims: tuple[str, ...],
    groups: tuple[tuple[str, ...], ...],
    columns: tuple[Sums, ...],
    newest: int,
) -> Cells:
    """Sort the rows of a frame by the group that they belong to, and put their sums where their cells are."""
    told = {dim: frame[dim].astype("category").cat for dim in dims}
    values = {dim: tuple(str(value) for value in one.categories) for dim, one in told.items()}
    grouped, week = frame["grouped"].to_numpy(), frame["week_no"].to_numpy(dtype=np.int_)
    sums = {
        str(name): frame[name].fillna(0).to_numpy(dtype=np.float64) for name in frame if str(name).startswith("sum")
    }
    oldest = int(week.min(initial=newest))
    made: list[Group] = []
    for group in groups:
        rows = np.flatnonzero(grouped == _grouping(dims, group))
        at = (*(np.asarray(told[dim].codes, dtype=np.int_)[rows] for dim in group), week[rows] - oldest)
        shape = (*(len(values[dim]) for dim in group), newest - oldest + 1)
        made.append(Group(group, {name: _placed(one[rows], at, shape) for name, one in sums.items()}))
    return Cells(values, tuple(made), columns, newest)


def _placed(sums: Floats, at: tuple[Ints, ...], shape: tuple[int, ...]) -> Floats:
    dense = np.zeros(shape)
    dense[at] = sums
    return dense


def _sums(metric: Metric, columns: dict[str, str]) -> Sums:
    """Name the sums that a metric needs; metrics that need the same one share it."""

    def column(sql: str) -> str:
        where = f"{sql} FILTER (WHERE {metric.rows})"
        return columns.setdefault(f"CAST({where} AS DOUBLE)", f"sum{len(columns)}")

    n = column("count(*)")
    total = n if metric.total == "1" else column(f"sum({metric.total})")
    bad = column(f"sum({metric.bad})")
    squares = bad if metric.counts else column(f"sum(CAST({metric.bad} AS DOUBLE) * CAST({metric.bad} AS DOUBLE))")
    return Sums(n, bad, squares, total)


def plan(wanted: Sequence[tuple[str, ...]], values: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """Return few groups of dimensions such that one of them tells each wanted set, and none has too many cells."""
    left, groups = set(wanted), list[tuple[str, ...]]()
    while left:
        group = set(max(left, key=lambda fixed: (_cells(fixed, values), fixed)))
        while fitting := [dim for dim in values if _gain(group, dim, left) and _fits(group | {dim}, values)]:
            group.add(max(fitting, key=lambda dim: (_gain(group, dim, left), -values[dim], dim)))
        groups.append(tuple(dim for dim in values if dim in group))
        left = {fixed for fixed in left if not set(fixed) <= group}
    return tuple(groups)


def _cells(dims: Sequence[str] | set[str], values: Mapping[str, int]) -> int:
    return math.prod(values[dim] for dim in dims)


def _fits(group: set[str], values: Mapping[str, int]) -> bool:
    return _cells(group, values) <= MOST_CELLS


def _gain(group: set[str], dim: str, left: set[tuple[str, ...]]) -> int:
    """How many more of the wanted sets a group tells with one more dimension."""
    return 0 if dim in group else sum(dim in fixed and set(fixed) <= group | {dim} for fixed in left)


def _grouping(dims: tuple[str, ...], group: tuple[str, ...]) -> int:
    return sum(1 << (len(dims) - 1 - i) for i, dim in enumerate(dims) if dim not in group)


def roll_up(
    cells: Cells, fixed: tuple[str, ...], spans: Sequence[tuple[date, ...]]
) -> list[tuple[list[Slice], tuple[Floats, ...]]]:
    """Return for each metric its slices by some dimensions, and their bad, squares and total by week of its span."""
    group = cells.telling(fixed)
    made: list[tuple[list[Slice], tuple[Floats, ...]]] = []
    for columns, weeks in zip(cells.columns, spans, strict=True):
        rolled = {
            name: group.rolled(fixed, name) for name in {columns.n, columns.bad, columns.squares, columns.total}
        }
        slices, rows = _slices(cells, fixed, np.flatnonzero(rolled[columns.n].any(axis=1)))
        first = rolled[columns.n].shape[1] - len(weeks)
        sums = tuple(rolled[name][rows, first:] for name in (columns.bad, columns.squares, columns.total))
        made.append((slices, sums))
    return made


def _slices(cells: Cells, fixed: tuple[str, ...], rows: Ints) -> tuple[list[Slice], list[int]]:
    """Return the slices that some rows stand for, in the order of their values, and these rows in that order."""
    if not fixed:
        return [Slice() for _ in rows], rows.tolist()
    places = np.unravel_index(rows, [len(cells.values[dim]) for dim in fixed])
    texts = ([cells.values[dim][i] for i in place.tolist()] for dim, place in zip(fixed, places, strict=True))
    told = sorted(zip(*texts, rows.tolist(), strict=True))
    return [Slice.of(zip(fixed, values, strict=False)) for *values, _ in told], [row for *_, row in told]


def week_of(number: int) -> date:
    """Return the Monday of a numbered week."""
    return FIRST_MONDAY + timedelta(weeks=int(number))


def week_number(monday: date) -> int:
    """Return the number of a week."""
    return (monday - FIRST_MONDAY).days // 7
