"""What share of young weeks' order lines will be asked back, from how older weeks grew to theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.crossed import check
from closeloop.model import Estimate, Slice
from closeloop.slices import EVERYTHING, filter_sql
from closeloop.stats.chain_ladder import Ladder, chain_ladder

LAST_AGE = 12
"""Weeks after which hardly any return is asked for: the end of a cohort."""

RIPE = 0.5
"""Below this share of the eventual returns a week is too young to say what it will come to."""


@dataclass(frozen=True)
class Cohort:
    """The order lines of one week: how many, asked back so far, and what that will come to.

    `ripe` is the share of the eventual returns that have come by this age in older weeks; `final` is the return
    rate that the week is heading for, None while it is too young or too small to tell.
    """

    week: date
    lines: int
    age: int
    so_far: int
    ripe: float
    final: Estimate | None


def return_triangle(con: duckdb.DuckDBPyConnection, where: Slice = EVERYTHING) -> pd.DataFrame:
    """Return the lines asked back within 1, 2, ... weeks of age, a row for each week of orders; NaN for later.

    Down a column weeks are compared at equal age. `lines` is the number of order lines. Ages that the week has
    not wholly passed are left out. Raises ValueError for a slice that lines cannot be told by.
    """
    check(con, "returns", "line_facts", where)
    condition, values = filter_sql(where)
    frame = con.execute(
        f"""
        SELECT date_trunc('week', ordered_at)::DATE AS week,
               CASE WHEN requested_at IS NOT NULL
                    THEN greatest(0, least((requested_at::DATE - ordered_at::DATE) // 7, {LAST_AGE})) END AS age,
               count(*) AS n,
               ((SELECT as_of FROM clock)::DATE - date_trunc('week', ordered_at)::DATE) // 7 - 1 AS passed
        FROM line_facts WHERE ({condition}) GROUP BY ALL HAVING passed > 0 ORDER BY ALL
        """,
        values,
    ).df()
    asked = frame.dropna(subset="age").pivot_table(index="week", columns="age", values="n", aggfunc="sum")
    lines = frame.groupby("week")["n"].sum()
    grown = asked.reindex(index=lines.index, columns=range(LAST_AGE)).fillna(0).cumsum(axis=1)
    passed = frame.groupby("week")["passed"].first().to_numpy()
    grown = grown.where(np.arange(LAST_AGE) < passed[:, None])
    grown.columns = pd.RangeIndex(1, LAST_AGE + 1)
    return grown.assign(lines=lines)


def returns(con: duckdb.DuckDBPyConnection, where: Slice = EVERYTHING) -> tuple[Cohort, ...]:
    """Return each week of orders of a slice with the return rate it is heading for, oldest first.

    Chain ladder over weeks (Mack 1993); the interval is that of the projection and of the count itself. Raises
    ValueError when no week is old enough to show how returns come in.
    """
    triangle = return_triangle(con, where)
    lines = triangle.pop("lines").to_numpy(dtype=np.float64)
    grown = triangle.to_numpy(dtype=np.float64)
    ladder = chain_ladder(grown)
    weeks = [pd.Timestamp(week).date() for week in triangle.index]
    return tuple(_cohort(week, grown[i], float(lines[i]), ladder, i) for i, week in enumerate(weeks))


def _cohort(week: date, grown: NDArray[np.float64], lines: float, ladder: Ladder, row: int) -> Cohort:
    age = int((~np.isnan(grown)).sum())
    so_far, ripe = float(grown[age - 1]), float(ladder.ripe[age - 1])
    final = _final(lines, ladder, row) if ripe >= RIPE and so_far else None
    return Cohort(week, int(lines), age, int(so_far), ripe, final)


def _final(lines: float, ladder: Ladder, row: int) -> Estimate:
    """Widen the projection by the chance in a count (binomial), on the scale of the logarithm."""
    ultimate, error = float(ladder.ultimate[row]), float(ladder.error[row])
    chance = max(0.0, 1 - ultimate / lines) / ultimate
    spread = 1.959964 * float(np.sqrt((error / ultimate) ** 2 + chance))
    rate = ultimate / lines
    wider = float(np.exp(spread))
    return Estimate(rate, rate / wider, min(1.0, rate * wider))
