"""What waits at the end of each day, and for how long: a backlog with its inflow and outflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from closeloop.crossed import check
from closeloop.model import Slice, StockMetric
from closeloop.slices import EVERYTHING, filter_sql

YOUNG, OLD = 1, 3
"""Days of waiting that part a backlog in three."""


@dataclass(frozen=True)
class Stock:
    """The end of one day: how many wait, of which up to one day, up to three and longer; how many came and went."""

    day: date
    young: int
    middle: int
    old: int
    came: int
    went: int

    @property
    def waiting(self) -> int:
        """All that wait."""
        return self.young + self.middle + self.old


def stock(
    con: duckdb.DuckDBPyConnection, metric: StockMetric, where: Slice = EVERYTHING, days: int = 56
) -> tuple[Stock, ...]:
    """Count the stock of a slice at the end of each of the last `days` whole days, oldest first.

    The facts must be built on `con`. Raises ValueError for a slice that the rows cannot be told by.
    """
    check(con, metric.id, metric.view, where)
    condition, values = filter_sql(where)
    rows = con.execute(
        f"""
        WITH told AS (SELECT {metric.start} AS began, {metric.end} AS ended FROM {metric.view} WHERE ({condition})),
        runs AS (SELECT * FROM told WHERE ended > began OR ended IS NULL),
        ends AS (
            SELECT day, day::TIMESTAMP + INTERVAL 1 DAY AS midnight FROM days, clock
            WHERE day < as_of::DATE AND day >= as_of::DATE - $days::INT
        ),
        aged AS (
            SELECT day, midnight, began, ended, epoch(midnight) - epoch(began) AS seconds,
                   began < midnight AND (ended IS NULL OR ended >= midnight) AS waits
            FROM ends JOIN runs ON began < midnight AND (ended IS NULL OR ended >= midnight - INTERVAL 1 DAY)
        )
        SELECT ends.day, count(*) FILTER (waits AND seconds <= {YOUNG * 86400}),
               count(*) FILTER (waits AND seconds > {YOUNG * 86400} AND seconds <= {OLD * 86400}),
               count(*) FILTER (waits AND seconds > {OLD * 86400}),
               count(*) FILTER (began >= ends.midnight - INTERVAL 1 DAY), count(*) FILTER (ended < ends.midnight)
        FROM ends LEFT JOIN aged USING (day) GROUP BY 1 ORDER BY 1
        """,
        {**values, "days": days},
    ).fetchall()
    return tuple(Stock(*row) for row in rows)
