"""Local times that the clocks show twice, or never, in the night in which they are changed: counted and named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

from closeloop.sources.source import Source
from closeloop.tables import Table

TOLD = (
    "CREATE OR REPLACE TEMP TABLE clock_changes"
    " (table_name VARCHAR, column_name VARCHAR, twice BOOLEAN, n BIGINT, example VARCHAR)"
)
"""Makes the table into which `record` puts what it counts."""

WITH_OFFSET = r":\d{2}(\.\d+)?\s*(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?)$"
"""A time that says by itself how far it is from UTC."""


def record(con: duckdb.DuckDBPyConnection, source: Source, table: Table, given: frozenset[str]) -> None:
    """Count in the table `typed` the times without an offset that fall into an hour shown twice, or left out.

    Such a time is read, since it is wrong by an hour at most: as the later of the two that it can be.
    """
    for column in (c.name for c in table.columns if c.kind == "instant" and c.name in given):
        spans = list(_spans(con, source, column))
        for twice in (True, False):
            hours = [(since, until) for kind, since, until in spans if kind == twice]
            if hours:
                con.execute(_count_sql(source, table.name, column, twice, hours))


def _count_sql(source: Source, table: str, column: str, twice: bool, hours: list[tuple[datetime, datetime]]) -> str:
    """Count the times in some hours on the wall; most rows are passed over by the day of their instant."""
    text, day = f"trim(raw_{column})", timedelta(days=1)
    near = " OR ".join(
        f"{column} BETWEEN TIMESTAMPTZ '{since - day}+00' AND TIMESTAMPTZ '{until + day}+00'"
        for since, until in hours
    )
    inside = " OR ".join(f"(local >= TIMESTAMP '{since}' AND local < TIMESTAMP '{until}')" for since, until in hours)
    return f"""
        INSERT INTO clock_changes
        SELECT '{table}', '{column}', {twice}, count(*), min(text) FROM (
            SELECT {text} AS text, {_local_sql(source, text)} AS local
            FROM typed WHERE ({near}) AND NOT regexp_matches({text}, '{WITH_OFFSET}')
        ) WHERE {inside} HAVING count(*) > 0
    """


def sentences(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[str, ...]:
    """Say what was counted, a sentence for each column and kind of hour."""
    rows = con.execute("SELECT * FROM clock_changes ORDER BY ALL").fetchall()
    return tuple(_sentence(source, *row) for row in rows)


def _sentence(source: Source, table: str, column: str, twice: bool, n: int, example: str) -> str:
    times = "1 time" if n == 1 else f"{n:,} times"
    verb = "lies" if n == 1 else "lie"
    which = "show twice when they are put back" if twice else "leave out when they are put forward"
    how = "as the later of the two" if twice else "as the hour after it"
    return (
        f"{table}.{column}: {times} without an offset {verb} in an hour that the clocks of {source.timezone} {which}"
        f" (such as {example[:40]}), and {'is' if n == 1 else 'are'} read {how}: they can be wrong by that hour."
        " If the file can give the offset, or UTC, export that."
    )


def _local_sql(source: Source, text: str) -> str:
    plain = f"TRY_CAST({text} AS TIMESTAMP)"
    if not source.time_formats:
        return plain
    formats = ", ".join("'" + one.replace("'", "''") + "'" for one in source.time_formats)
    return f"coalesce({plain}, try_strptime({text}, [{formats}])::TIMESTAMP)"


def _spans(con: duckdb.DuckDBPyConnection, source: Source, column: str) -> Iterator[tuple[bool, datetime, datetime]]:
    """Yield the hours on the wall that are shown twice (True) or left out (False) in the years of a column."""
    ends = (f"least(greatest({end}({column})::DATE, '1970-01-01'), '2100-01-01')" for end in ("min", "max"))
    found = con.execute(f"SELECT {', '.join(ends)} FROM typed").fetchall()
    first, last = found[0] if found else (None, None)
    if first is None or last is None:
        return
    zone, day = ZoneInfo(source.timezone), first - timedelta(days=2)
    while day <= last + timedelta(days=2):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        before, after = _offset(zone, at), _offset(zone, at + timedelta(days=1))
        if before != after:
            change = _change(zone, at)
            wall = change.replace(tzinfo=None)
            yield after < before, wall + min(before, after), wall + max(before, after)
        day += timedelta(days=1)


def _change(zone: ZoneInfo, day: datetime) -> datetime:
    """Return the minute in which a zone's offset changes within a day that begins at an instant."""
    old, low, high = _offset(zone, day), 0, 24 * 60
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, day + timedelta(minutes=middle)) == old else (low, middle)
    return day + timedelta(minutes=high)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()
