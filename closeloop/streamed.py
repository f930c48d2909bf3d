"""Rows that lie in this process, added up as they pass: all clocks of a view in one look at its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closeloop.cells import FIRST_MONDAY, Cells, Floats, Group, Ints, plan
from closeloop.model import Metric
from closeloop.row_plan import SKIPPED, Clock, Plan, columns_of

SAMPLED = 97
"""Every so manieth row is looked at to see which clocks go alike."""

MOVED_AT_MOST = 0.4
"""Up to this share of rows with another week it is quicker to move them than to count all anew."""

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
    clocks: tuple[Clock, ...]
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

    def count(self, key: Ints, values: Floats | None = None) -> Floats:
        """Return how many rows each cell has, or the sum of their values."""
        return np.bincount(key, values, prod(self.shape)).astype(np.float64, copy=False)

    def add(self, column: int, sums: Floats) -> None:
        """Add what each cell has."""
        self.sums[column] += sums.reshape(self.shape)


@dataclass(frozen=True)
class Moved:
    """How the weeks of one clock differ from those of another: the rows, and both weeks of each."""

    other: Clock
    rows: Ints
    before: Ints
    now: Ints


@dataclass(frozen=True)
class Values:
    """What is summed of a batch: the rows that have something, their weeks, and how much unless each has one."""

    rows: Ints
    week: Ints
    amount: Floats | None


@dataclass(frozen=True)
class Batch:
    """Some rows of a view, made ready to be added to all totals: numbers of values, weeks, and what is summed."""

    numbers: Mapping[str, Ints]
    weeks: Mapping[Clock, Ints]
    moved: Mapping[Clock, Moved]
    values: Mapping[str, Values]


def collect(
    batches: Iterator[Any], todo: Plan, wanted: Mapping[Clock, Sequence[tuple[str, ...]]], until: date
) -> list[tuple[tuple[Metric, ...], Cells]]:
    """Add up the rows of a view; return metrics of each clock with their cells by its wanted sets of dimensions."""
    names, totals, parts = {dim: Names() for dim in todo.dims}, list[Totals](), dict[str, int]()
    for batch in batches:
        parts = {column.name: _parts(column.type) for column in batch.schema}
        ready = _ready(batch, todo, {dim: names[dim].numbers(batch.column(dim)) for dim in todo.dims})
        sizes = {dim: len(one.known) for dim, one in names.items()}
        totals = totals or _empty(todo, wanted, sizes)
        for total in totals:
            _add(ready, todo, sizes, total)
    totals = totals or _empty(todo, wanted, dict.fromkeys(todo.dims, 0))
    for total in totals:
        total.sums[..., SKIPPED] = 0
        for name, place in todo.places.items():
            total.sums[place] /= parts.get(name, 1)
    return [
        (metrics, _cells(todo, clock, names, [total for total in totals if clock in total.clocks], until))
        for clock, metrics in todo.metrics.items()
    ]


def _empty(todo: Plan, wanted: Mapping[Clock, Sequence[tuple[str, ...]]], sizes: Mapping[str, int]) -> list[Totals]:
    """Return totals for few groups of dimensions, each with the clocks that need it."""
    groups = plan([fixed for sets in wanted.values() for fixed in sets], sizes)
    groups = tuple(sorted(groups, key=lambda group: prod(sizes[dim] for dim in group)))
    clocks: dict[tuple[str, ...], dict[Clock, None]] = {group: {} for group in groups}
    for clock, sets in wanted.items():
        for fixed in sets:
            clocks[next(group for group in groups if set(fixed) <= set(group))][clock] = None
    return [Totals(group, len(todo.places), tuple(needed)) for group, needed in clocks.items() if needed]


def _ready(batch: Any, todo: Plan, numbers: Mapping[str, Ints]) -> Batch:
    weeks = {clock: batch.column(name).to_numpy().astype(np.int_) for clock, name in todo.weeks.items()}
    values: dict[str, Values] = {}
    for clock, names in todo.sums.items():
        for name in names.values():
            amount = _floats(batch.column(name))
            rows = np.flatnonzero((amount != 0) & (weeks[clock] != SKIPPED))
            values[name] = Values(rows, weeks[clock][rows], None if name in todo.flags else amount[rows])
    return Batch(numbers, weeks, _moves(weeks), values)


def _moves(weeks: Mapping[Clock, Ints]) -> dict[Clock, Moved]:
    """Tell each clock by an earlier one that gives most rows the same week: only the others are counted anew."""
    moved: dict[Clock, Moved] = {}
    known: list[Clock] = []
    for clock, week in weeks.items():
        looks = {other: float(np.mean(weeks[other][::SAMPLED] != week[::SAMPLED])) for other in known}
        nearest = min(looks, key=lambda other: looks[other], default=None)
        if nearest and looks[nearest] < MOVED_AT_MOST:
            rows = np.flatnonzero(weeks[nearest] != week)
            moved[clock] = Moved(nearest, rows, weeks[nearest][rows], week[rows])
        known.append(clock)
    return moved


def _add(batch: Batch, todo: Plan, sizes: Mapping[str, int], total: Totals) -> None:
    newest = max((int(week.max(initial=0)) for week in batch.weeks.values()), default=0) + 1
    total.reach((*(sizes[dim] for dim in total.dims), newest))
    base = total.keys(batch.numbers, len(next(iter(batch.weeks.values()))))
    counted: dict[Clock, Floats] = {}
    for clock in (one for one in todo.weeks if one in total.clocks):
        moved = batch.moved.get(clock)
        if moved and moved.other in counted:
            cells = base[moved.rows]
            counted[clock] = counted[moved.other] - total.count(cells + moved.before) + total.count(cells + moved.now)
        else:
            counted[clock] = total.count(base + batch.weeks[clock])
        total.add(todo.places[todo.weeks[clock]], counted[clock])
        for name in todo.sums[clock].values():
            one = batch.values[name]
            total.add(todo.places[name], total.count(base[one.rows] + one.week, one.amount))


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
    return Cells(values, tuple(groups), tuple(columns_of(todo, clock, metric) for metric in todo.metrics[clock]))
