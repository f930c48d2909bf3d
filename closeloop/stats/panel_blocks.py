"""From a long frame to blocks of equal length, units x blocks, the treated unit in row 0.

Days are put in whole blocks of seven days aligned on the ship date (which removes the weekday without a parameter);
weeks, months, quarters and years are used as they are.  What is partial, or straddles the ship date, is left out;
what is missing stays missing and is never read as zero.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from closeloop.stats.panel_days import Daily

Array = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]

DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
BLOCK_DAYS = (7, 14, 28)
HALF = 0.5  # part of a block from which the whole of it counts as the pattern's
FEWEST_EVENTS = 4.0  # a block, below which days are put in longer blocks: logs of smaller counts are not normal


@dataclass(frozen=True)
class Columns:
    """How to read the frame: the column of each thing; exactly one of count and value."""

    on: str = "date"
    unit: str = "segment"
    count: str | None = None
    value: str | None = None
    squares: str | None = None
    exposure: str | None = None
    strata: str | None = None

    @property
    def measure(self) -> str:
        """Column of the thing that is counted or summed."""
        return self.count or self.value or ""

    def named(self) -> list[str]:
        """Every column that is needed."""
        names = (self.on, self.unit, self.count, self.value, self.squares, self.exposure, self.strata)
        return [name for name in names if name is not None]


class Blocks(NamedTuple):
    """Sums by unit and block; exposure 0 marks a block without data."""

    controls: tuple[str, ...]  # names of rows 1, 2, ...
    total: Array  # events, or sum of values
    squares: Array  # sum of squares of the values, or zeros
    exposure: Array
    expected: Array  # exposure as it weighs once the mix of strata is held fixed; equals exposure without strata
    after: npt.NDArray[np.bool_]
    starts: pd.DatetimeIndex
    period: str  # "week", "month", "quarter", "year", or "14 days"
    end: pd.Timestamp  # first moment after the last block
    risen: Array  # share of each block in which the pattern stood that the change is aimed at, or zeros
    daily: Daily | None = None  # the same sums by day, where the blocks are weeks of days

    @property
    def old(self) -> npt.NDArray[np.bool_]:
        """What the blocks after are held against: those of the pattern where it is known, or all before."""
        risen = ~self.after & (self.risen >= HALF)
        return risen if risen.any() else ~self.after

    @property
    def word(self) -> str:
        """What to call one block in a sentence."""
        return "block" if self.period.endswith("days") else self.period

    @property
    def weeks(self) -> float:
        """Length of a block in weeks; 1 where periods are used as they are."""
        return int(self.period.split()[0]) / 7 if self.period.endswith("days") else 1.0


class Calendar(NamedTuple):
    """Block number of every row (-1: left out), and what the blocks are."""

    block: Integers
    starts: pd.DatetimeIndex
    period: str
    end: pd.Timestamp
    day: Integers | None = None  # number of every row's day in its block, where blocks are weeks of days


def read_blocks(daily: pd.DataFrame, columns: Columns, shipped: pd.Timestamp, units: dict[Any, int]) -> Blocks:
    """Sum the frame by unit and block; `units` gives the row of each unit, several may share row 0."""
    check_columns(daily, columns)
    codes, labels = pd.factorize(daily[columns.unit])
    row = np.array([units.get(label, -1) for label in labels] + [-1], dtype=np.int64)[codes]
    numbers = [name for name in (columns.measure, columns.exposure, columns.squares) if name]
    used = (row >= 0) & daily[numbers].notna().all(axis=1).to_numpy()
    if not used.any():
        raise ValueError(f"no row of the frame has a known unit and values in {numbers}")
    daily, rows = rows_of(daily, used), row[used]
    dates = as_dates(daily[columns.on])
    calendar = lay_calendar(daily, columns, dates, shipped, rows)
    inside = calendar.block >= 0
    kept = calendar._replace(block=calendar.block[inside], day=None if calendar.day is None else calendar.day[inside])
    return sum_blocks(rows_of(daily, inside), columns, kept, rows[inside], shipped, units)


def rows_of(daily: pd.DataFrame, chosen: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Some rows of a frame; the frame itself where that is all of them, as taking them costs more than the sums."""
    return daily if chosen.all() else daily[chosen]


def check_columns(daily: pd.DataFrame, columns: Columns) -> None:
    """Refuse what cannot be read, naming it."""
    missing = [name for name in columns.named() if name not in daily]
    if missing:
        raise ValueError(f"columns {missing} are not in the frame; it has {list(daily.columns)}")
    if (columns.count is None) == (columns.value is None):
        raise ValueError(f"give exactly one of count and value; got count={columns.count!r}, value={columns.value!r}")
    for name in filter(None, (columns.measure, columns.exposure, columns.squares)):
        if (daily[name].to_numpy(np.float64) < 0).any():
            raise ValueError(f"column {name!r} has values below 0; counts, values and exposures must be 0 or more")


def as_dates(column: "pd.Series[Any]") -> pd.DatetimeIndex:
    """Dates, ISO texts, or whole years."""
    if pd.api.types.is_numeric_dtype(column):
        column = column.astype("int64").astype(str)
    return pd.DatetimeIndex(pd.to_datetime(column.to_numpy()))


def period_of(dates: pd.DatetimeIndex) -> str:
    """Day, week, month, quarter or year, from the usual gap between dates."""
    unique = np.unique(dates.to_numpy("datetime64[D]").astype(np.int64))
    gap = float(np.median(np.diff(unique))) if len(unique) > 1 else 1.0
    return min(DAYS, key=lambda name: abs(np.log(max(gap, 1.0) / DAYS[name])))


def lay_calendar(
    daily: pd.DataFrame, columns: Columns, dates: pd.DatetimeIndex, shipped: pd.Timestamp, rows: Integers
) -> Calendar:
    """Give every row its block."""
    period = period_of(dates)
    if period != "day":
        return whole_periods(dates, period, shipped)
    offset = (dates.to_numpy("datetime64[D]") - shipped.to_datetime64().astype("datetime64[D]")).astype(np.int64)
    treated = rows == 0
    events = daily[columns.count].to_numpy(np.float64)[treated].sum() if columns.count else np.inf
    per_day = events / max(len(np.unique(offset[treated])), 1)
    width = next((w for w in BLOCK_DAYS if w * per_day >= FEWEST_EVENTS), BLOCK_DAYS[-1])
    return day_blocks(offset, width, shipped)


def day_blocks(offset: Integers, width: int, shipped: pd.Timestamp) -> Calendar:
    """Whole blocks of days aligned on the ship date; the ends that do not fill a block are left out."""
    first, last = -(-int(offset.min()) // width), (int(offset.max()) + 1) // width
    block = offset // width
    inside = (block >= first) & (block < last)
    step = pd.Timedelta(days=width)
    starts = pd.DatetimeIndex([shipped + i * step for i in range(first, last)])
    period = "week" if width == 7 else f"{width} days"
    day = offset % width if width == 7 else None
    return Calendar(np.where(inside, block - first, -1), starts, period, shipped + last * step, day)


def whole_periods(dates: pd.DatetimeIndex, period: str, shipped: pd.Timestamp) -> Calendar:
    """Weeks, months, quarters or years as they are; the one with the ship date inside it is left out."""
    first = dates.min()
    if period == "week":
        number = (dates - first).days.to_numpy() // 7
        edges = pd.date_range(first, periods=int(number.max()) + 2, freq="7D")
    else:
        months = MONTHS[period]
        number = (dates.year * 12 + dates.month - 1).to_numpy() // months
        start = pd.Timestamp(first.year, (first.month - 1) // months * months + 1, 1)
        number = number - number.min()
        edges = pd.date_range(start, periods=int(number.max()) + 2, freq=pd.DateOffset(months=months))
    whole = ~((edges[:-1] < shipped) & (shipped < edges[1:]))
    place = np.where(whole, np.cumsum(whole) - 1, -1)
    return Calendar(place[number].astype(np.int64), edges[:-1][whole], period, edges[-1])


def sum_blocks(
    daily: pd.DataFrame,
    columns: Columns,
    calendar: Calendar,
    rows: Integers,
    shipped: pd.Timestamp,
    units: dict[Any, int],
) -> Blocks:
    """Add rows up by unit and block; without an exposure a row counts as one."""
    shape = (max(units.values()) + 1, len(calendar.starts))
    cell = rows * shape[1] + calendar.block

    def numbers(name: str | None, otherwise: float) -> Array:
        return daily[name].to_numpy(np.float64) if name else np.full(len(daily), otherwise)

    after = np.asarray(calendar.starts >= shipped)
    events, exposure = numbers(columns.measure, 0.0), numbers(columns.exposure, 1.0)
    weighed = exposure if columns.strata is None else standardised(daily, columns, ~after[calendar.block])
    names = tuple(str(unit) for unit in sorted(units, key=lambda u: units[u]) if units[unit] > 0)
    total, squares = (add_up(cell, part, shape) for part in (events, numbers(columns.squares, 0.0)))
    volume = add_up(cell, exposure, shape)
    expected = volume if columns.strata is None else add_up(cell, weighed, shape)
    by_day = None
    if calendar.day is not None:
        by_day = Daily(*(add_up(cell * 7 + calendar.day, part, (*shape, 7)) for part in (events, exposure, weighed)))
    plain = np.zeros(len(after))
    return Blocks(
        names, total, squares, volume, expected, after, calendar.starts, calendar.period, calendar.end, plain, by_day
    )


def with_pattern(blocks: Blocks, since: pd.Timestamp | None) -> Blocks:
    """The same, with the part of each block from `since` on; a pattern that fills the time before has no other level.

    Raises ValueError when no block lies between `since` and the change.
    """
    if since is None:
        return blocks
    ends = blocks.starts[1:].append(pd.DatetimeIndex([blocks.end]))
    whole = np.array((ends - blocks.starts) / pd.Timedelta(days=1), np.float64)
    past = np.array([(end - since) / pd.Timedelta(days=1) for end in ends])
    risen = np.clip(past / whole, 0.0, 1.0)
    if not ((risen >= HALF) & ~blocks.after).any():
        raise ValueError(f"since={since.date()}: no {blocks.word} lies between it and the change")
    return blocks._replace(risen=risen) if (risen <= 0).any() else blocks


def add_up(cell: Integers, weights: Array, shape: tuple[int, ...]) -> Array:
    """Sum of the weights in every cell of a table."""
    return np.bincount(cell, weights, int(np.prod(shape))).astype(np.float64).reshape(shape)


def standardised(daily: pd.DataFrame, columns: Columns, before: npt.NDArray[np.bool_]) -> Array:
    """Exposure of each row weighted by the rate that its stratum had before the change (indirect standardisation)."""
    if columns.exposure is None:
        raise ValueError("strata need an exposure: without it the mix cannot be known")
    stratum, labels = pd.factorize(daily[columns.strata], sort=True)
    volume = daily[columns.exposure].to_numpy(np.float64)
    events = np.bincount(stratum[before], daily[columns.measure].to_numpy(np.float64)[before], len(labels))
    exposed = np.bincount(stratum[before], volume[before], len(labels))
    overall = events.sum() / exposed.sum()
    relative = (events + overall) / (exposed + 1.0) / overall
    return volume * relative[stratum]
