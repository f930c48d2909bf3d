"""The weeks of a merchant: how they are written, and which of them the files hold whole."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb

from closeloop.sources.source import Source

THIN_INTAKE = 0.3
"""A week with less than this share of the usual orders is not a complete week of trading."""


def newest(con: duckdb.DuckDBPyConnection, merchant: Source) -> date:
    """Return the newest week that the files hold whole, at the usual pace of orders."""
    weeks = _weeks(con, merchant)
    usual = sorted(count for _, count in weeks)[len(weeks) // 2] if weeks else 0
    until = known_until(con, merchant)
    whole = [week for week, n in weeks if n >= THIN_INTAKE * usual and week + timedelta(days=7) <= until]
    if not whole:
        raise ValueError(f"{merchant.folder}: the orders do not fill one whole week yet")
    return whole[-1]


def _weeks(con: duckdb.DuckDBPyConnection, merchant: Source) -> list[tuple[date, int]]:
    con.execute(f"SET TimeZone = '{merchant.timezone}'")
    return con.execute(
        "SELECT date_trunc('week', ordered_at::TIMESTAMP)::DATE AS week, count(*) FROM store.orders"
        " GROUP BY 1 ORDER BY 1"
    ).fetchall()


def known_until(con: duckdb.DuckDBPyConnection, merchant: Source) -> date:
    """Return the day on which the newest order, label or scan was recorded."""
    con.execute(f"SET TimeZone = '{merchant.timezone}'")
    [row] = con.execute(
        """
        SELECT greatest((SELECT max(ordered_at) FROM store.orders), (SELECT max(born_at) FROM store.shipments),
                        (SELECT max(recorded_at) FROM store.tracking_events))::TIMESTAMP::DATE
        """
    ).fetchall()
    if not row or row[0] is None:
        raise ValueError(f"{merchant.folder}: there is not one usable order; see `closeloop check`")
    return row[0]


def check(con: duckdb.DuckDBPyConnection, merchant: Source, week: date) -> None:
    """Raise ValueError unless the orders of the files reach into that week."""
    weeks = _weeks(con, merchant)
    if not weeks[0][0] <= week <= weeks[-1][0]:
        first, last = iso(weeks[0][0]), iso(weeks[-1][0])
        raise ValueError(f"week {iso(week)}: the orders run from {first} to {last}")


def iso(week: date) -> str:
    """Write a week's Monday as `2026-W47`."""
    year, number, _ = week.isocalendar()
    return f"{year}-W{number:02d}"


def parse(text: str) -> date:
    """Return the Monday of `2026-W47`. Raises ValueError for anything else."""
    year, _, number = text.partition("-W")
    try:
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError as error:
        raise ValueError(f"week {text!r}: write an ISO week that exists, such as 2026-W47") from error


def parse_day(text: str) -> date:
    """Return the day of `2026-10-29`. Raises ValueError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"day {text!r}: write a day that exists, such as 2026-10-29") from error


def at_six(day: date) -> datetime:
    """Return six in the morning of a day, when reports are made."""
    return datetime(day.year, day.month, day.day, 6)
