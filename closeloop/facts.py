"""Canonical tables as they were known at one instant, joined to one row per parcel, order and line."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path

import duckdb

from closeloop.segments import Segment, marked
from closeloop.sources.source import WEEKDAYS, Source
from closeloop.tables import TABLES, Table

BASE_WEEKS = 12
"""Weeks at the start of the data whose prices and transit times are the reference for later ones."""

BASE_PARCELS = 30
"""Parcels in a week from which it can begin the base period."""

FACTS = ("scans", "order_facts", "parcel_facts", "parcel_references", "line_facts")
"""Fact tables in the order in which they are made."""

LISTS = ("regions", "postal", "services")

SERVICE_CLASSES = (
    "same_day", "next_day", "two_day", "three_day", "ground", "economy", "intl_express", "intl_standard", "freight",
)  # fmt: skip
"""Classes of service by the days that they take, the fastest first."""

VIEWS = ("exceptions", "parcel_weeks", "scan_gaps", "reships", "order_outcomes", "return_facts")
"""Facts that are worked out when somebody asks for them."""


def build(con: duckdb.DuckDBPyConnection, source: Source, as_of: datetime, segments: Sequence[Segment] = ()) -> None:
    """Make the fact tables as of a local instant; nothing that was recorded later is in them.

    Each segment is a dimension of every fact table that has its fields. Raises ValueError where none has.
    """
    con.execute(f"SET TimeZone = '{source.timezone}'")
    for table in TABLES:
        con.execute(_known_sql(table), {"as_of": as_of.isoformat(sep=" ")})
    _load_lists(con)
    _load_vocabulary(con, source)
    _load_working_days(con, source, as_of.date())
    con.execute(
        "CREATE OR REPLACE TEMP TABLE clock AS SELECT $as_of::TIMESTAMP AS as_of, $cutoff::INT AS cutoff",
        {"as_of": as_of, "cutoff": source.cutoff},
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW named_events AS {_sql('named_events', con)}")
    found: set[str] = set()
    for name, kind in (*((one, "TABLE") for one in FACTS), *((one, "VIEW") for one in VIEWS)):
        query = _sql(name, con)
        columns = [str(row[0]) for row in con.execute(f"DESCRIBE {query}").fetchall()] if segments else []
        con.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {marked(query, columns, segments)}")
        found |= set(columns)
    _check_fields(segments, found)


def _check_fields(segments: Sequence[Segment], known: set[str]) -> None:
    for segment in segments:
        for field in sorted(segment.fields - known):
            near = difflib.get_close_matches(field, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
            raise ValueError(f"segment {segment.name}: no field is called {field!r}{hint}")


def _sql(name: str, con: duckdb.DuckDBPyConnection) -> str:
    text = (resources.files("closeloop.sql") / f"{name}.sql").read_text(encoding="utf-8")
    return text.replace("$base_end", f"TIMESTAMP '{_base_end(con)}'") if "$base_end" in text else text


def _base_end(con: duckdb.DuckDBPyConnection) -> datetime:
    """Return the end of the base period, which begins with the first week that is not a trickle."""
    row = con.execute(
        f"""
        WITH weeks AS (
            SELECT date_trunc('week', coalesce(label_at, handed_over_at)) AS week, count(*) AS n
            FROM parcel_facts GROUP BY 1
        )
        SELECT coalesce(min(week) FILTER (n >= {BASE_PARCELS}), min(week)) FROM weeks WHERE week IS NOT NULL
        """
    ).fetchone()
    first = row[0] if row and row[0] else date(1970, 1, 1)
    return datetime(first.year, first.month, first.day) + timedelta(weeks=BASE_WEEKS)


def _known_sql(table: Table) -> str:
    """Hide what was not known yet: rows born later, and times later than $as_of (promises stay)."""
    columns = [
        f"CASE WHEN {c.name} < $as_of::TIMESTAMPTZ THEN {c.name}::TIMESTAMP END AS {c.name}"
        if c.kind == "instant" and c.name != "promised_ship_by"
        else f"{c.name}::TIMESTAMP AS {c.name}"
        if c.kind == "instant"
        else c.name
        for c in table.columns
    ]
    born = f"{table.born} < $as_of::TIMESTAMPTZ" if table.born else "$as_of IS NOT NULL"
    return (
        f"CREATE OR REPLACE TEMP TABLE {table.name}_known AS"
        f" SELECT {', '.join(columns)} FROM store.{table.name} WHERE {born}"
    )


def _load_lists(con: duckdb.DuckDBPyConnection) -> None:
    """Load what the package knows: regions of states, states of postal areas, classes of carriers' services."""
    for name in LISTS:
        text = (resources.files("closeloop.sql") / f"{name}.csv").read_text(encoding="utf-8")
        rows = list(csv.DictReader(text.splitlines()))
        _load_rows(con, name, tuple(rows[0]), rows)


def _load_vocabulary(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Load what each code means, once. Raises ValueError where two systems' files do not agree on a code."""
    names = ("code", "status", "exception_category", "origin")
    meaning: dict[str, dict[str, str]] = {}
    for path in source.vocabularies:
        for row in csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()):
            told = {name: row[name] for name in names}
            if meaning.setdefault(row["code"], told) != told:
                raise ValueError(f"{path}: {row['code']!r} means something else in another vocabulary of this source")
    _load_rows(con, "vocabulary", names, list(meaning.values()))


def _load_rows(
    con: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...], rows: list[dict[str, str]]
) -> None:
    columns = ", ".join(f"{name} VARCHAR" for name in names)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} ({columns})")
    if rows:
        marks = ", ".join("?" for _ in names)
        con.executemany(f"INSERT INTO {table} VALUES ({marks})", [[row[n] or None for n in names] for row in rows])


def _load_working_days(con: duckdb.DuckDBPyConnection, source: Source, until: date) -> None:
    """Number the working days, so that `due(t, k)` is the instant k working days after t.

    A day has 24 business hours; a clock that starts on a day off starts the next working day at 0:00.
    """
    working = ", ".join(f"'{day}'" for day in source.working_days) or "'none'"
    off = ", ".join(f"DATE '{day}'" for day in source.holidays) or "DATE '1900-01-01'"
    if set(source.working_days) - set(WEEKDAYS):
        raise ValueError(f"working_days: allowed are {', '.join(WEEKDAYS)}")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE days AS
        WITH days AS (
            SELECT day::DATE AS day, strftime(day, '%a') IN ({working}) AND day::DATE NOT IN ({off}) AS working
            FROM generate_series(DATE '2000-01-01', DATE '{until + timedelta(days=60)}', INTERVAL 1 DAY) g(day)
        )
        SELECT *, sum(working::INT) OVER (ORDER BY day) AS no FROM days
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP MACRO due(t, k) AS (
            SELECT later.day + CASE WHEN today.working THEN t - date_trunc('day', t) ELSE INTERVAL 0 HOUR END
            FROM days AS today JOIN days AS later
              ON later.working AND later.no = today.no + k + (NOT today.working)::INT
            WHERE today.day = t::DATE
        )
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP MACRO business_hours(a, b) AS (
            SELECT (till.no - since.no - till.working::INT + since.working::INT) * 24
                   + CASE WHEN till.working THEN epoch(b - date_trunc('day', b)) / 3600 ELSE 0 END
                   - CASE WHEN since.working THEN epoch(a - date_trunc('day', a)) / 3600 ELSE 0 END
            FROM days AS since JOIN days AS till ON till.day = b::DATE WHERE since.day = a::DATE
        )
        """
    )
    classes = "', '".join(SERVICE_CLASSES)
    con.execute(f"CREATE OR REPLACE TEMP MACRO speed(class) AS list_position(['{classes}'], class)")
