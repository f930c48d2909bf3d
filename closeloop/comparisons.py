"""The slice of a pattern beside its neighbours, before and since: who else got worse, and who did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from closeloop.model import Evidence, Metric, Pattern, Slice
from closeloop.stages import filter_sql, span_of
from closeloop.words import share

HARDLY = 0.33
"""A neighbour that rose by less than this part of the slice's own rise hardly moved."""

FEW = 20
"""Rows below which a neighbour says nothing."""

PEERS = ("carrier", "warehouse", "channel")
"""Dimensions in which a rise that is everywhere tells of a cause that they share."""


@dataclass(frozen=True)
class Level:
    """Bad share (or cost ratio) of a group before the onset and since, with the denominators."""

    before: float
    since: float
    n_before: float
    n_since: float

    @property
    def change(self) -> float:
        """How much worse it became, in the metric's own unit."""
        return self.since - self.before

    @property
    def tells(self) -> bool:
        """Whether there are rows enough on both sides of the onset."""
        return min(self.n_before, self.n_since) >= FEW


class Spread(NamedTuple):
    """How many values of a dimension rose together with the slice, of how many that can tell."""

    dim: str
    worse: tuple[str, ...]
    asked: int

    @property
    def everywhere(self) -> bool:
        """Whether no value of the dimension was spared."""
        return self.asked > 1 and len(self.worse) == self.asked


def level_of(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, condition: str, values: dict[str, str]
) -> Level:
    """Sum a metric over the rows of a condition, before the pattern's onset and since."""
    lag = f"{metric.at} < $end::DATE + 1"
    row = con.execute(
        f"""
        SELECT sum(({metric.bad})::DOUBLE) FILTER ({metric.at}::DATE < $onset),
               sum(({metric.total})::DOUBLE) FILTER ({metric.at}::DATE < $onset),
               sum(({metric.bad})::DOUBLE) FILTER ({metric.at}::DATE >= $onset),
               sum(({metric.total})::DOUBLE) FILTER ({metric.at}::DATE >= $onset)
        FROM {metric.view} WHERE ({metric.rows}) AND ({condition}) AND {metric.at}::DATE >= $start AND {lag}
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    bad0, n0, bad1, n1 = (float(value or 0) for value in row or (0, 0, 0, 0))
    return Level(bad0 / n0 if n0 else 0.0, bad1 / n1 if n1 else 0.0, n0, n1)


def siblings(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> list[Evidence]:
    """Compare with the neighbours on each side: the same carrier elsewhere, other carriers here."""
    own_condition, own_values = filter_sql(pattern.slice)
    own = level_of(con, metric, pattern, own_condition, own_values)
    found: list[Evidence] = []
    for i, (dim, value) in enumerate(pattern.slice.where):
        condition = " AND ".join(
            f"{d} {'<>' if j == i else '='} $value{j}" for j, (d, _) in enumerate(pattern.slice.where)
        )
        other = level_of(con, metric, pattern, condition, own_values)
        if other.tells:
            rest = Slice.of(pair for pair in pattern.slice.where if pair[0] != dim)
            place = f" within {rest}" if rest.where else ""
            found.append(_compared(metric, f"{dim} other than {value}{place}", own, other, dim, value))
    return found


def _compared(metric: Metric, group: str, own: Level, other: Level, dim: str, value: str) -> Evidence:
    levels = f"{_shown(metric, other.before)} before, {_shown(metric, other.since)} since"
    if other.change < HARDLY * own.change:
        return Evidence(f"Parcels with {group} hardly moved ({levels}), so it is about {dim} = {value}.", True)
    return Evidence(f"Parcels with {group} got worse too ({levels}), so it is not {dim} = {value} alone.", False)


def spreads(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> list[Spread]:
    """Ask whether the rise is in all carriers, warehouses and channels of the slice, or in some."""
    condition, values = filter_sql(pattern.slice)
    own = level_of(con, metric, pattern, condition, values)
    found: list[Spread] = []
    for dim in PEERS:
        if dim in pattern.slice.dims or dim not in metric.dims:
            continue
        names = [str(r[0]) for r in con.execute(
            f"SELECT {dim} FROM {metric.view} WHERE {condition} GROUP BY 1 HAVING count(*) > 100 ORDER BY 1", values
        ).fetchall()]  # fmt: skip
        levels = {
            name: level_of(con, metric, pattern, f"{condition} AND {dim} = $v", {**values, "v": name})
            for name in names
        }
        told = {name: level for name, level in levels.items() if level.tells}
        worse = tuple(name for name, level in told.items() if level.change > HARDLY * own.change)
        found.append(Spread(dim, worse, len(told)))
    return found


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
