"""Is it all of a pattern's slice, or a part of it?  The finest cells say which part rose, and what cannot be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb
import pandas as pd

from closeloop.comparisons import Shift, moved, shifts
from closeloop.cube import NESTED
from closeloop.model import Evidence, Metric, Pattern, Slice
from closeloop.slices import UNNAMED, filter_sql
from closeloop.stages import final_span
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

HALF = 0.5
"""The part of the found part's excess that a single condition must hold to be looked at as its rival."""


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
    if UNNAMED & set(dict(segment.where).values()):
        return None
    inside, rest = _sides(con, metric, pattern, segment)
    if inside is None or rest is None:
        return None
    if inside.low > 0 and rest.rose_with(inside.change) is False and _excess(inside) > HALF * _both(inside, rest):
        told = {_slice(one) for one in (*found.same_leaves, *found.equally_good)}
        others = tuple(_rivals(con, metric, pattern, segment, inside, told))[:MOST_TWINS]
        got = f"got worse ({moved(metric, inside)}); the rest did not ({moved(metric, rest)})"
        if others:
            return _untold(pattern.slice, (segment, *others), got)
        return Narrowed(_within(pattern.slice, segment), (), (Evidence(f"Within it only {segment} {got}.", True),))
    if rest.change > 0 and inside.rose_with(rest.change) is False:
        told = f"All of it got worse ({moved(metric, rest)}) but {segment}, which did not ({moved(metric, inside)})."
        return Narrowed(pattern.slice, (), (Evidence(told, True),))
    return None


def _rivals(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, segment: Slice, own: Shift, known: set[Slice]
) -> Iterator[Slice]:
    """Return other parts without which nothing rose either, unless the rows that only one of the two has decide."""
    condition, _ = filter_sql(pattern.slice)
    fixed = {*pattern.slice.dims, *segment.dims}
    dims = tuple(dim for dim in metric.dims if dim not in fixed | NOT_A_PART | _said_by(fixed))
    singles = shifts(con, metric, pattern, dims, condition).items() if dims else ()
    alike = {
        Slice(((dims[i], value),)) for (i, value), shift in singles
        if i >= 0 and value not in UNNAMED and _excess(shift) > HALF * _excess(own)
    }  # fmt: skip
    for other in sorted(known | alike):
        if other.nests(segment) or UNNAMED & set(dict(other.where).values()):
            continue
        inside, rest = _sides(con, metric, pattern, other)
        if inside is None or rest is None or rest.rose_with(inside.change) is not False:
            continue
        mine, its = (f"({_sql(a)}) AND NOT ({_sql(b)})" for a, b in ((segment, other), (other, segment)))
        odd = shifts(con, metric, pattern, (f"CASE WHEN {mine} THEN 'mine' WHEN {its} THEN 'its' END",), condition)
        without, beside = (
            odd[0, side].rose_with(own.change) if (0, side) in odd else None for side in ("mine", "its")
        )
        if not (without is True and beside is False):
            yield other


def _excess(shift: Shift) -> float:
    return shift.change * shift.n_since


def _both(inside: Shift, rest: Shift) -> float:
    return _excess(inside) + max(0.0, _excess(rest))


def _sides(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, segment: Slice
) -> tuple[Shift | None, Shift | None]:
    condition, _ = filter_sql(pattern.slice)
    found = shifts(con, metric, pattern, (_sql(segment),), condition)
    return found.get((0, "true")), found.get((0, "false"))


def _sql(where: Slice) -> str:
    """Say a slice as a SQL condition that is never empty, its values from data quoted."""
    told = ("{}::VARCHAR = '{}'".format(dim, value.replace("'", "''")) for dim, value in where.where)
    return f"coalesce({' AND '.join(told)}, false)"


def _slice(where: Mapping[str, object]) -> Slice:
    return Slice.of((dim, str(value)) for dim, value in where.items())


def _joined(one: Narrowed, other: Narrowed) -> Narrowed:
    return Narrowed(other.part, one.twins, (*other.evidence, *one.evidence))


def _same_rows(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> tuple[Slice, ...]:
    """Return the single conditions that hold the very rows of the slice since the onset, and hardly any other."""
    fixed = set(pattern.slice.dims)
    dims = [dim for dim in metric.dims if dim not in fixed | NOT_A_PART | _said_by(fixed)]
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
        Slice(((dim, str(value)),))
        for row in rows
        for dim, value in zip(dims, row, strict=True)
        if value is not None and value not in UNNAMED
    )


def _said_by(dims: set[str]) -> set[str]:
    """Return the dimensions of which these say the same, more coarsely or more finely."""
    return {other for pair in NESTED for other in pair if set(pair) & dims}


def _indistinct(where: Slice, twins: Iterable[Slice]) -> Iterable[Evidence]:
    for twin in twins:
        yield Evidence(f"{twin} holds the same rows as {where}: which of the two it is cannot be told here.", False)


def _untold(where: Slice, parts: tuple[Slice, ...], got: str) -> Narrowed:
    """Name all parts that explain the rise alike, and choose none."""
    first, *others = (str(part) for part in parts)
    told = (
        f"Within it only {first} {got}; {' or '.join(others)} explains it as well: which it is cannot be told here."
    )
    return Narrowed(where, tuple(_within(where, part) for part in parts), (Evidence(told, False),))


def _within(where: Slice, segment: Slice) -> Slice:
    return Slice.of({**dict(where.where), **dict(segment.where)}.items())
