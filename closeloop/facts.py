"""Canonical tables as they were known at one instant, joined to one row per parcel, order and line."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd

from closeloop import clocks, engines
from closeloop.clocks import FIRST_DAY
from closeloop.engines import Engine
from closeloop.segments import Segment, marked
from closeloop.sources.source import Source
from closeloop.tables import ORDERS, SHIPMENTS, TABLES, Table

BASE_WEEKS = 12
"""Weeks at the start of the data whose prices and transit times are the reference for later ones."""

BASE_PARCELS = 30
"""Parcels a week, over the base period, from which it is no trickle."""

LISTS = ("regions", "postal", "services")
"""What the package knows: regions of states, states of postal areas, classes of carriers' services."""

KEPT = (
    "seen", "watched_events", "parcels", "order_facts", "ways", "parcel_facts", "exceptions", "late_chances",
)  # fmt: skip
"""Fact tables that are worked out once."""

FORGOTTEN = {"parcels": ("seen",), "parcel_facts": ("parcels", "ways")}
"""Those that are needed no more once another is made."""

NAMED = ("coded_events", "named_events", "named_returns")
"""Rows of the tables in the words of the vocabularies."""

FACTS = (
    "seen", "watched_told", "coded_watched", "watched_events", "scans", "parcels", "order_facts", "ways",
    "parcel_facts", "exceptions", "parcel_references", "longest_gaps", "scan_gaps", "replacements", "reships",
    "parcel_details", "line_facts", "parcel_weeks", "order_outcomes", "return_facts", "exception_costs",
    "promise_days", "late_chances", "order_promises",
)  # fmt: skip
"""All facts in the order in which they are made; those that are not kept are worked out when somebody asks."""

WIDER: dict[str, str] = {
    **dict.fromkeys(("parcel_facts", "parcel_references", "scan_gaps", "reships"), "parcel_details"),
    "exceptions": "exception_costs",
    "order_facts": "order_promises",
}
"""Views of the same rows, and the one that has the columns of them all."""

SITES = "SELECT DISTINCT coalesce(warehouse, 'unknown') FROM shipments_known"
REGIONS = "SELECT region FROM regions UNION SELECT dest_country FROM orders_known UNION SELECT 'unknown'"

FEW_KINDS = {
    "carrier": "SELECT carrier FROM shipments_known",
    "service": "SELECT service FROM shipments_known",
    "warehouse": SITES,
    "zone": "SELECT zone FROM shipments_known",
    "package_type": "SELECT package_type FROM shipments_known",
    "weight_band": "VALUES ('0-1 lb'), ('1-2 lb'), ('2-5 lb'), ('5-10 lb'), ('10+ lb')",
    "channel": "SELECT channel FROM orders_known",
    "campaign": "SELECT campaign FROM orders_known",
    "complexity": "VALUES ('1 line'), ('2-3 lines'), ('4+ lines')",
    "state": "SELECT dest_state FROM orders_known UNION SELECT state FROM postal",
    "region": REGIONS,
    "lane": f"SELECT site.name || ' to ' || region.name FROM ({SITES}) AS site(name), ({REGIONS}) AS region(name)",
    "weekday": "SELECT weekday FROM days",
    "cutoff": "VALUES ('after'), ('last 2 h before'), ('earlier')",
    "exception_category": "SELECT exception_category FROM words",
}
"""Texts of few kinds, with all that they can be: facts hold numbers for them, a tenth as long."""

SERVICE_CLASSES = (
    "same_day", "next_day", "two_day", "three_day", "ground", "economy", "intl_express", "intl_standard", "freight",
)  # fmt: skip
"""Classes of service by the days that they take, the fastest first."""


def build(
    con: duckdb.DuckDBPyConnection | Engine, source: Source, as_of: datetime, segments: Sequence[Segment] = ()
) -> None:
    """Make the fact tables as of a local instant; nothing that was recorded later is in them.

    Each segment is a dimension of every fact table that has its fields. Raises ValueError where none has.

    On DuckDB they are temporary tables of the connection: what does not fit into its `memory_limit` goes into its
    `temp_directory`.
    """
    engine = engines.of(con)
    _load(engine, source, as_of)
    engine.begin(source, as_of)
    instant = as_of.replace(tzinfo=ZoneInfo(source.timezone)).astimezone(UTC)
    _name_tables(engine, TABLES, instant)
    engine.pack(FEW_KINDS)
    _name_tables(engine, (ORDERS, SHIPMENTS), instant)
    engine.keep("vocabulary", _sql("vocabulary"))
    for name in NAMED:
        engine.view(name, _sql(name))
    found: set[str] = set()
    for name in FACTS:
        query = _sql(name)
        if name == "parcel_references":
            engine.load("base_period", pd.DataFrame({"ends_at": [pd.Timestamp(_base_end(engine))]}))
        columns = engine.columns(query) if segments else ()
        (engine.keep if name in KEPT else engine.view)(name, marked(query, columns, segments))
        found |= set(columns)
        for made in FORGOTTEN.get(name, ()):
            engine.forget(made)
    _check_fields(segments, found)


def _name_tables(engine: Engine, tables: Sequence[Table], instant: datetime) -> None:
    for table in tables:
        engine.view(f"{table.name}_told", _told_sql(table, instant))
        engine.view(f"{table.name}_known", _known_sql(table))


def _check_fields(segments: Sequence[Segment], known: set[str]) -> None:
    for segment in segments:
        for field in sorted(segment.fields - known):
            near = difflib.get_close_matches(field, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
            raise ValueError(f"segment {segment.name}: no field is called {field!r}{hint}")


def _load(engine: Engine, source: Source, as_of: datetime) -> None:
    """Load the small tables that facts are made with: the clock, the calendar, regions, words and classes."""
    cutoff = pd.array([source.cutoff], dtype="Int64")
    clock = {"as_of": [pd.Timestamp(as_of)], "cutoff": cutoff, "ticket_cost": [float(source.ticket_cost)]}
    engine.load("clock", pd.DataFrame(clock))
    engine.load("days", clocks.calendar(source, as_of.date() + timedelta(days=60)))
    for name in LISTS:
        text = (resources.files("closeloop.sql") / f"{name}.csv").read_text(encoding="utf-8")
        engine.load(name, pd.DataFrame(csv.DictReader(text.splitlines()), dtype="str"))
    engine.load("words", _vocabulary(source))
    engine.load("reasons", _reasons(source))
    classes = {"class": list(SERVICE_CLASSES), "speed": range(len(SERVICE_CLASSES))}
    engine.load("speeds", pd.DataFrame(classes))


def _vocabulary(source: Source) -> pd.DataFrame:
    """Read what each tracking code means, once."""
    frame = _meanings(source.vocabularies, ("code", "status", "exception_category", "origin"), str)
    return frame.where(frame != "")


def _reasons(source: Source) -> pd.DataFrame:
    """Read the class of each return reason, written in small letters and with hyphens, and whose it usually is."""
    return _meanings(source.reason_lists, ("code", "status", "origin"), _hyphened).rename(columns={"status": "class"})


def _hyphened(code: str) -> str:
    return code.strip().lower().replace("_", "-").replace(" ", "-")


def _meanings(paths: Sequence[str], names: tuple[str, ...], spelled: Callable[[str], str]) -> pd.DataFrame:
    """Read lists of codes. Raises ValueError where two systems' files do not agree on a code."""
    meaning: dict[str, dict[str, str]] = {}
    for path in paths:
        for row in csv.DictReader(Path(path).read_text(encoding="utf-8").splitlines()):
            told = {name: row[name] for name in names} | {"code": spelled(row["code"])}
            if meaning.setdefault(told["code"], told) != told:
                raise ValueError(f"{path}: {row['code']!r} means something else in another vocabulary of this source")
    return pd.DataFrame(list(meaning.values()), columns=list(names), dtype="str")


def _sql(name: str) -> str:
    if name == "coded_watched":
        return _sql("coded_events").replace("tracking_events_told", "watched_told")
    return (resources.files("closeloop.sql") / f"{name}.sql").read_text(encoding="utf-8")


def _base_end(engine: Engine) -> datetime:
    """Return the end of the base period, which begins with the first week that is not a trickle."""
    found = engine.frame(
        f"""
        WITH weeks AS (
            SELECT CAST(date_trunc('week', sent_at) AS DATE) AS week, count(*) AS n
            FROM parcel_facts WHERE sent_at IS NOT NULL GROUP BY 1
        ), bases AS (
            SELECT first.week, sum(later.n) AS n
            FROM weeks AS first JOIN weeks AS later
                ON later.week >= first.week AND later.week < first.week + INTERVAL {7 * BASE_WEEKS} DAY
            WHERE first.n >= {BASE_PARCELS} GROUP BY first.week
        )
        SELECT coalesce(
            (SELECT min(week) FROM bases WHERE n >= {BASE_PARCELS * BASE_WEEKS}), (SELECT min(week) FROM bases),
            min(week)
        ) AS week
        FROM weeks
        """
    )["week"]
    first = pd.Timestamp(found.iloc[0] if len(found.dropna()) else FIRST_DAY)
    return first.to_pydatetime() + timedelta(weeks=BASE_WEEKS)


def _told_sql(table: Table, as_of: datetime) -> str:
    """Hide what was not known yet: rows born later, and times later than the instant (promises stay)."""
    instant = f"TIMESTAMPTZ '{as_of.isoformat(sep=' ')}'"
    later = ("promised_ship_by", table.born)
    columns = [
        f"CASE WHEN {column.name} < {instant} THEN {column.name} END AS {column.name}"
        if column.kind == "instant" and column.name not in later
        else column.name
        for column in table.columns
    ]
    born = f"{table.born} < {instant}" if table.born else "true"
    return f"SELECT {', '.join(columns)} FROM store.{table.name} WHERE {born}"


def _known_sql(table: Table) -> str:
    """Show instants at the merchant's wall clock."""
    columns = [
        f"local_time({column.name}) AS {column.name}" if column.kind == "instant" else column.name
        for column in table.columns
    ]
    return f"SELECT {', '.join(columns)} FROM {table.name}_told"
