"""A long frame of many series as arrays: one row a series, one column a period, NaN where missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.stats.count_tails import Floats


class SeriesTable(NamedTuple):
    """Counts (series x periods), what they are out of, and the labels of rows and columns."""

    counts: Floats
    exposure: Floats | None
    keys: pd.DataFrame  # one row a series, sorted
    periods: pd.Series  # labels by position; positions that no series has are left out


def series_table(frame: pd.DataFrame, *, on: str, by: Sequence[str], count: str, exposure: str | None) -> SeriesTable:
    """Spread a long frame over regular periods.

    Periods may be whole numbers, dates, pandas periods or ISO weeks such as "2026-W47".

    Raises:
        ValueError: A column is missing, a series has a period twice, counts are not whole numbers
            from 0 up to their exposure, or periods are not evenly spaced.

    """
    _check(frame, [on, *by], [count] if exposure is None else [count, exposure])
    rows, keys = _series_of(frame, by)
    columns, periods = _periods_of(frame[on])
    if pd.DataFrame({"row": rows, "column": columns}).duplicated().any():
        raise ValueError(f"Each series must have one row per {on!r}; sum duplicates first, or add to `by`.")
    shape, at = (len(keys), int(columns.max()) + 1), (rows, columns)
    out_of = None if exposure is None else _spread(frame[exposure], shape, at)
    counts = _spread(frame[count], shape, at)
    if out_of is not None:
        counts = np.where(out_of > 0, counts, np.nan)
        out_of = np.where(np.isfinite(counts), out_of, np.nan)
    return SeriesTable(counts, out_of, keys, periods)


def _check(frame: pd.DataFrame, labels: list[str], numbers: list[str]) -> None:
    absent = [name for name in labels + numbers if name not in frame.columns]
    if absent:
        raise ValueError(f"Columns {absent} are missing; the frame has {list(frame.columns)}.")
    if frame.empty:
        raise ValueError("The frame has no rows; give at least one period of one series.")
    if frame[labels].isna().any(axis=None):
        raise ValueError(f"Columns {labels} must not have missing values; drop or name those rows.")
    _check_counts(*(frame[name].to_numpy(dtype=float, na_value=np.nan) for name in numbers))


def _check_counts(count: Floats, exposure: Floats | None = None) -> None:
    known = count[np.isfinite(count)]
    if np.any((known < 0) | (known != np.floor(known))):
        raise ValueError(f"Counts must be whole numbers from 0; given {known.min()} to {known.max()}.")
    if exposure is not None and np.any(count > exposure):
        raise ValueError(
            f"Counts must not exceed their exposure; {int(np.sum(count > exposure))} rows do. "
            "Exposure is the number of things that could have counted (parcels for late parcels); "
            "state time in smaller units (minutes for hours)."
        )


def _series_of(frame: pd.DataFrame, by: Sequence[str]) -> tuple[NDArray[np.intp], pd.DataFrame]:
    if not by:
        return np.zeros(len(frame), dtype=np.intp), pd.DataFrame(index=pd.RangeIndex(1))
    grouped = frame.groupby(list(by), sort=True, observed=True)
    keys = grouped.size().reset_index()[list(by)]
    return grouped.ngroup().to_numpy().astype(np.intp), keys


def _periods_of(labels: pd.Series) -> tuple[NDArray[np.intp], pd.Series]:
    """Return each row's position on an even grid, and the labels by position."""
    number = _numbers(labels)
    distinct = np.unique(number)
    step = int(np.diff(distinct).min()) if len(distinct) > 1 else 1
    position, rest = np.divmod(number - distinct[0], step)
    if rest.any():
        raise ValueError(f"Periods in {labels.name!r} must be evenly spaced; the smallest step is {step}.")
    by_position = pd.Series(labels.array, index=position)
    return position.astype(np.intp), by_position[~by_position.index.duplicated()].sort_index()


def _numbers(labels: pd.Series) -> NDArray[np.int64]:
    """Return labels as whole numbers: themselves, days, or the period's ordinal."""
    if isinstance(labels.dtype, pd.PeriodDtype):
        return np.array([period.ordinal for period in labels], dtype=np.int64)
    if pd.api.types.is_integer_dtype(labels):
        return labels.to_numpy(dtype=np.int64)
    try:
        days = pd.to_datetime(labels.map(_monday_of), format="ISO8601").to_numpy(dtype="datetime64[D]")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Periods in {labels.name!r} must be whole numbers, dates, pandas periods or ISO weeks "
            f"('2026-W47'); given {labels.iloc[0]!r}."
        ) from error
    return days.astype(np.int64)


def _monday_of(label: object) -> object:
    if isinstance(label, str) and "W" in label:
        return datetime.strptime(f"{label}-1", "%G-W%V-%u")
    return label


def _spread(values: pd.Series, shape: tuple[int, int], at: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Floats:
    spread = np.full(shape, np.nan)
    spread[at] = values.to_numpy(dtype=float, na_value=np.nan)
    return spread
