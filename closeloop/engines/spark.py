"""Spark: the same SQL, turned into Spark's dialect. Needs pyspark, Java and sqlglot."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlglot
from pyspark.sql import DataFrame, SparkSession
from sqlglot import exp

from closeloop.sources.source import Source
from closeloop.tables import TABLES


class SparkEngine:
    """A Spark session in which wall-clock times are kept as times in UTC, so that no hour is twice or missing."""

    def __init__(self, session: SparkSession) -> None:
        self.session = session
        self.timezone = "UTC"
        session.conf.set("spark.sql.session.timeZone", "UTC")

    def read(self, tables: Path | str) -> None:
        """Take the checked tables from Parquet files or folders named `orders.parquet`, `shipments.parquet`, ...

        They lie in a folder, or at any address below which the session can read.
        """
        for table in TABLES:
            self._name(f"store_{table.name}", self.session.read.parquet(f"{tables}/{table.name}.parquet"))

    def begin(self, source: Source, as_of: datetime) -> None:
        """Learn the merchant's zone; `as_of` needs nothing of its own here."""
        del as_of
        self.timezone = source.timezone

    def load(self, name: str, frame: pd.DataFrame) -> None:
        """Make a small table of a frame."""
        zoned = {str(c): frame[c].dt.tz_localize("UTC") for c in frame.select_dtypes("datetime")}
        table = pa.Table.from_pandas(frame.assign(**zoned), preserve_index=False)
        self._name(name, self.session.createDataFrame(table))

    def view(self, name: str, sql: str) -> None:
        """Name a SELECT."""
        self._name(name, self._select(sql))

    def keep(self, name: str, sql: str) -> None:
        """Work out a SELECT once."""
        self._name(name, self._select(sql).localCheckpoint())

    def pack(self, lists: dict[str, str]) -> None:
        """Leave texts as they are: Spark's own columns hold each text once."""

    def forget(self, name: str) -> None:
        """Give back the room of rows that were kept."""
        self.session.catalog.dropTempView(name)

    def columns(self, sql: str) -> tuple[str, ...]:
        """Return the names of the columns of a SELECT."""
        return tuple(self._select(sql).columns)

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the rows of a SELECT."""
        return self._select(sql).toPandas()

    def batches(self, sql: str) -> None:
        """Keep rows where they are: Spark adds them up itself."""

    def _select(self, sql: str) -> DataFrame:
        return self.session.sql(to_spark(sql, self.timezone))

    def _name(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)


def to_spark(sql: str, timezone: str) -> str:
    """Turn a SELECT of DuckDB's dialect into Spark's, with `local_time` in a zone."""
    zone = exp.Literal.string(timezone)
    return sqlglot.parse_one(sql, read="duckdb").transform(partial(_turned, zone=zone)).sql("spark")


def _turned(node: Any, zone: exp.Literal) -> Any:
    match node:
        case exp.Table() if node.db == "store":
            return exp.to_table(f"store_{node.name}", alias=node.alias or None)
        case exp.Anonymous():
            return _called(node, zone)
        case exp.TimeToUnix():
            return exp.Paren(
                this=exp.Div(this=exp.func("unix_micros", node.this), expression=exp.Literal.number("1e6"))
            )
        case exp.PercentileCont():
            return exp.func("percentile", node.this, node.expression)
        case _:
            return _typed(node)


def _typed(node: Any) -> Any:
    match node:
        case exp.Cast() if node.to.this == exp.DataType.Type.USERDEFINED:  # a list of few texts
            return node.this
        case exp.DataType() if node.this in (exp.DataType.Type.TIMESTAMPNTZ, exp.DataType.Type.TIMESTAMP):
            return exp.DataType.build("TIMESTAMPTZ")
        case _:
            return node


def _called(node: Any, zone: exp.Literal) -> Any:
    match node.name.lower(), node.expressions:
        case "local_time", [t]:
            return exp.func("from_utc_timestamp", t, zone)
        case "row_key", [x]:
            return x
        case "epoch_us", [t]:
            return exp.func("unix_micros", t)
        case _:
            return node
