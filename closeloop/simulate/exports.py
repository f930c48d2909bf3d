"""The files a merchant exports, cut at the export time, with the quirks of the systems that write them."""

import re
from pathlib import Path

import duckdb
import pandas as pd

from closeloop.simulate import columns, parcel_tables, tables
from closeloop.simulate.merchant import Merchant
from closeloop.simulate.truths import write_truths

FILES = (
    "shopify_orders.csv",
    "shipstation_shipments.csv",
    "tracker_events.csv",
    "returns.csv",
    "products.csv",
)


def write_exports(merchant: Merchant, folder: Path) -> None:
    """Write FILES into `folder`, and the planted truths into `folder`/answers/truths.json.

    Only what was recorded before `scenario.exported_at` is in the files. Existing files are replaced.
    """
    (folder / "answers").mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        write(connection, tables.orders(merchant), columns.SHOPIFY, folder / "shopify_orders.csv")
        write(
            connection,
            parcel_tables.labels(merchant),
            columns.SHIPSTATION,
            folder / "shipstation_shipments.csv",
        )
        write(connection, parcel_tables.scans(merchant), columns.TRACKER, folder / "tracker_events.csv")
        write(connection, tables.returns(merchant), columns.RETURNS, folder / "returns.csv")
        write(connection, tables.products_table(), columns.PRODUCTS, folder / "products.csv")
    for name in ("shopify_orders.csv", "returns.csv"):
        unquote_order_names(folder / name)
    write_truths(merchant.scenario, folder / "answers" / "truths.json")


def unquote_order_names(path: Path) -> None:
    """Write `#1001` bare, as Shopify does; DuckDB quotes it, for `#` may begin a comment elsewhere."""
    path.write_bytes(re.sub(rb'"(#\d+)"', rb"\1", path.read_bytes()))


def write(
    connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame, expressions: dict[str, str], path: Path
) -> None:
    """Write a frame as CSV in row order, one column per SQL expression over the frame's columns."""
    connection.register("export_rows", frame)
    chosen = ", ".join(f'{sql or "NULL"} AS "{name}"' for name, sql in expressions.items())
    target = str(path).replace("'", "''")
    connection.execute(f"COPY (SELECT {chosen} FROM export_rows) TO '{target}' (FORMAT csv, HEADER)")
    connection.unregister("export_rows")
