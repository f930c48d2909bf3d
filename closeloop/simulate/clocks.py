"""Working time: shifts of a warehouse, working days of a carrier, and local time to UTC."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from closeloop.simulate.draw import Bools, Floats, Ints
from closeloop.simulate.scenario import Scenario

HOLIDAYS = (
    date(2026, 1, 1),
    date(2026, 5, 25),
    date(2026, 7, 4),
    date(2026, 9, 7),
    date(2026, 11, 26),
    date(2026, 12, 25),
)
TAIL_DAYS = 120


def open_days(scenario: Scenario) -> Bools:
    """Monday to Saturday without public holidays, for the scenario's days and a tail after them."""
    days = np.arange(scenario.days + TAIL_DAYS)
    closed = [scenario.day_of(day) for day in HOLIDAYS]
    return (days % 7 != 6) & ~np.isin(days, closed)


@dataclass(frozen=True)
class WorkingDays:
    """Counts working days; `days` holds the index of each one."""

    days: Ints

    @classmethod
    def of(cls, scenario: Scenario) -> "WorkingDays":
        """Working days of carriers and promises."""
        return cls(np.flatnonzero(open_days(scenario)).astype(np.int64))

    def add(self, day: Ints, count: Ints) -> Ints:
        """The working day `count` working days after `day`; 0 means `day` itself or the next one open."""
        before = np.searchsorted(self.days, day, side="right")
        closed = self.days[np.maximum(before - 1, 0)] != day
        return self.days[before - 1 + count + (closed & (count == 0))]


@dataclass(frozen=True)
class Shifts:
    """Working clock of a warehouse: local hour of opening, and hours worked before each day."""

    opening: float
    worked_before: Floats
    length: Floats

    @classmethod
    def of(cls, scenario: Scenario, behind: int) -> "Shifts":
        """Shift 8-16 Monday to Friday and 8-14 on Saturday, in the warehouse's own zone."""
        days = np.arange(scenario.days + TAIL_DAYS)
        length = np.where(open_days(scenario), np.where(days % 7 == 5, 6.0, 8.0), 0.0)
        return cls(8.0 + behind, np.concatenate([[0.0], np.cumsum(length)[:-1]]), length)

    def to_work(self, hours: Floats) -> Floats:
        """Hours worked up to each local time."""
        day = np.clip(np.floor(hours / 24.0).astype(np.int64), 0, len(self.length) - 1)
        inside = np.clip(hours - day * 24.0 - self.opening, 0.0, self.length[day])
        return self.worked_before[day] + inside

    def to_clock(self, work: Floats) -> Floats:
        """Local time at which so many hours have been worked."""
        ends = self.worked_before + self.length
        day = np.minimum(np.searchsorted(ends, work, side="left"), len(ends) - 1)
        return day * 24.0 + self.opening + work - self.worked_before[day]


def local_times(hours: Floats, scenario: Scenario) -> pd.DatetimeIndex:
    """Wall-clock times, whole seconds, of local hours since the start (NaN gives NaT)."""
    origin = np.datetime64(scenario.start, "s").astype(np.int64)
    seconds = np.where(np.isnan(hours), 0.0, np.floor(hours * 3600.0)).astype(np.int64) + origin
    stamps = seconds.astype("datetime64[s]")
    stamps[np.isnan(hours)] = np.datetime64("NaT")
    return pd.DatetimeIndex(stamps)


def utc_times(local: pd.DatetimeIndex, scenario: Scenario) -> pd.DatetimeIndex:
    """UTC without zone; the hour that comes twice counts as standard time, the missing one as the next."""
    zoned = local.tz_localize(
        scenario.timezone, ambiguous=np.zeros(len(local), dtype=bool), nonexistent="shift_forward"
    )
    return zoned.tz_convert("UTC").tz_localize(None)
