"""Where in the process a slice loses its time: mean hours of each step, before and since, here and elsewhere."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import duckdb

from closeloop import metrics
from closeloop.model import Pattern, Slice, Stage

BEFORE_WEEKS = 8
"""Weeks before the onset that stand for 'before'."""

MILESTONES = (
    ("ordered_at", "ordered"),
    ("ready_at", "ready"),
    ("label_at", "label"),
    ("handed_over_at", "first scan"),
    ("at_destination_at", "destination"),
    ("attempt_at", "first attempt"),
)

LONGEST_STAGE_H = 30 * 24
"""Hours at which one stage of one parcel is capped, so that a lost parcel does not carry the mean."""


def milestone_split(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> tuple[Stage, ...]:
    """Mean hours of each step for parcels of the slice and for the rest, before the onset and since.

    Only parcels that finished the step are in the mean; times over 30 days count as 30 days.
    """
    metric = metrics.by_id(pattern.metric)
    if metric.kind != "share" or metric.view == "line_facts":
        return ()
    present = [(column, name) for column, name in MILESTONES if _has(con, column)]
    pairs = list(pairwise(present))
    clock = "ready_at" if metric.view == "order_facts" else metric.at
    hours = ", ".join(
        f"avg(least(greatest(epoch({b}) - epoch({a}), 0) / 3600, {LONGEST_STAGE_H}))" for (a, _), (b, _) in pairs
    )
    condition, values = filter_sql(pattern.slice)
    rows = con.execute(
        f"""
        SELECT ({condition}) AS inside, {clock}::DATE >= $onset AS since, {hours} FROM parcel_references
        WHERE {clock}::DATE BETWEEN $start AND $end AND {clock} IS NOT NULL GROUP BY ALL ORDER BY ALL
        """,
        {**values, **span_of(pattern)},
    ).fetchall()
    groups = {(bool(row[0]), bool(row[1])): row[2:] for row in rows}
    return tuple(
        _stage(f"{start} to {end}", i, groups) for i, ((_, start), (_, end)) in enumerate(pairs)
    )  # fmt: skip


def _stage(name: str, i: int, groups: dict[tuple[bool, bool], Any]) -> Stage:
    def hours(inside: bool, since: bool) -> float:
        value = groups.get((inside, since), (None,) * (i + 1))[i]
        return round(float(value), 2) if value is not None else 0.0

    return Stage(name, hours(True, False), hours(True, True), hours(False, False), hours(False, True))


def _has(con: duckdb.DuckDBPyConnection, column: str) -> bool:
    row = con.execute(f"SELECT count({column}) FROM parcel_facts").fetchone()
    return bool(row and row[0])


def span_of(pattern: Pattern) -> dict[str, date]:
    """Return the days before and since the onset that are compared."""
    return {
        "onset": pattern.onset,
        "start": pattern.onset - timedelta(weeks=BEFORE_WEEKS),
        "end": pattern.week + timedelta(days=6),
    }


def filter_sql(where: Slice) -> tuple[str, dict[str, str]]:
    """Return a SQL condition with its values apart, since they come from data."""
    parts = [f"{dim} = $value{i}" for i, (dim, _) in enumerate(where.where)]
    return " AND ".join(parts) or "true", {f"value{i}": value for i, (_, value) in enumerate(where.where)}
