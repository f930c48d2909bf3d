"""How long things take in a slice, group by group: survival from counts that the engine makes."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from closeloop.crossed import check
from closeloop.model import Slice, TimeMetric
from closeloop.slices import EVERYTHING, filter_sql
from closeloop.stats.survival import Curve, Quantile, incidence, kaplan_meier, quantile

QUANTILES = (0.5, 0.85, 0.9, 0.95)

STEPS_A_UNIT = 4
"""Ages are counted in quarters of an hour or of a day, the later end of each."""

UNIT_SECONDS = {"hours": 3600, "days": 86400}


@dataclass(frozen=True)
class Duration:
    """How long a group takes: `n` rows, of which `open` still run and `ended` did so in the way that counts.

    `quantiles` are by share (0.5 is the median) with 95 % intervals, infinite where so many have not ended yet;
    `will_end` is the share that ends in the way that counts, where some end another way.
    """

    group: str
    n: int
    open: int
    ended: int
    curve: Curve
    quantiles: dict[float, Quantile]
    will_end: float

    @property
    def median(self) -> Quantile:
        """The age by which half have ended."""
        return self.quantiles[0.5]


def durations(
    con: duckdb.DuckDBPyConnection,
    metric: TimeMetric,
    where: Slice = EVERYTHING,
    by: str = "week",
) -> tuple[Duration, ...]:
    """Return how long the rows of a slice take, by the week of their start, by a dimension, or all at once.

    The facts must be built on `con`: what has not ended by then is still running, and counts as such.
    Raises ValueError for an unknown dimension, or when the data does not have the two moments.
    """
    check(con, metric.id, metric.view, where)
    if by not in ("week", "all"):
        check(con, metric.id, metric.view, Slice.of([(by, "any")]))
    counts = _counts(con, metric, where, by)
    if counts.empty:
        raise ValueError(f"{metric.id}: no rows of {where} have {metric.start}; the data needs {metric.needs}")
    return tuple(_duration(str(group), rows) for group, rows in counts.groupby("part", sort=True))


def _counts(con: duckdb.DuckDBPyConnection, metric: TimeMetric, where: Slice, by: str) -> pd.DataFrame:
    condition, values = filter_sql(where)
    group = {"week": f"date_trunc('week', {metric.start})::DATE", "all": "'everything'"}.get(by, by)
    return con.execute(
        f"""
        WITH runs AS (
            SELECT {group} AS part, {metric.start} AS started, {metric.end} AS ended,
                   {metric.ended_otherwise or "NULL::TIMESTAMP"} AS ended_otherwise
            FROM {metric.view}
            WHERE ({metric.rows}) AND ({condition}) AND {metric.start} IS NOT NULL
              AND {metric.start} < (SELECT as_of FROM clock)
        ), told AS (
            SELECT part, started,
                   greatest(started, coalesce(ended, ended_otherwise, (SELECT as_of FROM clock))) AS until,
                   CASE WHEN ended IS NOT NULL THEN 1 WHEN ended_otherwise IS NOT NULL THEN 2 ELSE 0 END AS outcome
            FROM runs
        )
        SELECT part, greatest(1, ceil({_age_sql(metric)} * {STEPS_A_UNIT}))::BIGINT AS step,
               count(*) FILTER (outcome = 1) AS happened, count(*) FILTER (outcome = 2) AS otherwise,
               count(*) FILTER (outcome = 0) AS running
        FROM told GROUP BY ALL ORDER BY ALL
        """,
        values,
    ).df()  # fmt: skip


def _age_sql(metric: TimeMetric) -> str:
    if metric.clock == "business":
        return f"(business_hours(started, until) / {UNIT_SECONDS[metric.unit] / 3600})"
    return f"((epoch(until) - epoch(started)) / {UNIT_SECONDS[metric.unit]})"


def _duration(group: str, rows: pd.DataFrame) -> Duration:
    age = rows["step"].to_numpy(dtype=np.float64) / STEPS_A_UNIT
    happened, otherwise, running = (rows[name].to_numpy(dtype=np.float64) for name in rows.columns[2:])
    curve = kaplan_meier(age, happened, otherwise + running)
    return Duration(
        group,
        int((happened + otherwise + running).sum()),
        int(running.sum()),
        int(happened.sum()),
        curve,
        {share: quantile(curve, share) for share in QUANTILES},
        float(incidence(age, happened, otherwise, running)[-1]),
    )
