"""The slice of a pattern beside its neighbours, before and since: who else got worse, and who did not."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.model import Evidence, Metric, Pattern, Slice
from closeloop.percent import interval, plus
from closeloop.slices import filter_sql
from closeloop.stages import final_span
from closeloop.words import share

Floats = NDArray[np.float64]
Key = tuple[int, str]

HARDLY = 0.33
"""A neighbour that rose by less than this part of the slice's own rise hardly moved."""

FEW = 20
"""Rows below which a neighbour says nothing."""

PEERS = ("carrier", "warehouse", "channel")
"""Dimensions in which a rise that is everywhere tells of a cause that they share."""

Z95 = 1.96

ALL: Key = (-1, "")


@dataclass(frozen=True)
class Shift:
    """Bad share (or cost ratio) of a group before the onset and since, the denominators, and the change's error.

    `rows` are those of the thinner side.
    """

    before: float
    since: float
    n_before: float
    n_since: float
    se: float
    rows: int

    @property
    def change(self) -> float:
        """How much worse it became, in the metric's own unit."""
        return self.since - self.before

    @property
    def low(self) -> float:
        """The lower end of the change's 95 % interval."""
        return self.change - Z95 * self.se

    @property
    def high(self) -> float:
        """The upper end of the change's 95 % interval."""
        return self.change + Z95 * self.se

    @property
    def tells(self) -> bool:
        """Whether there are rows enough on both sides of the onset."""
        return self.rows >= FEW

    def rose_with(self, change: float) -> bool | None:
        """Whether a neighbour rose as another change did; None where its interval holds both answers."""
        if not self.tells or (self.low <= 0 and self.high >= change):
            return None
        return self.change > HARDLY * change


class Spread(NamedTuple):
    """How many values of a dimension rose together with the slice, of how many that can tell."""

    dim: str
    worse: tuple[str, ...]
    asked: int

    @property
    def everywhere(self) -> bool:
        """Whether no value of the dimension was spared."""
        return self.asked > 1 and len(self.worse) == self.asked


def shifts(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, by: tuple[str, ...], within: str = "true"
) -> dict[Key, Shift]:
    """Sum a metric before the onset and since, once by each SQL expression of `by` alone and once over all.

    Keys are the number of the expression with its value; `ALL` is the key of all of it. The error of a change allows
    for days that fail together (cluster-robust by day: Cameron and Miller 2015, section II.B), and is at least
    that of independent rows.
    """
    named = [f"by{i}" for i in range(len(by))]
    listed = "".join(f"({sql})::VARCHAR AS {name}, " for name, sql in zip(named, by, strict=True))
    _, values = filter_sql(pattern.slice)
    which = f"grouping_id({', '.join(named)})" if named else "0"
    rows = con.execute(
        f"""
        WITH told AS (
            SELECT {listed}{metric.at}::DATE AS day, ({metric.bad})::DOUBLE AS bad, ({metric.total})::DOUBLE AS total
            FROM {metric.view} WHERE ({metric.rows}) AND ({within}) AND {metric.at}::DATE BETWEEN $start AND $end
        )
        SELECT {"".join(f"{name}, " for name in named)}{which} AS level, day, day >= $onset AS since,
               coalesce(sum(bad), 0) AS bad, coalesce(sum(total), 0) AS total, count(*) AS n
        FROM told GROUP BY GROUPING SETS ({"".join(f"({name}, day), " for name in named)}(day)) ORDER BY ALL
        """,
        {**values, **final_span(pattern)},
    ).df()
    level = rows["level"].to_numpy()
    days = rows[["since", "bad", "total", "n"]].to_numpy(dtype=np.float64)
    found: dict[Key, Shift] = {ALL: _shift(days[level == (1 << len(by)) - 1], metric)}
    for i, name in enumerate(named):
        mine = level == (1 << len(by)) - 1 - (1 << (len(by) - 1 - i))
        codes, told = pd.factorize(rows[name].to_numpy(dtype=object)[mine], sort=True)
        found |= {(i, str(value)): _shift(days[mine][codes == k], metric) for k, value in enumerate(told)}
    return found


def _shift(days: Floats, metric: Metric) -> Shift:
    """Sum the days of one group: rows of since, bad, total and how many."""
    since, bad, total, n = days.T
    new = since > 0
    before, now = (_ratio(bad[part], total[part], metric.kind == "share") for part in (~new, new))
    rows = int(min(n[new].sum(), n[~new].sum()))
    return Shift(before[0], now[0], before[2], now[2], hypot(before[1], now[1]), rows)


def _ratio(bad: Floats, total: Floats, binomial: bool) -> tuple[float, float, float]:
    """Return the ratio of the sums over some days, its error, and the sum below the line."""
    n = float(total.sum())
    if n <= 0:
        return 0.0, 0.0, 0.0
    ratio = float(bad.sum()) / n
    days = max(2, len(bad))
    by_day = float(((bad - ratio * total) ** 2).sum()) / n**2 * days / (days - 1)
    smooth = (float(bad.sum()) + 0.5) / (n + 1)
    return ratio, sqrt(max(by_day, smooth * max(0.0, 1 - smooth) / n if binomial else 0.0)), n


def siblings(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> list[Evidence]:
    """Compare with the neighbours on each side: the same carrier elsewhere, other carriers here."""
    where = pattern.slice.where
    if not where:
        return []
    sides = [" AND ".join(f"{d} {'<>' if j == i else '='} $value{j}" for j, (d, _) in enumerate(where))
             for i in range(len(where))]  # fmt: skip
    own = " AND ".join(f"{d} = $value{j}" for j, (d, _) in enumerate(where))
    cases = " ".join(f"WHEN {side} THEN '{i}'" for i, side in enumerate(sides))
    found = shifts(con, metric, pattern, (f"CASE WHEN {own} THEN 'own' {cases} END",))
    mine = found.get((0, "own"))
    told = ((i, found.get((0, str(i)))) for i in range(len(where)))
    return [_compared(metric, pattern.slice, i, mine, other) for i, other in told
            if mine and other and other.rose_with(mine.change) is not None]  # fmt: skip


def _compared(metric: Metric, where: Slice, at: int, own: Shift, other: Shift) -> Evidence:
    dim, value = where.where[at]
    rest = Slice.of(pair for pair in where.where if pair[0] != dim)
    rows = {"line_facts": "Items", "order_facts": "Orders", "order_promises": "Orders"}.get(metric.view, "Parcels")
    group = f"{rows} with {dim} other than {value}" + (f" within {rest}" if rest.where else "")
    if other.rose_with(own.change):
        return Evidence(f"{group} got worse too ({moved(metric, other)}), so it is not {dim} = {value} alone.", False)
    return Evidence(f"{group} hardly moved ({moved(metric, other)}), so it is about {dim} = {value}.", True)


def spreads(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> list[Spread]:
    """Ask whether the rise is in all carriers, warehouses and channels of the slice, or in some.

    Values are held against the largest sure rise among them, or the slice's own if that is larger.
    """
    dims = tuple(dim for dim in PEERS if dim in metric.dims and dim not in pattern.slice.dims)
    condition, _ = filter_sql(pattern.slice)
    found = shifts(con, metric, pattern, dims, condition) if dims else {}
    spread: list[Spread] = []
    for i, dim in enumerate(dims):
        mine = {value: shift for (at, value), shift in found.items() if at == i and shift.tells}
        most = max([found[ALL].change, *(shift.change for shift in mine.values() if shift.low > 0)])
        told = {value: shift.rose_with(most) for value, shift in mine.items()}
        known = {value: rose for value, rose in told.items() if rose is not None}
        spread.append(Spread(dim, tuple(value for value, rose in known.items() if rose), len(known)))
    return spread


def told(spread: Spread) -> Evidence | None:
    """Say what the spread over a dimension tells, where it tells anything."""
    if spread.everywhere:
        names = ", ".join(spread.worse)
        return Evidence(f"It rose at every {spread.dim} ({names}), so it is no one {spread.dim}.", True)
    if spread.asked > 1 and len(spread.worse) == 1:
        return Evidence(f"Of {spread.asked} {spread.dim}s only {spread.worse[0]} rose.", True)
    return None


def _shown(metric: Metric, ratio: float) -> str:
    return f"index {100 * ratio:.0f}" if metric.kind == "index" else share(metric.shown(ratio))


def moved(metric: Metric, shift: Shift) -> str:
    """Say a level before and since, and its change with a 95 % interval, in points."""
    sign = -100.0 if metric.better == "higher" else 100.0
    low, middle, high = sorted(sign * end for end in (shift.low, shift.change, shift.high))
    told = f"change {plus(middle, 1)} points ({interval(plus(low, 1), plus(high, 1))})"
    return f"{_shown(metric, shift.before)} before, {_shown(metric, shift.since)} since; {told}"
