"""Joins the rows of several systems into one merchant's tables: one order, one parcel, whatever it is called.

Each system's rows are gathered first; then orders are merged, every reference to an order is brought to the one
spelling, parcels are merged, and scans are brought to their parcel. A row that another system has too is set aside
and counted, never lost: the fuller row is kept and its gaps are filled from the other.
"""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from closeloop.sources.keys import order_key, parcel_key
from closeloop.sources.source import Source
from closeloop.tables import ORDER_LINES, ORDERS, RETURNS, SHIPMENTS, TABLES, TICKETS, TRACKING_EVENTS, Table

SAME_ORDER_DAYS = 2
"""Two systems stamp one order within minutes; days apart, equal numbers are two orders of two shops."""

EXAMPLES = 3
"""References to nothing that are shown."""

MERGED = ("is in another file too", "nothing to mend: the fuller row was used, its gaps filled from this one")
FOREIGN = ("is another order in another file", "put a prefix before the numbers of one shop, in its orders.sql")
REPEATED = ("is told by another file too", "nothing to mend: the file with the fuller rows was used")


class Match(NamedTuple):
    """How many rows of one kind found what they refer to, and the first references that are to nothing."""

    what: str
    found: int
    total: int
    examples: tuple[str, ...] = ()
    unnamed: int = 0


def gather(con: duckdb.DuckDBPyConnection, piece: Source, rank: int) -> None:
    """Move the checked tables of one system to those of all; `rank` is its place in the list."""
    for table in TABLES:
        con.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS all_{table.name} AS"
            f" SELECT *, '' AS _source, 0 AS _rank FROM {table.name} WHERE false"
        )
        con.execute(f"INSERT INTO all_{table.name} SELECT *, ?, ? FROM {table.name}", [piece.name, rank])


def combine(con: duckdb.DuckDBPyConnection) -> None:
    """Make the merchant's tables of all that was gathered; what is told twice goes to `quarantine`."""
    _merge(con, ORDERS, order_key("order_id"))
    _name_orders(con)
    _merge(con, SHIPMENTS, parcel_key("shipment_id"))
    _name_parcels(con)
    _keep_fullest(con, ORDER_LINES, "order_id")
    _keep_fullest(con, RETURNS, "order_id, sku")
    for table in (TRACKING_EVENTS, TICKETS):
        _replace(con, table, f"SELECT * FROM all_{table.name}")


def matches(con: duckdb.DuckDBPyConnection, schema: str = "") -> tuple[Match, ...]:
    """Return how many parcels, returns and tickets found their order, and scanned parcels their label."""
    orders, parcels = f"SELECT order_id FROM {schema}orders", f"SELECT shipment_id FROM {schema}shipments"
    scanned = f"(SELECT DISTINCT shipment_id FROM {schema}tracking_events)"
    asked = (
        ("parcels with their order", "order_id", orders, f"{schema}shipments"),
        ("scanned parcels with their label", "shipment_id", parcels, scanned),
        ("returned items with their order", "order_id", orders, f"{schema}returns"),
        ("tickets with their order", "order_id", orders, f"{schema}tickets"),
    )
    return tuple(match for one in asked if (match := _match(con, *one)).total)


def _match(con: duckdb.DuckDBPyConnection, what: str, column: str, known: str, rows: str) -> Match:
    [(found, total, unnamed)] = con.execute(
        f"SELECT count(*) FILTER ({column} IN ({known})), count(*), count(*) FILTER ({column} IS NULL) FROM {rows}"
    ).fetchall()
    lost = con.execute(
        f"SELECT DISTINCT {column} FROM {rows} WHERE {column} NOT IN ({known}) ORDER BY 1 LIMIT {EXAMPLES}"
    ).fetchall()
    return Match(what, int(found), int(total), tuple(str(reference) for (reference,) in lost), int(unnamed))


def _name_orders(con: duckdb.DuckDBPyConnection) -> None:
    """Bring references to the spelling of the orders: by number first, by the shop's inner id where that is clear."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE order_names AS
        WITH names AS (
            SELECT {order_key("order_id")} AS alias, order_id, 0 AS way FROM orders
            UNION ALL SELECT platform_id, order_id, 1 FROM orders WHERE platform_id IS NOT NULL
        ), best AS (SELECT * FROM names QUALIFY way = min(way) OVER (PARTITION BY alias))
        SELECT alias, min(order_id) AS order_id FROM best GROUP BY alias HAVING count(DISTINCT order_id) = 1
        """
    )
    for table in (ORDER_LINES, SHIPMENTS, RETURNS, TICKETS):
        con.execute(
            f"UPDATE all_{table.name} AS rows SET order_id = names.order_id FROM order_names AS names"
            f" WHERE names.alias = {order_key('rows.order_id')} AND rows.order_id <> names.order_id"
        )


def _name_parcels(con: duckdb.DuckDBPyConnection) -> None:
    """Bring the scans to the spelling of the parcels."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE parcel_names AS SELECT {parcel_key('shipment_id')} AS alias, shipment_id"
        " FROM shipments"
    )
    con.execute(
        "UPDATE all_tracking_events AS rows SET shipment_id = names.shipment_id FROM parcel_names AS names"
        f" WHERE names.alias = {parcel_key('rows.shipment_id')} AND rows.shipment_id <> names.shipment_id"
    )


def _merge(con: duckdb.DuckDBPyConnection, table: Table, key: str) -> None:
    """Keep one row per key, each column from the fullest row that fills it; set the other rows aside."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE twice AS SELECT *, {key} AS _key FROM all_{table.name}"
        " QUALIFY count(*) OVER (PARTITION BY _key) > 1"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE twice AS SELECT *, row_number() OVER"
        f" (PARTITION BY _key ORDER BY {_filled(table)} DESC, _rank, _file, _row) AS _place FROM twice"
    )
    same = "true"
    if table is ORDERS:
        first = "first_value(ordered_at) OVER (PARTITION BY _key ORDER BY _place)"
        same = f"abs(epoch(ordered_at) - epoch({first})) <= {SAME_ORDER_DAYS * 86400}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE twice AS SELECT *, {same} AS _same FROM twice")
    columns = ", ".join(f"{_merged(table, column.name)} AS {column.name}" for column in table.columns)
    _replace(
        con,
        table,
        f"SELECT * FROM all_{table.name} WHERE {key} NOT IN (SELECT _key FROM twice) UNION ALL BY NAME"
        f" SELECT {columns}, first(_file ORDER BY _place) AS _file, first(_row ORDER BY _place) AS _row,"
        " first(_source ORDER BY _place) AS _source FROM twice WHERE _same GROUP BY _key",
    )
    _set_aside(con, table, "_place > 1 AND _same", MERGED)
    _set_aside(con, table, "_place > 1 AND NOT _same", FOREIGN)


def _filled(table: Table) -> str:
    return " + ".join(f"({column.name} IS NOT NULL)::INT" for column in table.columns)


def _merged(table: Table, column: str) -> str:
    """A label is born when the first system knew it; a return label is one, whatever an outbound file says."""
    if table is SHIPMENTS and column == "born_at":
        return "min(born_at)"
    if table is SHIPMENTS and column == "direction":
        return "CASE WHEN bool_or(direction = 'return') THEN 'return' ELSE min(direction) END"
    if table is SHIPMENTS and column == "currency":
        return "coalesce(first(currency ORDER BY _place) FILTER (cost IS NOT NULL), min(currency))"
    return f"first({column} ORDER BY _place) FILTER ({column} IS NOT NULL)"


def _keep_fullest(con: duckdb.DuckDBPyConnection, table: Table, group: str) -> None:
    """Keep, for each group, the rows of the one system that tells most; a sum over two would count twice."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE twice AS
        WITH told AS (SELECT {group}, _rank, max({_filled(table)}) AS filled FROM all_{table.name} GROUP BY ALL),
        best AS (
            SELECT * FROM told QUALIFY row_number() OVER (PARTITION BY {group} ORDER BY filled DESC, _rank) = 1
        )
        SELECT rows.* FROM all_{table.name} AS rows JOIN best USING ({group}) WHERE rows._rank <> best._rank
        """
    )
    _replace(con, table, f"SELECT * FROM all_{table.name} ANTI JOIN twice USING ({group}, _rank)")
    _set_aside(con, table, "true", REPEATED)


def _replace(con: duckdb.DuckDBPyConnection, table: Table, rows: str) -> None:
    names = ", ".join(column.name for column in table.columns)
    con.execute(f"CREATE OR REPLACE TABLE {table.name} AS SELECT {names}, _file, _row, _source FROM ({rows})")


def _set_aside(con: duckdb.DuckDBPyConnection, table: Table, condition: str, said: tuple[str, str]) -> None:
    key = table.key[0]
    con.execute(
        f"INSERT INTO quarantine SELECT '{table.name}', _file, _row, '{key}', {key}, ?, ? FROM twice"
        f" WHERE {condition}",
        [f"{key} {said[0]}", said[1]],
    )
