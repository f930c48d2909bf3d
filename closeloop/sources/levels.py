"""What the files at hand can answer, and what one more file would add."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from closeloop.model import TableCount


class Level(NamedTuple):
    """One step: the table that it needs, in plain words, and what becomes answerable with it."""

    code: str
    table: str
    named: str
    gives: str
    files: str


LEVELS = (
    Level(
        "L0", "orders", "orders",
        "how many orders are waiting, for how long, by channel and size",
        "the shop's order export (Shopify, WooCommerce)",
    ),
    Level(
        "L1", "shipments", "parcels",
        "the time from order to label, labels voided, cost like for like, and on-time delivery where both the promise"
        " and the delivery are known",
        "the shipping tool's shipment report (ShipStation, EasyPost, ShipEngine)",
    ),
    Level(
        "L2", "tracking_events", "tracking scans",
        "labels that no carrier scanned, exceptions and whose they are, and where in transit the time goes",
        "the tracking history (EasyPost, AfterShip, Shippo, ShipEngine, Shopify)",
    ),
    Level(
        "L3", "returns", "returns",
        "the share of order lines that come back, by product and reason",
        "the returns export (Loop, Shopify, Amazon)",
    ),
    Level(
        "L4", "tickets", "tickets",
        "how many orders lead to a question, about what, and whether customers noticed before the scans did",
        "the help desk's tickets (Zendesk, Gorgias)",
    ),
    Level(
        "L5", "improvement_log", "an improvement log",
        "whether a change that was made did work",
        "improvement_log.csv in the source's folder, one change a row",
    ),
)  # fmt: skip


def held(counts: Iterable[TableCount], logged: int = 0) -> tuple[Level, ...]:
    """Return the levels whose table has a usable row; `logged` is the number of changes in the improvement log.

    A level can be held without the one before: returns need no tracking.
    """
    used = {count.table: count.rows_used for count in counts} | {"improvement_log": logged}
    return tuple(level for level in LEVELS if used.get(level.table))
