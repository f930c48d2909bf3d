"""One metric before and since a day, by each value of several dimensions at once: one pass over the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from closeloop.model import Metric


class Strata(NamedTuple):
    """The values of one dimension, and the metric's sums for each: 2 (before, since) x values."""

    values: tuple[str, ...]
    bad: NDArray[np.float64]
    total: NDArray[np.float64]


def strata(
    con: duckdb.DuckDBPyConnection,
    metric: Metric,
    dims: Sequence[str],
    within: str,
    params: Mapping[str, object],
) -> dict[str, Strata]:
    """Sum a metric's rows `within` a condition before `$split` and since, by each of the dimensions alone.

    A row without a value counts as "unknown"; values without any row are not there.
    """
    if not dims:
        return {}
    named = [f"by{i}" for i in range(len(dims))]
    values = (f"coalesce({dim}::VARCHAR, 'unknown') AS {name}" for dim, name in zip(dims, named, strict=True))
    rows = con.execute(
        f"""
        WITH told AS (
            SELECT {", ".join(values)}, ({metric.at}::DATE >= $split)::INT AS since,
                   ({metric.bad})::DOUBLE AS bad, ({metric.total})::DOUBLE AS total
            FROM {metric.view} WHERE ({metric.rows}) AND ({within})
        )
        SELECT grouping_id({", ".join(named)}) AS level, coalesce({", ".join(named)}) AS value, since,
               coalesce(sum(bad), 0) AS bad, sum(total) AS total
        FROM told GROUP BY GROUPING SETS ({", ".join(f"({name}, since)" for name in named)})
        HAVING sum(total) > 0 ORDER BY ALL
        """,
        dict(params),
    ).fetchall()
    by_level = {level: [row[1:] for row in same] for level, same in groupby(rows, key=itemgetter(0))}
    every = (1 << len(dims)) - 1
    return {dim: _of(by_level.get(every - (every + 1 >> i + 1), [])) for i, dim in enumerate(dims)}


def _of(rows: Sequence[tuple[str, int, float, float]]) -> Strata:
    places = {value: i for i, value in enumerate(dict.fromkeys(row[0] for row in rows))}
    bad, total = np.zeros((2, len(places))), np.zeros((2, len(places)))
    for value, since, x, n in rows:
        bad[since, places[value]], total[since, places[value]] = x, n
    return Strata(tuple(places), bad, total)
