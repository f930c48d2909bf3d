"""What a slice's lines would have been without the one order that sent most of them back."""

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest

from closeloop import metrics
from closeloop.cube import Series
from closeloop.leaves import without_largest
from closeloop.model import Slice

MONDAY, WEEKS = date(2026, 3, 2), 12
SLICES = (Slice(), Slice.of([("region", "France")]), Slice.of([("region", "Spain")]))


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    """Orders of one to five lines, one in fifty of them returned; in the tenth week a wholesaler cancels thirty."""
    rng = np.random.default_rng(1)
    rows = [
        (f"{week}-{number}", datetime(2026, 3, 2, 12) + timedelta(weeks=week), region, rng.uniform() < 0.02)
        for week in range(WEEKS)
        for region in ("France", "Spain")
        for number in range(40)
        for _ in range(int(rng.integers(1, 6)))
    ]
    rows += [("whole", datetime(2026, 5, 4, 12), "France", True)] * 30
    frame = pd.DataFrame(rows, columns=["order_id", "ordered_at", "region", "back"])
    frame["requested_at"] = frame["ordered_at"].where(frame["back"]) + pd.Timedelta(days=3)
    return frame


@pytest.fixture(scope="module")
def con(lines: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("CREATE TABLE line_facts AS SELECT * FROM lines")
    return made


def series_of(lines: pd.DataFrame, metric: str = "return_rate") -> Series:
    weeks = tuple(MONDAY + timedelta(weeks=i) for i in range(WEEKS))
    week = (lines["ordered_at"].dt.normalize() - pd.Timestamp(MONDAY)).dt.days // 7
    inside = [pd.Series(True, lines.index), *(lines["region"] == where.where[0][1] for where in SLICES[1:])]
    bad = np.array([np.bincount(week[mask], lines["back"][mask], WEEKS) for mask in inside])
    total = np.array([np.bincount(week[mask], minlength=WEEKS) for mask in inside]).astype(float)
    return Series(metrics.by_id(metric), SLICES, weeks, bad, bad, total, np.ones(WEEKS, dtype=np.bool_))


def test_the_order_with_most_returned_lines_is_taken_out_of_its_slice_and_week(
    con: duckdb.DuckDBPyConnection, lines: pd.DataFrame
) -> None:
    series, others = series_of(lines), series_of(lines[lines["order_id"] != "whole"])
    left = without_largest(con, series, 1, date(2026, 4, 27))
    np.testing.assert_array_equal(left.bad[1], others.bad[1])
    np.testing.assert_array_equal(left.total[1], others.total[1])
    np.testing.assert_array_equal(left.bad[[0, 2]], series.bad[[0, 2]])


def test_orders_before_the_window_and_of_other_slices_are_left_alone(con: duckdb.DuckDBPyConnection,
                                                                      lines: pd.DataFrame) -> None:  # fmt: skip
    series = series_of(lines)
    later = without_largest(con, series, 1, date(2026, 5, 11))
    assert later.bad[1, 9] == series.bad[1, 9]
    spain = without_largest(con, series, 2, date(2026, 4, 27))
    assert 0 < (series.bad[2] - spain.bad[2]).sum() <= 5


def test_parcels_stay_as_they_are(con: duckdb.DuckDBPyConnection, lines: pd.DataFrame) -> None:
    series = series_of(lines, "slow_transit")
    assert without_largest(con, series, 1, MONDAY) is series
