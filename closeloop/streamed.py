"""Rows that lie in this process, added up as they pass: all clocks of a view in one look at its rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closeloop.cells import FIRST_MONDAY, MOST_WEEKS, Cells, Floats, Group, Ints, Sums, plan
from closeloop.model import Metric

Clock = tuple[str, str]
"""The SQL of the time that puts a row in a week, and of the condition for it to count."""

SKIPPED = 0
"""The place in an array of weeks where rows go that do not count; the newest week comes next, older ones behind."""

WHOLE_DIGITS = 18
"""Digits that a whole number of 64 bits can hold."""


@dataclass
class Names:
    """The values of a dimension, numbered as they are met."""

    known: dict[str, int] = field(default_factory=dict[str, int])

    def numbers(self, column: Any) -> Ints:
        """Return the number of each row's value."""
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        names, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False).astype(np.int_)
        lookup = np.zeros(len(names), dtype=np.int_)
        for code in np.flatnonzero(np.bincount(codes, minlength=len(names))):
            lookup[code] = self.known.setdefault(str(names[code]), len(self.known))
        return lookup[codes]

    def ranks(self) -> Ints:
        """Return the place of each number's value in the alphabet."""
        ranks = np.empty(len(self.known), dtype=np.int_)
        ranks[np.argsort(np.array(list(self.known), dtype=object))] = np.arange(len(self.known))
        return ranks


@dataclass
class Totals:
    """Sums by the values of some dimensions and week, in an array that grows with the values that are met."""

    dims: tuple[str, ...]
    columns: int
    sums: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.sums = np.zeros((self.columns, *(0 for _ in self.dims), 0))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each dimension has, and then how many weeks."""
        return self.sums.shape[1:]

    def reach(self, shape: tuple[int, ...]) -> None:
        """Make room for the values and weeks that have been met by now."""
        if any(new > old for new, old in zip(shape, self.shape, strict=True)):
            grown = np.zeros((self.columns, *(max(pair) for pair in zip(shape, self.shape, strict=True))))
            grown[tuple(slice(size) for size in self.sums.shape)] = self.sums
            self.sums = grown

    def keys(self, numbers: Mapping[str, Ints], rows: int) -> Ints:
        """Return where in the array each row's cell begins."""
        key = np.zeros(rows, dtype=np.int_)
        for dim, size in zip(self.dims, self.shape, strict=False):
            key = key * size + numbers[dim]
        return key * self.shape[-1]

    def add(self, column: int, key: Ints, values: Floats | None = None) -> None:
        """Add one to each row's cell, or the row's value."""
        self.sums[column] += np.bincount(key, values, prod(self.shape)).reshape(self.shape)


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
        sums = [f"({sql}) AS {name}" for names in self.sums.values() for sql, name in names.items()]
        return f"SELECT {', '.join((*self.dims, *weeks, *sums))} FROM {view}"

    @property
    def places(self) -> dict[str, int]:
        """Where the count of each clock and each sum stand among all of them."""
        names = (name for clock, week in self.weeks.items() for name in (week, *self.sums[clock].values()))
        return {name: i for i, name in enumerate(names)}


def _week_sql(clock: Clock, until: date) -> str:
    at, rows = clock
    oldest, monday = until - timedelta(weeks=MOST_WEEKS), until - timedelta(days=7)
    days = f"date_diff('day', DATE '{FIRST_MONDAY}', ({at})::DATE)"
    return (
        f"coalesce(CASE WHEN ({rows}) AND {at} >= TIMESTAMP '{oldest}' AND {at} < TIMESTAMP '{until}'"
        f" THEN {(monday - FIRST_MONDAY).days // 7 + 1 + SKIPPED} - {days} // 7 END, {SKIPPED})::SMALLINT"
    )


def planned(metrics: Sequence[Metric]) -> Plan:
    """Put metrics of one view together by their clocks; those that sum the same share it."""
    by_clock: dict[Clock, list[Metric]] = defaultdict(list)
    for metric in metrics:
        by_clock[metric.at, metric.rows].append(metric)
    weeks = {clock: f"week{i}" for i, clock in enumerate(by_clock)}
    sums: dict[Clock, dict[str, str]] = {
        clock: {
            sql: f"{weeks[clock]}_{i}"
            for i, sql in enumerate(dict.fromkeys(sql for metric in group for sql in _summed(metric)))
        }
        for clock, group in by_clock.items()
    }
    flags = frozenset(sums[metric.at, metric.rows][metric.bad] for metric in metrics if metric.counts)
    told = {clock: tuple(group) for clock, group in by_clock.items()}
    return Plan(metrics[0].dims, weeks, sums, flags, told)


def _summed(metric: Metric) -> tuple[str, ...]:
    if metric.counts:
        return (metric.bad,)
    square = f"CAST({metric.bad} AS DOUBLE) * CAST({metric.bad} AS DOUBLE)"
    return (metric.bad, square, *(() if metric.total == "1" else (metric.total,)))


def collect(
    batches: Iterator[Any], todo: Plan, wanted: Sequence[tuple[str, ...]], until: date
) -> list[tuple[tuple[Metric, ...], Cells]]:
    """Add up the rows of a view; return metrics of each clock with their cells by the wanted sets of dimensions."""
    names, totals, parts = {dim: Names() for dim in todo.dims}, list[Totals](), dict[str, int]()
    for batch in batches:
        parts = {column.name: _parts(column.type) for column in batch.schema}
        numbers = {dim: names[dim].numbers(batch.column(dim)) for dim in todo.dims}
        if not totals:
            groups = plan(wanted, {dim: len(names[dim].known) for dim in todo.dims})
            totals = [Totals(group, len(todo.places)) for group in groups]
        _add(batch, todo, numbers, {dim: len(one.known) for dim, one in names.items()}, totals)
    totals = totals or [Totals(todo.dims, len(todo.places))]
    for total in totals:
        total.sums[..., SKIPPED] = 0
        for name, place in todo.places.items():
            total.sums[place] /= parts.get(name, 1)
    return [(metrics, _cells(todo, clock, names, totals, until)) for clock, metrics in todo.metrics.items()]


def _add(batch: Any, todo: Plan, numbers: Mapping[str, Ints], sizes: Mapping[str, int], totals: list[Totals]) -> None:
    weeks = {clock: batch.column(name).to_numpy().astype(np.int_) for clock, name in todo.weeks.items()}
    values = {name: _floats(batch.column(name)) for names in todo.sums.values() for name in names.values()}
    marked = {name: np.flatnonzero(values[name]) for name in todo.flags}
    newest = max(int(week.max(initial=0)) for week in weeks.values()) + 1
    places = todo.places
    for total in totals:
        total.reach((*(sizes[dim] for dim in total.dims), newest))
        base = total.keys(numbers, batch.num_rows)
        for clock, week in weeks.items():
            key = base + week
            total.add(places[todo.weeks[clock]], key)
            for name in todo.sums[clock].values():
                rows = marked.get(name)
                if rows is None:
                    total.add(places[name], key, values[name])
                else:
                    total.add(places[name], key[rows])


def _floats(column: Any) -> Floats:
    """Return numbers, 0 where one is missing; money as whole numbers of its smallest part, whose sums are exact."""
    if _parts(column.type) > 1:
        filled = pc.fill_null(column, pa.scalar(Decimal(0), column.type))
        whole = np.frombuffer(filled.buffers()[1], dtype=np.int64)[:: filled.type.byte_width // 8]
        return whole[filled.offset : filled.offset + len(filled)].astype(np.float64)
    return pc.fill_null(pc.cast(column, pa.float64()), 0.0).to_numpy(zero_copy_only=False)


def _parts(kind: Any) -> int:
    """Into how many parts a unit of a money column is divided; 1 for any other column."""
    return 10**kind.scale if pa.types.is_decimal(kind) and kind.precision <= WHOLE_DIGITS else 1


def _cells(todo: Plan, clock: Clock, names: Mapping[str, Names], totals: list[Totals], until: date) -> Cells:
    """Return the cells of one clock that have rows, with the values of each dimension in their order."""
    values = {dim: tuple(sorted(one.known)) for dim, one in names.items()}
    ranks = {dim: one.ranks() for dim, one in names.items()}
    newest = (until - FIRST_MONDAY).days // 7 - 1
    own = (todo.weeks[clock], *todo.sums[clock].values())
    groups: list[Group] = []
    for total in totals:
        flat = total.sums.reshape(total.columns, -1)
        at = np.flatnonzero(flat[todo.places[own[0]]])
        *places, week = np.unravel_index(at, total.shape)
        numbers = {dim: ranks[dim][place] for dim, place in zip(total.dims, places, strict=True)}
        sums = {name: flat[todo.places[name]][at] for name in own}
        groups.append(Group(numbers, newest + 1 + SKIPPED - week, sums))
    return Cells(values, tuple(groups), tuple(_columns(todo, clock, metric) for metric in todo.metrics[clock]))


def _columns(todo: Plan, clock: Clock, metric: Metric) -> Sums:
    n, named = todo.weeks[clock], todo.sums[clock]
    bad, *others = (named[sql] for sql in _summed(metric))
    if metric.counts:
        return Sums(n, bad, bad, n)
    return Sums(n, bad, others[0], others[1] if len(others) > 1 else n)
