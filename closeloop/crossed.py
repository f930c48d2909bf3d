"""One metric in any slice: up to three dimensions crossed, derived ones and saved segments among them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import duckdb
import numpy as np

from closeloop.cells import Floats
from closeloop.cube import Cube, Series, build
from closeloop.model import Metric, Slice
from closeloop.slices import filter_sql

MOST_DIMS = 3
"""Dimensions that may be crossed: with more, hardly a cell has rows enough to say anything."""

NO_SLICES = {
    "order_id", "shipment_id", "return_id", "exception_id", "platform_id", "replaces_shipment_id",
}  # fmt: skip
"""Columns of text that name one row."""


def series_of(con: duckdb.DuckDBPyConnection, cube: Cube, metric: Metric, where: Slice) -> Series:
    """Return the weeks of one metric in one slice, whichever metric and slice it is: one row.

    The facts must be built on `con`. Raises ValueError when more than three dimensions are crossed, when the
    metric's rows do not have one of them, when the data cannot give the metric, or when the slice is empty.
    """
    known = {series.metric.id: series for series in cube.series}
    whole = known.get(metric.id) or build(con, cube.week, [metric]).of(metric.id)
    if where in whole.slices:
        return whole.only(np.array([one == where for one in whole.slices]))
    check(con, metric.id, metric.view, where)
    sums = _sums(con, metric, whole, where)
    if not sums:
        raise ValueError(f"{metric.id}: there is not one row of {where} from {whole.weeks[0]} on")
    bad, squares, total = sums[""][:, None, :]
    return replace(whole, slices=(where,), bad=bad, squares=squares, total=total)


def split_of(con: duckdb.DuckDBPyConnection, cube: Cube, metric: Metric, where: Slice, by: str) -> Series:
    """Return the weeks of one metric in each value that `by` has within a slice: one row each, the largest first.

    Rows without a value for `by` are in none. Raises ValueError as `series_of` does.
    """
    whole = series_of(con, cube, metric, Slice())
    check(con, metric.id, metric.view, Slice.of([*where.where, (by, "")]))
    parts = _sums(con, metric, whole, where, by)
    ranked = sorted(parts, key=lambda value: (-float(parts[value][2].sum()), value))
    bad, squares, total = np.stack([parts[value] for value in ranked], axis=1) if parts else np.zeros((3, 0, 0))
    slices = tuple(Slice.of([*where.where, (by, value)]) for value in ranked)
    return replace(whole, slices=slices, bad=bad, squares=squares, total=total)


def _sums(
    con: duckdb.DuckDBPyConnection, metric: Metric, whole: Series, where: Slice, by: str = ""
) -> dict[str, Floats]:
    """Sum a metric by week in a slice, for each value of `by` or for all of it: (bad, squares, total) x weeks."""
    condition, values = filter_sql(where)
    rows = con.execute(
        f"""
        SELECT {f"{by}::VARCHAR" if by else "''"} AS part,
               (date_trunc('week', {metric.at})::DATE - $start::DATE) // 7 AS week_no, sum(({metric.bad})::DOUBLE),
               sum(({metric.bad})::DOUBLE ** 2), sum(({metric.total})::DOUBLE)
        FROM {metric.view}
        WHERE ({metric.rows}) AND ({condition}) AND {metric.at} >= $start::DATE
          AND {metric.at} < $last::DATE + INTERVAL 7 DAY AND part IS NOT NULL
        GROUP BY ALL ORDER BY ALL
        """,
        {**values, "start": whole.weeks[0], "last": whole.weeks[-1]},
    ).fetchall()
    found: dict[str, Floats] = defaultdict(lambda: np.zeros((3, len(whole.weeks))))
    for part, week, *told in rows:
        found[part][:, int(week)] = [float(value or 0) for value in told]
    return found


def dimensions(con: duckdb.DuckDBPyConnection, view: str) -> tuple[str, ...]:
    """Return what the rows of a fact table can be sliced by, the saved segments last."""
    columns = con.execute(f"DESCRIBE {view}").fetchall()
    texts = [
        str(name) for name, kind, *_ in columns if kind.startswith(("VARCHAR", "ENUM")) and name not in NO_SLICES
    ]
    return tuple(sorted(texts, key=lambda name: name.startswith("segment_")))


def check(con: duckdb.DuckDBPyConnection, what: str, view: str, where: Slice) -> None:
    """Raise ValueError unless the rows of a fact table can be sliced so; `what` is the metric's name for them."""
    if len(where.dims) > MOST_DIMS:
        raise ValueError(f"slice {where}: at most {MOST_DIMS} dimensions can be crossed")
    known = dimensions(con, view)
    for dim in where.dims:
        if dim not in known:
            raise ValueError(f"{what} cannot be sliced by {dim!r}; it can by {', '.join(known)}")
