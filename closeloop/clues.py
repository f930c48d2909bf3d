"""What the rows of a pattern say of themselves: a promise that became shorter, a reason, an exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, get_args

import duckdb

from closeloop.model import Evidence, Metric, Origin, Pattern
from closeloop.stages import filter_sql, span_of
from closeloop.words import share

PROMISE_SHARE = 0.5
"""The part of the added late parcels that an unchanged promise must spare to be the candidate."""

NAMED_SHARE = 0.5
"""The part of the added exceptions that one kind must have to name the origin."""

ORIGINS = frozenset(get_args(Origin))


@dataclass(frozen=True)
class Promise:
    """Whether a shorter promise, rather than slower parcels, makes parcels late.

    `days` is the mean promise before; `spared` the share of parcels that it would have spared since, of `n`.
    """

    to_blame: bool
    evidence: Evidence
    days: float = 0.0
    spared: float = 0.0
    n: int = 0


def promise(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Promise:
    """Tell a shortened promise from slower parcels: who would be late had it stayed."""
    condition, values = filter_sql(pattern.slice)
    row = con.execute(
        f"""
        WITH due AS (
            SELECT *, promised_date >= $onset AS since, promised_date - ordered_at::DATE AS promise
            FROM parcel_facts WHERE ({condition}) AND promised_date BETWEEN $start AND $end
        ), usual AS (SELECT avg(promise) FILTER (NOT since) AS before, avg(promise) FILTER (since) AS now FROM due)
        SELECT any_value(before), any_value(now),
               avg((attempt_at IS NULL OR attempt_at::DATE > promised_date)::INT) FILTER (NOT since),
               avg((attempt_at IS NULL OR attempt_at::DATE > promised_date)::INT) FILTER (since),
               avg((attempt_at IS NULL
                    OR attempt_at::DATE > promised_date + greatest(0, round(before - now))::INT)::INT) FILTER (since),
               count(*) FILTER (since)
        FROM due, usual
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    numbers = (float(v) if v is not None else 0.0 for v in row or (None,) * 6)
    before, now, late_before, late, late_if_kept, n = numbers
    spared = (late - late_if_kept) / max(late - late_before, 1e-9)
    lengths = f"{before:.1f} days before, {now:.1f} since"
    if spared >= PROMISE_SHARE:
        told = f"The promise itself became shorter ({lengths}); had it stayed, {share(late_if_kept)} would be late."
        return Promise(True, Evidence(told, True), before, late - late_if_kept, int(n))
    kept = f"The promise ({lengths}) does not explain it: had it stayed, {share(late_if_kept)} would still be late."
    return Promise(False, Evidence(kept, True))


class Named(NamedTuple):
    """What the rows of a pattern say of themselves: a reason or an exception, and whose it usually is."""

    origin: Origin | None
    evidence: Evidence
    what: str = ""


def named_by_rows(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Named | None:
    """Return what the rows of returns and exceptions give as their reason; None for other metrics."""
    if metric.id == "return_rate":
        return _return_reason(con, pattern)
    return _exception(con, pattern) if metric.id == "exception_rate" else None


def _return_reason(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Named | None:
    sku = dict(pattern.slice.where).get("sku")
    row = con.execute(
        """
        SELECT reason, count(*) * 1.0 / sum(count(*)) OVER () AS share FROM returns_known
        WHERE ($sku IS NULL OR sku = $sku) AND requested_at::DATE >= $onset
        GROUP BY reason ORDER BY share DESC, reason LIMIT 1
        """,
        {"sku": sku, "onset": pattern.onset},
    ).fetchone()
    if not row:
        return None
    return Named(
        None, Evidence(f"Since then {share(row[1])} of its returns give the reason {row[0]}.", True), str(row[0])
    )


def _exception(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Named | None:
    """Name the exception that rose most, and whose it usually is."""
    condition, values = filter_sql(pattern.slice)
    row = con.execute(
        f"""
        WITH told AS (
            SELECT exception_category AS category, label_at::DATE >= $onset AS since, count(*) AS n FROM parcel_facts
            WHERE ({condition}) AND label_at::DATE BETWEEN $start AND $end AND exception_category IS NOT NULL
            GROUP BY ALL
        ), days AS (SELECT $onset::DATE - $start::DATE AS before, $end::DATE - $onset::DATE + 1 AS now),
        risen AS (
            SELECT category, coalesce(sum(n) FILTER (since), 0) / any_value(now)
                           - coalesce(sum(n) FILTER (NOT since), 0) / any_value(before) AS rise
            FROM told, days GROUP BY category
        )
        SELECT category, rise / sum(greatest(rise, 0)) OVER (),
               (SELECT any_value(origin) FROM vocabulary WHERE exception_category = category)
        FROM risen WHERE rise > 0 ORDER BY rise DESC, category LIMIT 1
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    if not row:
        return None
    category, part, origin = row
    told = f"{share(part)} of the added exceptions are {str(category).replace('_', ' ')}."
    whose = origin if part >= NAMED_SHARE and origin in ORIGINS else None
    return Named(whose, Evidence(told, True), str(category))
