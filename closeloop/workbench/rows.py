"""From a number to the parcels behind it, and from a parcel to what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from closeloop import words
from closeloop.loop import Loop
from closeloop.model import Metric
from closeloop.slices import filter_sql
from closeloop.workbench import names
from closeloop.workbench.answers import Answer, Column, plain
from closeloop.workbench.asked import Period, Subject

SHOWN = {
    "shipment_id": "Parcel", "order_id": "Order", "return_id": "Return", "sku": "SKU", "carrier": "Carrier",
    "service": "Service", "channel": "Channel", "warehouse": "Warehouse", "region": "Region", "zone": "Zone",
    "complexity": "Size", "weight_band": "Weight", "category": "Category", "ordered_at": "Ordered",
    "ready_at": "Ready",
    "label_at": "Label", "handed_over_at": "First scan", "promised_date": "Promised", "attempt_at": "First attempt",
    "delivered_at": "Delivered", "cancelled_at": "Cancelled", "exception_category": "Exception",
    "requested_at": "Return asked", "received_at": "Came back", "refunded_at": "Refunded", "opened_at": "Opened",
    "closed_at": "Closed", "cost": "Cost",
}  # fmt: skip
"""Columns that a list of parcels, orders or lines shows: none of them can hold what a person wrote."""

KINDS = {"order_facts": "orders", "order_outcomes": "orders", "order_promises": "orders",
         "line_facts": "order lines", "return_facts": "returns", "exceptions": "exceptions",
         "parcel_weeks": "parcel weeks"}  # fmt: skip

Only = str
WHICH = ("counted", "all")

MOMENTS = (
    ("ordered_at", "ordered"), ("ready_at", "ready to ship"), ("cancelled_at", "cancelled"),
    ("label_at", "label made"), ("handed_over_at", "handed over"), ("delivered_at", "delivered"),
)  # fmt: skip
"""Moments of an order, its label, and what the merchant's own file says of a parcel that was never scanned."""


@dataclass(frozen=True, eq=False, repr=False)
class Cases(Answer):
    """The parcels, orders or lines behind a number: the sums of `counted` and `of` are that number's."""

    metric: Metric


def cases(run: Loop, metric: Metric, about: Subject, period: Period, only: str) -> Cases:
    """List the rows of a metric in a slice and weeks: those that it counts, or all that it looks at.

    Raises ValueError for unknown names.
    """
    if only not in WHICH:
        raise ValueError(f"only {only!r}: write 'counted' for the rows that count, or 'all' for every row")
    names.check(run.con, metric.id, metric.view, about.where)
    frame = _rows(run.con, metric, about, period, only)
    columns = [
        Column(name, label, _day if name == "promised_date" else plain)
        for name, label in SHOWN.items()
        if name in frame
    ]
    if metric.kind != "share" or metric.total != "1":
        columns.insert(1, Column("counted", metric.unit.capitalize()))
    says = _counted_say(metric, len(frame), float(frame["counted"].sum()), only)
    then = (
        (f'loop.parcel("{frame.iloc[0, 0]}")',)
        if len(frame) and frame.columns[0] in ("shipment_id", "order_id")
        else ()
    )
    return Cases(f"{metric.label}: {about.where}, {period}", says, frame, tuple(columns), then=then, metric=metric)


def _counted_say(metric: Metric, count: int, counted: float, only: str) -> str:
    kind = KINDS.get(metric.view, "parcels")
    listed, added = words.plural(count, kind.removesuffix("s"), kind), words.counted(counted, metric.unit)
    if only == "all":
        return f"{listed}, among them {added}." if metric.kind == "share" else f"{listed}, together {added}."
    return f"{added}." if kind in metric.unit and count == counted else f"{listed} with {added}."


def _rows(con: duckdb.DuckDBPyConnection, metric: Metric, about: Subject, period: Period, only: str) -> pd.DataFrame:
    known = [str(row[0]) for row in con.execute(f"DESCRIBE {metric.view}").fetchall()]
    listed = [name for name in SHOWN if name in known]
    condition, values = filter_sql(about.where)
    counts = f"AND ({metric.bad}) <> 0" if only == "counted" else ""
    frame = con.execute(
        f"""
        SELECT {", ".join(listed)}, coalesce(({metric.bad})::DOUBLE, 0) AS counted, ({metric.total})::DOUBLE AS of
        FROM {metric.view}
        WHERE ({metric.rows}) AND ({condition}) AND {metric.at} >= $first::DATE AND {metric.at} < $end::DATE {counts}
        ORDER BY counted DESC, {metric.at}, {", ".join(listed[:2])}
        """,
        {**values, "first": period.first, "end": period.end},
    ).df()
    return _lean(frame, about)


def _lean(frame: pd.DataFrame, about: Subject) -> pd.DataFrame:
    """Leave out columns that are empty, and the dimensions that the filter fixes."""
    empty = [name for name in frame if frame[name].isna().all() and name not in ("counted", "of")]
    fixed = [dim for dim in about.where.dims if dim in frame]
    return frame.drop(columns=[*empty, *(name for name in fixed if name not in empty)])


@dataclass(frozen=True, eq=False, repr=False)
class Timeline(Answer):
    """What happened to a parcel or an order, in the order in which it happened."""

    facts: dict[str, Any]


def timeline(run: Loop, name: str) -> Timeline:
    """Tell a parcel by its tracking number, or all parcels of an order by its number.

    Raises ValueError when the data has neither.
    """
    con = run.con
    parcels = con.execute(
        "SELECT * FROM parcel_facts WHERE shipment_id = $name OR order_id = $name ORDER BY label_at, shipment_id",
        {"name": name},
    ).df()
    order = str(parcels["order_id"].iloc[0]) if len(parcels) else name
    orders = con.execute("SELECT * FROM order_facts WHERE order_id = $order", {"order": order}).df()
    if parcels.empty and orders.empty:
        raise ValueError(
            f"no parcel and no order is called {name!r} in {run.source.title}; loop.shipments() lists some"
        )
    frame = _happened(con, parcels, orders)
    facts = _facts(parcels if len(parcels) else orders)
    columns = (
        Column("at", "When"), Column("after_h", "Hours after", _hours), Column("what", "What"),
        Column("where", "Where"),
        Column("known_at", "Known to us"), Column("parcel", "Parcel"),
    )  # fmt: skip
    shown = tuple(c for c in columns if not frame[c.name].isna().all() and (c.name != "parcel" or len(parcels) > 1))
    return Timeline(f"What happened to {name}?", _story(parcels, facts), frame, shown, whole=True, facts=facts)


def _happened(con: duckdb.DuckDBPyConnection, parcels: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Join the moments of the order, the labels, the promise, the scans and the return into one list."""
    told: list[tuple[Any, ...]] = []
    for row in orders.to_dict("records"):
        told += [(row[c], what, None, None, None) for c, what in MOMENTS[:3] if not pd.isna(row.get(c))]
        if not pd.isna(row["promised_date"]):
            told.append((row["promised_date"] + pd.Timedelta(days=1), "the promised day is over", None, None, None))
    for row in parcels.to_dict("records"):
        moments = MOMENTS[3:4] if row["accepted"] or not pd.isna(row["first_scan_at"]) else MOMENTS[3:]
        told += [(row[c], what, None, None, row["shipment_id"]) for c, what in moments if not pd.isna(row[c])]
    told += _scans(con, list(parcels.get("shipment_id", ())))
    told += _returns(con, list(orders["order_id"]))
    frame = pd.DataFrame(told, columns=["at", "what", "where", "known_at", "parcel"])
    frame = frame.sort_values("at", kind="stable").reset_index(drop=True)
    frame.insert(1, "after_h", frame["at"].diff().dt.total_seconds() / 3600)
    return frame


def _scans(con: duckdb.DuckDBPyConnection, parcels: list[str]) -> list[tuple[Any, ...]]:
    rows = con.execute(
        """
        SELECT occurred_at, status, category, facility, recorded_at, shipment_id FROM named_events
        WHERE shipment_id IN (SELECT unnest($parcels::VARCHAR[])) AND status <> 'label_created'
        ORDER BY occurred_at, recorded_at
        """,
        {"parcels": parcels},
    ).fetchall()
    return [
        (at, _said(status, category), where, known, parcel) for at, status, category, where, known, parcel in rows
    ]


def _said(status: str, category: str | None) -> str:
    said = status.replace("_", " ")
    return f"{said}: {category.replace('_', ' ')}" if category else said


def _returns(con: duckdb.DuckDBPyConnection, orders: list[str]) -> list[tuple[Any, ...]]:
    rows = con.execute(
        "SELECT sku, qty, requested_at, received_at, refunded_at FROM return_facts"
        " WHERE order_id IN (SELECT unnest($orders::VARCHAR[])) ORDER BY requested_at, sku",
        {"orders": orders},
    ).fetchall()
    said = ("return asked", "return received", "refunded")
    return [
        (at, f"{what}: {qty} of {sku}", None, None, None)
        for sku, qty, *moments in rows
        for at, what in zip(moments, said, strict=True)
        if at is not None
    ]


def _facts(rows: pd.DataFrame) -> dict[str, Any]:
    first = rows.iloc[0]
    wanted = ("carrier", "service", "channel", "warehouse", "region", "zone", "complexity", "weight_band")
    return {name: str(first[name]) for name in wanted if name in rows and str(first[name]) != "unknown"}


def _story(parcels: pd.DataFrame, facts: dict[str, Any]) -> str:
    about = ", ".join(facts.values())
    if parcels.empty:
        return f"No label yet: {about}."
    row = parcels.iloc[0]
    if pd.isna(row["attempt_at"]):
        return f"Not delivered yet: {about}."
    if pd.isna(row["promised_date"]):
        return f"First attempt on {words.day(row['attempt_at'])}: {about}."
    days = (row["attempt_at"].normalize() - row["promised_date"].normalize()).days
    when = f"{words.plural(days, 'day')} after the promised one" if days > 0 else "by the promised day"
    return f"First attempt {when}: {about}."


def _day(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:%a} {value.day} {value:%b}"


def _hours(value: float) -> str:
    return "" if pd.isna(value) else f"+{words.number(value, 1)}"
