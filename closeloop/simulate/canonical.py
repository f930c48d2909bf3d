"""A simulated merchant as canonical tables at once: what its exports hold, without writing and reading files."""

import duckdb
import pandas as pd

from closeloop.simulate import parcel_tables, tables
from closeloop.simulate.catalogue import products
from closeloop.simulate.clocks import utc_times
from closeloop.simulate.merchant import Merchant
from closeloop.simulate.scenario import Scenario
from closeloop.tables import SQL_TYPE, TABLES

INSTANTS = {
    "orders": ("created", "paid", "hold", "cancelled"),
    "labels": ("label", "delivered", "void"),
    "returns": ("requested", "received", "refunded"),
}
"""Local times of each frame; they become UTC before DuckDB sees them."""

SELECTS = {
    "orders": """
        SELECT number AS order_id, created AS ordered_at, greatest(paid, hold) AS ready_at,
               cancelled AS cancelled_at, channel,
               nullif(replace(campaign::VARCHAR, 'campaign:', ''), '') AS campaign,
               shipping_method AS requested_service, promised AS promised_date, 'US' AS dest_country,
               state AS dest_state, round(total, 2) AS total, 'USD' AS currency
        FROM orders_frame WHERE line_no = 0""",
    "order_lines": """
        SELECT number AS order_id, line_no + 1 AS line_no, sku, category, quantity AS qty, price AS unit_price
        FROM orders_frame JOIN catalogue_frame USING (sku)""",
    "shipments": """
        SELECT tracking_code AS shipment_id, number AS order_id,
               CASE WHEN is_return THEN 'return' ELSE 'outbound' END AS direction, carrier, service, warehouse,
               label AS born_at, label AS label_created_at, delivered AS delivered_at, void AS voided_at,
               zone_no AS zone, package_type, weight_oz::INTEGER * 28.349523::DOUBLE AS weight_g,
               round(cost, 2) AS cost, 'USD' AS currency
        FROM labels_frame""",
    "tracking_events": """
        SELECT tracking_code AS shipment_id, occurred AT TIME ZONE 'UTC' AS occurred_at,
               recorded AT TIME ZONE 'UTC' AS recorded_at, status AS source_status,
               CASE WHEN message::VARCHAR LIKE 'Delivery attempted%' THEN 'delivery_attempted'
                    ELSE status_detail::VARCHAR END AS source_code,
               nullif(facility::VARCHAR, '') AS facility, nullif(state::VARCHAR, '') AS state
        FROM scans_frame""",
    "returns": """
        SELECT rma AS return_id, number AS order_id, sku, quantity AS qty, reason, requested AS requested_at,
               received AS received_at, refunded AS refunded_at
        FROM returns_frame
        QUALIFY row_number() OVER (PARTITION BY rma, number, sku ORDER BY line_no) = 1""",
}


def write_tables(merchant: Merchant, con: duckdb.DuckDBPyConnection, schema: str = "store") -> None:
    """Make the canonical tables of what was recorded before `scenario.exported_at` in a schema of `con`.

    They hold what `write_exports` followed by reading the files gives, in a tenth of the time.
    """
    con.execute("SET TimeZone = 'UTC'")
    for name, frame in frames(merchant).items():
        con.register(f"{name}_frame", frame)
    for table in TABLES:
        columns = ", ".join(f"{column.name} {SQL_TYPE[column.kind]}" for column in table.columns)
        con.execute(f"CREATE TABLE {schema}.{table.name} ({columns})")
        if table.name in SELECTS:
            con.execute(f"INSERT INTO {schema}.{table.name} BY NAME ({SELECTS[table.name]})")
    for name in ("orders", "catalogue", "labels", "scans", "returns"):
        con.unregister(f"{name}_frame")


def frames(merchant: Merchant) -> dict[str, pd.DataFrame]:
    """What each system knows at the export, with UTC times where the tables hold instants."""
    labels = parcel_tables.labels(merchant)
    labels["delivered"] = labels["delivered"].dt.normalize()
    made = {"orders": tables.orders(merchant), "labels": labels, "returns": tables.returns(merchant)}
    for name, columns in INSTANTS.items():
        for column in columns:
            made[name][column] = instants(made[name][column], merchant.scenario)
    skus = pd.DataFrame([(product.sku, product.category) for product in products()], columns=["sku", "category"])
    return {**made, "scans": parcel_tables.scans(merchant), "catalogue": skus}


def instants(local: pd.Series, scenario: Scenario) -> pd.Series:
    """Wall-clock times as instants."""
    return pd.Series(utc_times(pd.DatetimeIndex(local), scenario).tz_localize("UTC"), index=local.index)
