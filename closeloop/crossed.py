"""One metric in any slice: up to three dimensions crossed, derived ones and saved segments among them."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np

from closeloop.cube import Cube, Series, build
from closeloop.model import Metric, Slice
from closeloop.stages import filter_sql

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
    condition, values = filter_sql(where)
    rows = con.execute(
        f"""
        SELECT (date_trunc('week', {metric.at})::DATE - $start::DATE) // 7 AS week_no, sum(({metric.bad})::DOUBLE),
               sum(({metric.bad})::DOUBLE ** 2), sum(({metric.total})::DOUBLE)
        FROM {metric.view}
        WHERE ({metric.rows}) AND ({condition}) AND {metric.at} >= $start::DATE
          AND {metric.at} < $last::DATE + INTERVAL 7 DAY
        GROUP BY 1 ORDER BY 1
        """,
        {**values, "start": whole.weeks[0], "last": whole.weeks[-1]},
    ).fetchall()
    if not rows:
        raise ValueError(f"{metric.id}: there is not one row of {where} from {whole.weeks[0]} on")
    sums = np.zeros((3, 1, len(whole.weeks)))
    for week, *told in rows:
        sums[:, 0, int(week)] = [float(value or 0) for value in told]
    return replace(whole, slices=(where,), bad=sums[0], squares=sums[1], total=sums[2])


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
