"""The finest cells of a metric: what two slices share, by week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.cube import Floats, Series
from closeloop.model import Slice


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
