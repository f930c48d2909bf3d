"""A simulated merchant straight into checked tables, without the files between: the same rows in less time."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow as pa

from closeloop.simulate import Merchant, parcel_tables, tables
from closeloop.simulate.catalogue import products
from closeloop.tables import SQL_TYPE, TABLES

GIVEN: dict[str, dict[str, str]] = {
    "orders": {
        "order_id": "number",
        "ordered_at": "created AT TIME ZONE $zone",
        "ready_at": "greatest(paid, hold) AT TIME ZONE $zone",
        "cancelled_at": "cancelled AT TIME ZONE $zone",
        "channel": "channel",
        "campaign": "nullif(regexp_extract(campaign, 'campaign:([^,]+)', 1), '')",
        "requested_service": "shipping_method",
        "promised_date": "promised",
        "dest_country": "'US'",
        "dest_state": "state",
        "total": "round(total, 2)",
        "currency": "'USD'",
    },
    "order_lines": {
        "order_id": "number",
        "line_no": "line_no + 1",
        "sku": "sku",
        "category": "category",
        "qty": "quantity",
        "unit_price": "round(price, 2)",
    },
    "shipments": {
        "shipment_id": "tracking_code",
        "order_id": "number",
        "direction": "CASE WHEN is_return THEN 'return' ELSE 'outbound' END",
        "carrier": "carrier",
        "service": "service",
        "warehouse": "warehouse",
        "born_at": "date_trunc('second', label) AT TIME ZONE $zone",
        "label_created_at": "date_trunc('second', label) AT TIME ZONE $zone",
        "delivered_at": "date_trunc('day', delivered) AT TIME ZONE $zone",
        "voided_at": "date_trunc('second', void) AT TIME ZONE $zone",
        "zone": "zone_no",
        "package_type": "package_type",
        "weight_g": "weight_oz::INTEGER * 28.349523",
        "cost": "round(cost, 2)",
        "currency": "'USD'",
    },
    "tracking_events": {
        "shipment_id": "tracking_code",
        "occurred_at": "occurred AT TIME ZONE 'UTC'",
        "recorded_at": "recorded AT TIME ZONE 'UTC'",
        "source_status": "status",
        "source_code": "if(message LIKE 'Delivery attempted%', 'delivery_attempted', status_detail)",
        "facility": "nullif(facility, '')",
        "state": "nullif(state, '')",
    },
    "returns": {
        "return_id": "rma",
        "order_id": "number",
        "sku": "sku",
        "qty": "quantity",
        "reason": "reason",
        "requested_at": "requested AT TIME ZONE $zone",
        "received_at": "received AT TIME ZONE $zone",
        "refunded_at": "refunded AT TIME ZONE $zone",
    },
}
"""Columns of each table by those of the simulator's frames, as `params/sources/demo` reads them from files."""


def load(merchant: Merchant) -> duckdb.DuckDBPyConnection:
    """Return a connection with the merchant's canonical tables attached as `store`."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET enable_progress_bar = false")
    con.execute("ATTACH ':memory:' AS store")
    lines = tables.orders(merchant)
    category = {product.sku: product.category for product in products()}
    frames = {
        "orders": lines[lines["line_no"] == 0],
        "order_lines": lines.assign(category=lines["sku"].astype(str).map(category)),
        "shipments": parcel_tables.labels(merchant),
        "tracking_events": parcel_tables.scans(merchant),
        "returns": tables.returns(merchant),
    }
    for table in TABLES:
        _make(con, table.name, frames.get(table.name), merchant.scenario.timezone)
    return con


def _make(con: duckdb.DuckDBPyConnection, name: str, frame: pd.DataFrame | None, zone: str) -> None:
    table = next(one for one in TABLES if one.name == name)
    given = GIVEN.get(name, {})
    told = {column.name: given.get(column.name, "NULL").replace("$zone", repr(zone)) for column in table.columns}
    columns = ", ".join(f"CAST({told[c.name]} AS {SQL_TYPE[c.kind]}) AS {c.name}" for c in table.columns)
    if frame is None:
        con.execute(f"CREATE TABLE store.{name} AS SELECT {columns} LIMIT 0")
        return
    con.register("frame", pa.Table.from_pandas(frame, preserve_index=False))
    con.execute(f"CREATE TABLE store.{name} AS SELECT {columns} FROM frame")
    con.unregister("frame")
