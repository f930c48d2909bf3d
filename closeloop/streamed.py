"""Rows that lie in this process, added up as they pass: all clocks of a view in one look at its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closeloop.cells import MOST_WEEKS, Cells, Floats, Group, Ints, plan, week_number
from closeloop.model import Metric
from closeloop.row_plan import SKIPPED, Clock, Plan, columns_of

SAMPLED = 97
"""Every so manieth row is looked at to see which clocks go alike."""

MOVED_AT_MOST = 0.4
"""Up to this share of rows with another week it is quicker to move them than to count all anew."""

NEARLY_ALL = 0.8
"""From this share of rows on that have something it is quicker to add up all rows than to pick them out."""

WHOLE_DIGITS = 18
"""Digits that a whole number of 64 bits can hold."""


@dataclass
class Names:
    """The values of a dimension, numbered as they are met."""

    known: dict[str, int] = field(default_factory=dict[str, int])

    def numbers(self, column: Any) -> Ints:
        """Return the number of each row's value."""
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        names, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)
        codes = codes.astype(np.int_)
        lookup = np.zeros(len(names), dtype=np.int_)
        for code in np.flatnonzero(np.bincount(codes, minlength=len(names))):
            lookup[code] = self.known.setdefault(str(names[code]), len(self.known))
        return lookup[codes]


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

    def keys(self, numbers: Mapping[str, Ints], rows: int, weeks: int) -> Ints:
        """Return where each row's cell begins in an array of so many weeks."""
        key = np.zeros(rows, dtype=np.int_)
        for dim, size in zip(self.dims, self.shape, strict=False):
            if size > 1:
                key *= size
                key += numbers[dim]
        key *= weeks
        return key

    def add(self, column: int, sums: Floats | Ints, weeks: slice) -> None:
        """Add what each cell has in some weeks; what stands before them is of rows that do not count."""
        cells = prod(self.shape[:-1])
        self.sums[column].reshape(cells, -1)[:, weeks] += sums.reshape(cells, -1)[:, 1:]


@dataclass(frozen=True)
class Moved:
    """How the weeks of one clock differ from those of another: the rows, and both weeks of each."""

    other: Clock
    rows: Ints
    before: Ints
    now: Ints


@dataclass(frozen=True)
class Values:
    """What is summed of a batch: the rows that have something, or all; their weeks; how much unless each has one."""

    rows: Ints | slice
    week: Ints
    amount: Floats | None


@dataclass(frozen=True)
class Batch:
    """Some rows of a view, made ready to be added to all totals: numbers of values, weeks, and what is summed.

    Weeks are counted from the newest that the batch has, since most batches have few.
    """

    numbers: Mapping[str, Ints]
    weeks: Mapping[Clock, Ints]
    span: slice
    moved: Mapping[Clock, Moved]
    values: Mapping[str, Values]

    @property
    def width(self) -> int:
        """How many weeks there are, and one for rows that do not count."""
        return self.span.stop - self.span.start + 1


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
        for name, place in todo.places.items():
            total.sums[place] /= parts.get(name, 1)
    values = {dim: tuple(one.known) for dim, one in names.items()}
    return [
        (metrics, _cells(todo, clock, values, [total for total in totals if clock in total.clocks], until))
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
    told = {clock: batch.column(name).to_numpy() for clock, name in todo.weeks.items()}
    newest = min(int((week - 1).view(np.uint16).min(initial=MOST_WEEKS)) + 1 for week in told.values())
    oldest = max(int(week.max(initial=0)) for week in told.values())
    span = slice(min(newest, oldest + 1), oldest + 1)
    weeks = {clock: np.maximum(week - (span.start - 1), SKIPPED).astype(np.int_) for clock, week in told.items()}
    values = {
        name: _values(batch.column(name), weeks[clock], name in todo.flags)
        for clock, names in todo.sums.items()
        for name in names.values()
    }
    return Batch(numbers, weeks, span, _moves(weeks), values)


def _values(column: Any, week: Ints, flag: bool) -> Values:
    amount = None if flag else _floats(column)
    told = column.to_numpy() if amount is None else amount
    rows = np.flatnonzero((told != 0) & (week != SKIPPED))
    if amount is not None and len(rows) > NEARLY_ALL * len(week):
        return Values(slice(None), week, amount)
    return Values(rows, week[rows], None if amount is None else amount[rows])


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
    total.reach((*(sizes[dim] for dim in total.dims), batch.span.stop))
    base = total.keys(batch.numbers, len(next(iter(batch.weeks.values()))), batch.width)
    count = partial(np.bincount, minlength=prod(total.shape[:-1]) * batch.width)
    counted: dict[Clock, Ints] = {}
    for clock in (one for one in todo.weeks if one in total.clocks):
        moved = batch.moved.get(clock)
        if moved and moved.other in counted:
            cells = base[moved.rows]
            counted[clock] = counted[moved.other] - count(cells + moved.before) + count(cells + moved.now)
        else:
            counted[clock] = count(base + batch.weeks[clock])
        total.add(todo.places[todo.weeks[clock]], counted[clock], batch.span)
        for name in todo.sums[clock].values():
            one = batch.values[name]
            total.add(todo.places[name], count(base[one.rows] + one.week, one.amount), batch.span)


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


def _cells(
    todo: Plan, clock: Clock, values: Mapping[str, tuple[str, ...]], totals: list[Totals], until: date
) -> Cells:
    """Return what one clock has of the totals, without the rows that do not count, and with the newest week last."""
    own = (todo.weeks[clock], *todo.sums[clock].values())
    groups = tuple(
        Group(total.dims, {name: total.sums[todo.places[name], ..., :SKIPPED:-1] for name in own}) for total in totals
    )
    columns = tuple(columns_of(todo, clock, metric) for metric in todo.metrics[clock])
    return Cells(values, groups, columns, week_number(until) - 1)
