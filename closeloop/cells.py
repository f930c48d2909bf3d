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

MOST_CELLS = 2000
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
    """Sums by some dimensions and week: the number of each row's value of a dimension, its week, and its sums."""

    numbers: Mapping[str, Ints]
    week: Ints
    sums: Mapping[str, Floats]

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions that are told apart."""
        return tuple(self.numbers)


@dataclass(frozen=True)
class Cells:
    """What one pass over a view found: the values of each dimension, sums by group, and each metric's columns."""

    values: Mapping[str, tuple[str, ...]]
    groups: tuple[Group, ...]
    columns: tuple[Sums, ...]

    def weekly(self, column: str) -> pd.Series:
        """Return one sum of the whole merchant by the number of the week."""
        return pd.Series(self.groups[0].sums[column]).groupby(self.groups[0].week).sum()

    def telling(self, fixed: tuple[str, ...]) -> Group:
        """Return the smallest group that tells some dimensions apart."""
        return min((g for g in self.groups if set(fixed) <= set(g.dims)), key=lambda group: len(group.week))


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
    return _grouped(frame, dims, groups, sums)


def _grouped(
    frame: pd.DataFrame, dims: tuple[str, ...], groups: tuple[tuple[str, ...], ...], columns: tuple[Sums, ...]
) -> Cells:
    """Sort the rows of a frame by the group that they belong to, with numbers for the values of dimensions."""
    told = {dim: frame[dim].astype("category").cat for dim in dims}
    numbers = {dim: np.asarray(one.codes, dtype=np.int_) for dim, one in told.items()}
    grouped, week = frame["grouped"].to_numpy(), frame["week_no"].to_numpy(dtype=np.int_)
    sums = {name: frame[name].fillna(0).to_numpy(dtype=np.float64) for name in frame if str(name).startswith("sum")}
    made: list[Group] = []
    for group in groups:
        rows = np.flatnonzero(grouped == _grouping(dims, group))
        made.append(
            Group({dim: numbers[dim][rows] for dim in group}, week[rows], {n: s[rows] for n, s in sums.items()})  # type: ignore[misc]
        )
    values = {dim: tuple(str(value) for value in one.categories) for dim, one in told.items()}
    return Cells(values, tuple(made), columns)


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
    key = np.zeros(len(group.week), dtype=np.int_)
    for dim in fixed:
        key = key * len(cells.values[dim]) + group.numbers[dim]
    keys = math.prod(len(cells.values[dim]) for dim in fixed)
    slices: dict[int, Slice] = {}
    made: list[tuple[list[Slice], tuple[Floats, ...]]] = []
    for columns, weeks in zip(cells.columns, spans, strict=True):
        here = np.flatnonzero(np.bincount(key, group.sums[columns.n], keys) > 0)
        for number in here.tolist():
            slices[number] = slices.get(number) or _slice(cells, fixed, number)
        dense = _dense(group, key, keys, weeks, (columns.bad, columns.squares, columns.total))
        made.append(([slices[number] for number in here.tolist()], tuple(sums[here] for sums in dense)))
    return made


def _dense(group: Group, key: Ints, keys: int, weeks: tuple[date, ...], names: Sequence[str]) -> tuple[Floats, ...]:
    """Sum columns by key and week of a span; the same column is summed once."""
    if not weeks:
        return tuple(np.zeros((keys, 0)) for _ in names)
    column = group.week - (weeks[0] - FIRST_MONDAY).days // 7
    inside = np.flatnonzero((column >= 0) & (column < len(weeks)))
    at = key[inside] * len(weeks) + column[inside]
    once = {
        name: np.bincount(at, group.sums[name][inside], keys * len(weeks))
        .astype(np.float64)
        .reshape(keys, len(weeks))
        for name in dict.fromkeys(names)
    }
    return tuple(once[name] for name in names)


def _slice(cells: Cells, fixed: tuple[str, ...], number: int) -> Slice:
    """Return the slice that a key stands for: the numbers of its values, the last dimension first."""
    where: list[tuple[str, str]] = []
    for dim in reversed(fixed):
        number, value = divmod(number, len(cells.values[dim]))
        where.append((dim, cells.values[dim][value]))
    return Slice.of(where)


def week_of(number: int) -> date:
    """Return the Monday of a numbered week."""
    return FIRST_MONDAY + timedelta(weeks=int(number))
