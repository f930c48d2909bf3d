"""The finest cells of a metric: what two slices share, by week."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.cube import Floats, Series
from closeloop.model import Slice
from closeloop.slices import filter_sql


@dataclass(frozen=True)
class Leaves:
    """Bad ones by week and all dimensions at once; dimension values as codes into `values`."""

    week: NDArray[np.datetime64]
    bad: Floats
    codes: dict[str, NDArray[np.int_]]
    values: dict[str, dict[str, int]]

    def mask(self, where: Slice) -> NDArray[np.bool_]:
        """Tell which leaves lie in a slice."""
        mask = np.ones(len(self.bad), dtype=np.bool_)
        for dim, value in where.where:
            mask &= self.codes[dim] == self.values[dim].get(value, -1)
        return mask

    def between(self, first: date, last: date) -> NDArray[np.bool_]:
        """Tell which leaves lie in the weeks from `first` to `last`."""
        return (self.week >= np.datetime64(first)) & (self.week <= np.datetime64(last))

    def only(self, rows: NDArray[np.bool_]) -> Leaves:
        """Return some of the leaves."""
        codes = {dim: code[rows] for dim, code in self.codes.items()}
        return Leaves(self.week[rows], self.bad[rows], codes, self.values)

    def columns(self, first: date) -> NDArray[np.int_]:
        """Return each leaf's week as the number of weeks since `first`."""
        return (self.week - np.datetime64(first)).astype("timedelta64[D]").astype(np.int_) // 7


def leaves_of(con: duckdb.DuckDBPyConnection, series: Series) -> Leaves:
    """Sum the bad ones of a metric by week and all dimensions that its slices use."""
    metric = series.metric
    dims = sorted({dim for where in series.slices for dim in where.dims})
    frame = con.execute(
        f"SELECT date_trunc('week', {metric.at})::DATE AS week, {', '.join(dims)},"
        f" sum(({metric.bad})::DOUBLE) AS bad FROM {metric.view}"
        f" WHERE ({metric.rows}) AND {metric.at} >= $since GROUP BY ALL HAVING bad > 0 ORDER BY ALL",
        {"since": series.weeks[0]},
    ).df()
    coded = {dim: pd.factorize(frame[dim].astype(str)) for dim in dims}
    return Leaves(
        frame["week"].to_numpy().astype("datetime64[D]"),
        frame["bad"].to_numpy(),
        {dim: codes for dim, (codes, _) in coded.items()},
        {dim: {str(name): i for i, name in enumerate(names)} for dim, (_, names) in coded.items()},
    )


def without_largest(con: duckdb.DuckDBPyConnection, series: Series, row: int, since: date) -> Series:
    """Return the series had the one order not been that has most bad lines of a slice since a week.

    Lines of one order come back together, be it that somebody cancels an invoice of thirty lines to write it anew;
    a pattern must not rest on one. Metrics that do not count lines stay as they are.
    """
    metric, where = series.metric, series.slices[row]
    if metric.view != "line_facts":
        return series
    inside, values = filter_sql(where)
    lines = (
        f"SELECT order_id, date_trunc('week', {metric.at})::DATE AS week, sum({metric.bad}) AS bad, count(*) AS total"
        f" FROM {metric.view} WHERE ({metric.rows}) AND {metric.at} >= $since AND {metric.at} < $until AND ({inside})"
        " GROUP BY ALL"
    )
    asked = {**values, "since": since, "until": series.weeks[-1] + timedelta(weeks=1)}
    bad, total = series.bad.copy(), series.total.copy()
    for _, week, worst, size in con.execute(f"{lines} ORDER BY bad DESC, order_id LIMIT 1", asked).fetchall():
        column = series.weeks.index(week)
        bad[row, column] -= float(worst)
        total[row, column] -= float(size)
    return replace(series, bad=bad, total=total)
