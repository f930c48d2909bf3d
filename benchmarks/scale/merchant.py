"""Opens the generated merchant: its Parquet files stand where the checked tables of a source would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from benchmarks.scale.generate import LAST_WEEK, TIMEZONE
from closeloop import cube, facts
from closeloop.cube import Cube
from closeloop.model import Metric
from closeloop.sources.source import Source
from closeloop.tables import SQL_TYPE, TABLES

SETTINGS = {"threads": 2, "memory_limit": "2500MB", "preserve_insertion_order": "false"}
WORKING_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
VOCABULARY = Path(__file__).parents[2] / "params" / "vocabulary" / "easypost.csv"
SCANS = "tracking_events"

REDUCE = """
SELECT date_trunc('week', first_scan_at::TIMESTAMP)::DATE AS week, count(*) AS parcels,
       count(delivered_at) AS delivered, count(*) FILTER (WHERE exception) AS exceptions
FROM (
    SELECT shipment_id,
           min(occurred_at) FILTER (WHERE source_code <> 'label_created') AS first_scan_at,
           min(occurred_at) FILTER (WHERE source_status = 'delivered') AS delivered_at,
           bool_or(source_code IN ('delayed', 'held', 'weather_delay', 'address_correction')) AS exception
    FROM read_parquet($files) GROUP BY shipment_id
)
GROUP BY 1 ORDER BY 1
"""
"""The least that any such tool must do: one row per parcel, and parcels by week."""


@contextmanager
def connected(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB with two threads, 2.5 GB, and a folder for what does not fit, which goes away afterwards."""
    with (
        TemporaryDirectory(dir=folder) as scratch,
        duckdb.connect(config={**SETTINGS, "temp_directory": scratch}) as con,
    ):
        con.execute(f"SET TimeZone = '{TIMEZONE}'")
        con.execute("SET enable_progress_bar = false")
        yield con


def reduced(folder: Path) -> int:
    """Run the hand-written statement; return its number of weeks."""
    with connected(folder) as con:
        return len(con.execute(REDUCE, {"files": f"{folder}/{SCANS}_*.parquet"}).fetchall())


def cubed(folder: Path, metrics: Iterable[Metric]) -> Cube:
    """Make the facts and the cube of the last week from the Parquet files."""
    with connected(folder) as con:
        con.execute("ATTACH ':memory:' AS store")
        for table in TABLES:
            files = f"{folder}/{table.name}{'_*' if table.name == SCANS else ''}.parquet"
            columns = ", ".join(f"NULL::{SQL_TYPE[column.kind]} AS {column.name}" for column in table.columns)
            rows = f"SELECT {columns} WHERE false" if table.name == "events" else f"FROM read_parquet('{files}')"
            con.execute(f"CREATE VIEW store.{table.name} AS {rows}")
        facts.build(con, source(folder), cube.as_of(LAST_WEEK))
        return cube.build(con, LAST_WEEK, metrics)


def source(folder: Path) -> Source:
    """The generated merchant as a source."""
    return Source(
        name="scale", title="Scale", folder=folder, files=(), selects=(), timezone=TIMEZONE, currency="USD",
        vocabulary=str(VOCABULARY), working_days=WORKING_DAYS,
    )  # fmt: skip
