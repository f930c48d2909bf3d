"""DuckDB: macros for the merchant's clock and calendar, and lists of names for texts of few kinds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from closeloop.clocks import BUSINESS_HOURS, DUE, local_time_sql
from closeloop.engines.base import Engine
from closeloop.sources.source import Source

BATCH = 131_072
"""Rows that are handed over at once: enough to hide the work that each batch costs, about 100 MB."""


def of(con: duckdb.DuckDBPyConnection | Engine) -> Engine:
    """Return the engine of a DuckDB connection; any other engine is one already."""
    return con if isinstance(con, Engine) else DuckEngine(con)


class DuckEngine:
    """A DuckDB connection in which the checked tables are attached as `store`."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.packed: tuple[str, ...] = ()

    def begin(self, source: Source, as_of: datetime) -> None:
        """Make `local_time(t)`, and `due(t, k)` and `business_hours(a, b)` of the merchant's calendar."""
        self.con.execute(f"SET TimeZone = '{source.timezone}'")
        self.con.execute(f"CREATE OR REPLACE TEMP MACRO local_time(t) AS ({local_time_sql(source.timezone, as_of)})")
        self.con.execute(f"CREATE OR REPLACE TEMP MACRO row_key(x) AS ({self.key_sql()})")
        self.con.execute(f"CREATE OR REPLACE TEMP MACRO due(t, k) AS ({DUE})")
        self.con.execute(f"CREATE OR REPLACE TEMP MACRO business_hours(a, b) AS ({BUSINESS_HOURS})")

    def key_sql(self) -> str:
        """Return a number of 64 bits for a text; the text itself should two orders or parcels share a number."""
        for table, column in (("orders", "order_id"), ("shipments", "shipment_id")):
            keys = np.sort(self.con.execute(f"SELECT hash({column}) AS key FROM store.{table}").fetchnumpy()["key"])
            if np.any(keys[1:] == keys[:-1]):
                return "x"
        return "CASE WHEN x IS NOT NULL THEN hash(x) END"

    def load(self, name: str, frame: pd.DataFrame) -> None:
        """Make a small table of a frame."""
        self.con.register("loaded", frame)
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM loaded")
        self.con.unregister("loaded")

    def view(self, name: str, sql: str) -> None:
        """Name a SELECT, with numbers of a list for texts of few kinds once `pack` knows them."""
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {self._packed(sql)}")

    def forget(self, name: str) -> None:
        """Give back the room of rows that were kept."""
        self.con.execute(f"DROP TABLE {name}")

    def keep(self, name: str, sql: str) -> None:
        """Work out a SELECT once, with numbers of a list for texts of few kinds: a tenth of the room and time."""
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {self._packed(sql)}")

    def _packed(self, sql: str) -> str:
        if not self.packed:
            return sql
        columns = {str(row[0]): str(row[1]) for row in self.con.execute(f"DESCRIBE {sql}").fetchall()}
        casts = [
            f"{column}::{column}_values AS {column}" for column in self.packed if columns.get(column) == "VARCHAR"
        ]
        return f"SELECT * REPLACE ({', '.join(casts)}) FROM ({sql})" if casts else sql

    def pack(self, lists: dict[str, str]) -> None:
        """Make a type for each list of names."""
        for column, values in lists.items():
            every = f"{values} UNION VALUES ('unknown'), ('none')"
            named = f"SELECT DISTINCT name FROM ({every}) AS v(name) WHERE name IS NOT NULL ORDER BY 1"
            self.con.execute(f"CREATE OR REPLACE TYPE {column}_values AS ENUM ({named})")
        self.packed = tuple(lists)

    def columns(self, sql: str) -> tuple[str, ...]:
        """Return the names of the columns of a SELECT."""
        return tuple(str(row[0]) for row in self.con.execute(f"DESCRIBE {sql}").fetchall())

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the rows of a SELECT."""
        return self.con.execute(sql).df()

    def batches(self, sql: str) -> Iterator[Any]:
        """Return the rows of a SELECT as Arrow record batches."""
        return iter(self.con.sql(sql).to_arrow_reader(BATCH))
