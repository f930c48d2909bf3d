"""A merchant made of random rows in the canonical tables, with every optional column filled here and there."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from closeloop import facts
from closeloop.segments import Segment
from closeloop.sources.source import Source
from closeloop.tables import TABLES

TICKET_COST = 12.5
START, AS_OF = datetime(2026, 3, 2), datetime(2026, 5, 25, 6)
VOCABULARY = """code,status,exception_category,origin
made,label_created,,
accepted,accepted,,
moving,in_transit,,
late,in_transit,carrier_delay,carrier
broken,exception,damaged,carrier
tried,attempt_failed,,recipient
here,delivered,,
gone,lost,lost,carrier
"""
REASONS = """code,status,exception_category,origin
TOO_SMALL,size_small,,product_info
Arrived Damaged,damaged_in_transit,,carrier
"""
KINDS = {
    "text": "VARCHAR",
    "instant": "TIMESTAMP",
    "date": "DATE",
    "money": "DOUBLE",
    "number": "DOUBLE",
    "whole": "BIGINT",
}
Row = dict[str, Any]


@dataclass
class Rows:
    """The rows of each canonical table as plain dictionaries."""

    orders: list[Row] = field(default_factory=list)
    order_lines: list[Row] = field(default_factory=list)
    shipments: list[Row] = field(default_factory=list)
    tracking_events: list[Row] = field(default_factory=list)
    returns: list[Row] = field(default_factory=list)
    tickets: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def random_rows(seed: int, n: int = 1500) -> Rows:
    """Draw orders over twelve weeks with what follows from them; some of it lies after AS_OF."""
    draw, rows = random.Random(seed), Rows()
    for number in range(n):
        _order(draw, rows, f"o{number}")
    return rows


def hours(draw: random.Random, mean: float) -> timedelta:
    return timedelta(seconds=round(draw.expovariate(1 / mean) * 3600))


def _order(draw: random.Random, rows: Rows, name: str) -> None:
    at = START + timedelta(seconds=draw.randrange(12 * 7 * 86400))
    ready = at + hours(draw, 10) if draw.random() < 0.95 else None
    order = {
        "order_id": name, "ordered_at": at, "ready_at": ready,
        "cancelled_at": at + hours(draw, 30) if draw.random() < 0.05 else None,
        "channel": draw.choice(["web", "market"]), "campaign": draw.choice(["spring", None]),
        "requested_class": draw.choice(["ground", "two_day", None]),
        "promised_date": (at + timedelta(days=draw.randrange(3, 9))).date() if draw.random() < 0.9 else None,
        "dest_country": "US", "dest_state": draw.choice(["NY", "CA"]),
    }  # fmt: skip
    rows.orders.append(order)
    for line in range(draw.choice([1, 1, 2])):
        _line(draw, rows, order, line)
    for part in range(draw.choice([1, 1, 1, 2])):
        if ready and draw.random() < 0.93:
            _parcel(draw, rows, order, f"{name}p{part}", ready + hours(draw, 30 * (1 + 3 * part)), part)
    if draw.random() < 0.2:
        topic = draw.choice(["wismo", "damaged"])
        rows.tickets.append(
            {"ticket_id": name, "order_id": name, "topic": topic, "created_at": at + hours(draw, 200)}
        )


def _line(draw: random.Random, rows: Rows, order: Row, line: int) -> None:
    sku, asked = draw.choice(["A", "B", "C"]), order["ordered_at"] + hours(draw, 300)
    if any(one["order_id"] == order["order_id"] and one["sku"] == sku for one in rows.order_lines):
        return
    rows.order_lines.append(
        {"order_id": order["order_id"], "line_no": line, "sku": sku, "category": f"of {sku}", "qty": 1}
    )
    if draw.random() < 0.15:
        back = asked + hours(draw, 100) if draw.random() < 0.7 else None
        paid = back + hours(draw, 60) if back and draw.random() < 0.8 else None
        shut = asked + hours(draw, 300) if not paid and draw.random() < 0.5 else None
        rows.returns.append({
            "return_id": f"r{order['order_id']}{sku}", "order_id": order["order_id"], "sku": sku, "qty": 1,
            "reason": draw.choice(["too small", "arrived damaged"]), "requested_at": asked, "received_at": back,
            "refunded_at": paid, "closed_at": shut,
        })  # fmt: skip


def _parcel(draw: random.Random, rows: Rows, order: Row, name: str, label: datetime, part: int) -> None:
    cost = round(draw.uniform(4, 20), 2)
    rows.shipments.append({
        "shipment_id": name, "order_id": order["order_id"], "direction": "outbound", "born_at": label,
        "label_created_at": label, "carrier": draw.choice(["UPS", "USPS"]), "service": draw.choice(["Alpha", "Beta"]),
        "service_class": draw.choice(["ground", "two_day", "next_day"]), "warehouse": draw.choice(["NJ", "NV"]),
        "zone": draw.choice(["2", "7"]), "package_type": "box", "weight_g": draw.choice([200.0, 900.0, 3000.0]),
        "cost": cost, "rate_quoted": cost, "cost_invoiced": round(cost + draw.choice([0, 0, 1.5]), 2),
        "cost_surcharge": draw.choice([0, 0, 1.1]), "standard_days": draw.choice([2, 5, None]),
        "replaces_shipment_id": f"{order['order_id']}p0" if part and draw.random() < 0.3 else None,
    })  # fmt: skip
    at, told = label, [("made", label)]
    for word, mean, chance in (
        ("accepted", 20, 0.85), ("moving", 30, 0.9), ("late", 20, 0.2), ("late", 10, 0.1), ("moving", 20, 0.7),
        ("broken", 20, 0.05), ("tried", 20, 0.15), ("here", 30, 0.93), ("gone", 300, 0.02),
    ):  # fmt: skip
        if word not in ("here", "gone") or told[-1][0] not in ("made", "here"):
            at += hours(draw, mean)
            if draw.random() < chance:
                told.append((word, at))
    rows.tracking_events += [
        {"shipment_id": name, "occurred_at": when, "recorded_at": when + timedelta(minutes=30), "source_status": word}
        for word, when in told
    ]


def known(rows: Rows, table: str) -> list[Row]:
    """The rows of a table as they were known at AS_OF: later rows and later times are hidden."""
    shape = {one.name: one for one in TABLES}[table]
    hidden = [c.name for c in shape.columns if c.kind == "instant" and c.name != "promised_ship_by"]
    alive = [row for row in getattr(rows, table) if shape.born is None or row[shape.born] < AS_OF]
    return [
        {
            name: None if name in hidden and value is not None and value >= AS_OF else value
            for name, value in row.items()
        }
        for row in alive
    ]


def opened(rows: Rows, folder: Path, segments: tuple[Segment, ...] = ()) -> duckdb.DuckDBPyConnection:
    """Build the facts of these rows as of AS_OF, in a zone without summer time."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'; ATTACH ':memory:' AS store")
    for table in TABLES:
        columns = ", ".join(f"{c.name} {_kind(c.kind)}" for c in table.columns)
        con.execute(f"CREATE TABLE store.{table.name} ({columns})")
        given = getattr(rows, table.name)
        if given:
            frame = pd.DataFrame([{c.name: row.get(c.name) for c in table.columns} for row in given])
            names = ", ".join(f"{c.name}::{_kind(c.kind)}" for c in table.columns)
            con.register("given", frame.astype(object).where(frame.notna(), None))
            con.execute(f"INSERT INTO store.{table.name} SELECT {names} FROM given")
    facts.build(con, merchant(folder), AS_OF, segments)
    return con


def merchant(folder: Path) -> Source:
    """The source of these rows, with its vocabulary in a folder."""
    words, reasons = folder / "words.csv", folder / "reasons.csv"
    words.write_text(VOCABULARY, encoding="utf-8")
    reasons.write_text(REASONS, encoding="utf-8")
    return Source(
        "random",
        "Random",
        folder,
        (),
        (),
        "UTC",
        "USD",
        vocabulary=str(words),
        return_reasons=str(reasons),
        ticket_cost=TICKET_COST,
    )


def _kind(kind: str) -> str:
    return "TIMESTAMPTZ" if kind == "instant" else KINDS[kind]


def works(moment: datetime | date) -> bool:
    """Whether it is a working day, Monday to Friday."""
    return moment.weekday() < 5


def worked(since: datetime, until: datetime) -> timedelta:
    """Time on working days between two moments, day by day."""
    total, day = timedelta(), datetime(since.year, since.month, since.day)
    while day < until:
        after = day + timedelta(days=1)
        if works(day):
            total += min(until, after) - max(since, day)
        day = after
    return total


def due(start: datetime, k: int) -> datetime:
    """Count k working days one by one; a clock that starts on a day off starts the next working day at 0:00."""
    moment = start
    while not works(moment):
        moment = datetime(moment.year, moment.month, moment.day) + timedelta(days=1)
    for _ in range(k):
        moment += timedelta(days=1)
        while not works(moment):
            moment += timedelta(days=1)
    return moment
