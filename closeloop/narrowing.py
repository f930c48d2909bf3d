"""Is it all of a pattern's slice, or a part of it?  The finest cells say which part rose, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pandas as pd

from closeloop.comparisons import Level, levels, moved
from closeloop.cube import NESTED
from closeloop.model import Evidence, Metric, Pattern, Slice
from closeloop.stages import filter_sql, final_span
from closeloop.stats import localise_rates
from closeloop.stats.localise import Changed, Search

NOT_A_PART = {"state", "weekday", "campaign", "lane"}
"""Dimensions with cells too thin to narrow by, or that others say as well."""

ALPHA = 0.05
"""How often, at most, a slice that rose evenly is narrowed."""

MOST_DIMS = 3
"""Conditions of a narrowed slice: what people and the improvement log still take."""

SAME = 0.95
"""The part of their rows that two slices must share to be the same for all that can be seen."""

MOST_TWINS = 3


@dataclass(frozen=True)
class Narrowed:
    """What the finest cells say of a pattern's slice.

    `part` is the one slice within it that alone rose, else the pattern's own. `twins` are slices of other
    dimensions that hold the same rows, or explain the rise as well: no data of this kind tells them apart.
    """

    part: Slice
    twins: tuple[Slice, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def narrow(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Narrowed:
    """Look in the finest cells of a pattern's slice for a part that rose unlike the rest of it.

    `stats.localise_rates` searches, with the level of the slice left free, so that a slice which rose evenly gives
    nothing; what it names counts only if the rest, taken together, hardly moved.
    """
    same = _same_rows(con, metric, pattern)
    twins = Narrowed(pattern.slice, same, tuple(_indistinct(pattern.slice, same)))
    leaves, dims = _leaves(con, metric, pattern)
    depth = MOST_DIMS - len(pattern.slice.where)
    known = [leaves.loc[leaves["since"] == since, "bad"].sum() > 0 for since in (False, True)]
    if not dims or depth < 1 or not all(known):
        return twins
    search = Search(alpha=ALPHA, depth=min(2, depth), most=3, relative=True)
    found = localise_rates(leaves, dims=dims, count="bad", exposure="total", current={"week": [-1]}, search=search)
    part = _part(con, metric, pattern, found.segments[0]) if found.segments else None
    return _joined(twins, part) if part else twins


def _leaves(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> tuple[pd.DataFrame, list[str]]:
    """Sum the slice by its open dimensions and the weeks before; the weeks since are one period, numbered -1."""
    dims = [dim for dim in metric.dims if dim not in {*pattern.slice.dims, *NOT_A_PART}]
    condition, values = filter_sql(pattern.slice)
    frame = con.execute(
        f"""
        SELECT {"".join(f"coalesce({dim}::VARCHAR, 'unknown') AS {dim}, " for dim in dims)}
               {metric.at}::DATE >= $onset AS since,
               CASE WHEN since THEN -1 ELSE ({metric.at}::DATE - $start::DATE) // 7 END AS week,
               coalesce(sum(({metric.bad})::DOUBLE), 0) AS bad, coalesce(sum(({metric.total})::DOUBLE), 0) AS total
        FROM {metric.view} WHERE ({metric.rows}) AND ({condition}) AND {metric.at}::DATE BETWEEN $start AND $end
        GROUP BY ALL HAVING total > 0 ORDER BY ALL
        """,
        {**values, **final_span(pattern)},
    ).df()
    return frame, [dim for dim in dims if frame[dim].nunique() > 1]


def _part(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, found: Changed) -> Narrowed | None:
    """Hold the named segment against the rest of the slice: one must have hardly moved beside the other."""
    segment = _slice(found.where)
    inside, rest = _sides(con, metric, pattern, segment)
    if inside is None or rest is None:
        return None
    if inside.change > 0 and rest.rose_with(inside.change) is False:
        whole = Slice.of({**dict(pattern.slice.where), **dict(segment.where)}.items())
        rivals = (_slice(one) for one in (*found.same_leaves, *found.equally_good))
        others = tuple(one for one in rivals if not one.contains(segment))[:MOST_TWINS]
        spared = f"the rest did not ({moved(metric, rest)})"
        told = f"Within it only {segment} got worse ({moved(metric, inside)}); {spared}."
        return Narrowed(whole, (), (Evidence(told, True), *_alternatives(segment, others)))
    if rest.change > 0 and inside.rose_with(rest.change) is False:
        told = f"All of it got worse ({moved(metric, rest)}) but {segment}, which did not ({moved(metric, inside)})."
        return Narrowed(pattern.slice, (), (Evidence(told, True),))
    return None


def _sides(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, segment: Slice
) -> tuple[Level | None, Level | None]:
    condition, _ = filter_sql(pattern.slice)
    inside = " AND ".join(f"{dim}::VARCHAR = {_quoted(value)}" for dim, value in segment.where)
    found = levels(con, metric, pattern, (f"coalesce({inside}, false)",), condition)
    return found.get((0, "true")), found.get((0, "false"))


def _quoted(value: str) -> str:
    """Return a value from data as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def _slice(where: Mapping[str, object]) -> Slice:
    return Slice.of((dim, str(value)) for dim, value in where.items())


def _joined(one: Narrowed, other: Narrowed) -> Narrowed:
    return Narrowed(other.part, one.twins, (*other.evidence, *one.evidence))


def _same_rows(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> tuple[Slice, ...]:
    """Return the single conditions that hold the very rows of the slice since the onset, and hardly any other."""
    said = {other for pair in NESTED for other in pair if set(pair) & set(pattern.slice.dims)}
    dims = [dim for dim in metric.dims if dim not in {*pattern.slice.dims, *NOT_A_PART, *said}]
    if not dims or not pattern.slice.where:
        return ()
    condition, values = filter_sql(pattern.slice)
    rows = con.execute(
        f"""
        WITH told AS (
            SELECT {", ".join(f"{dim}::VARCHAR AS {dim}" for dim in dims)}, ({condition}) AS inside FROM {metric.view}
            WHERE ({metric.rows}) AND {metric.at}::DATE BETWEEN $onset AND $end
        ), whole AS (SELECT count(*) FILTER (inside) AS n FROM told)
        SELECT {", ".join(dims)} FROM told, whole
        GROUP BY GROUPING SETS ({", ".join(f"({dim})" for dim in dims)})
        HAVING count(*) FILTER (inside) >= {SAME} * greatest(count(*), any_value(n)) AND any_value(n) > 0 ORDER BY ALL
        """,
        {**values, "onset": pattern.onset, "end": final_span(pattern)["end"]},
    ).fetchall()
    return tuple(
        Slice(((dim, str(value)),)) for row in rows for dim, value in zip(dims, row, strict=True) if value is not None
    )


def _indistinct(where: Slice, twins: Iterable[Slice]) -> Iterable[Evidence]:
    for twin in twins:
        yield Evidence(f"{twin} holds the same rows as {where}: which of the two it is cannot be told here.", False)


def _alternatives(segment: Slice, others: tuple[Slice, ...]) -> tuple[Evidence, ...]:
    if not others:
        return ()
    named = " or ".join(str(one) for one in others)
    return (Evidence(f"{named} explains it as well as {segment}: the data cannot tell them apart.", False),)
