"""The canonical tables: grain, columns, kinds and meaning, with the checks that stand beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "instant", "date", "number", "money", "whole", "flag"]

SQL_TYPE: dict[Kind, str] = {
    "text": "VARCHAR",
    "instant": "TIMESTAMPTZ",
    "date": "DATE",
    "number": "DOUBLE",
    "money": "DECIMAL(18,4)",
    "whole": "BIGINT",
    "flag": "BOOLEAN",
}

MEND: dict[Kind, str] = {
    "text": "give a text",
    "instant": "write it as 2026-03-02 09:14:20, or add its format to time_formats in source.yml",
    "date": "write it as 2026-03-02, or add its format to time_formats in source.yml",
    "number": "write it with a decimal point and no unit, such as 4.41",
    "money": "write it with a decimal point and no currency sign, such as 4.41",
    "whole": "write a whole number, such as 3",
    "flag": "write true or false",
}


@dataclass(frozen=True)
class Column:
    """One column: its kind, what it means, and what must hold for it."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    at_least: float | None = None


@dataclass(frozen=True)
class Table:
    """One canonical table. `born` is the instant from which a row could be known, `key` is unique."""

    name: str
    grain: str
    key: tuple[str, ...]
    born: str | None
    columns: tuple[Column, ...]

    def column(self, name: str) -> Column:
        """Return the column of that name; raises KeyError."""
        return {column.name: column for column in self.columns}[name]


def _text(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name, "text", meaning, required)


def _instant(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name, "instant", meaning, required)


ORDERS = Table(
    "orders",
    "one row per order",
    ("order_id",),
    "ordered_at",
    (
        _text("order_id", "the order's number as the shop prints it, without #", required=True),
        _text("platform_id", "the shop system's inner id of it, by which other files may name it"),
        _instant("ordered_at", "when the customer ordered", required=True),
        _instant("ready_at", "when it was released to the warehouse: paid, no hold, in stock"),
        _instant("cancelled_at", "when it was cancelled"),
        _text("channel", "where it was sold: web, a marketplace, a portal"),
        _text("campaign", "the campaign it came from"),
        _text("requested_service", "the shipping service chosen at checkout"),
        _text("requested_class", "its class: same_day, next_day, two_day, three_day, ground, economy, ..."),
        Column("promised_date", "date", "the day by which delivery was promised at checkout"),
        _instant("promised_ship_by", "the deadline for handing it to the carrier"),
        _text("dest_country", "ISO country"),
        _text("dest_state", "state or province"),
        _text("dest_postal_area", "the first three characters of the postal code, never more"),
        Column("total", "money", "what the customer paid"),
        _text("currency", "ISO currency"),
    ),
)

ORDER_LINES = Table(
    "order_lines",
    "one row per order and line",
    ("order_id", "line_no"),
    None,
    (
        _text("order_id", "the order", required=True),
        Column("line_no", "whole", "position in the order", required=True),
        _text("sku", "stock keeping unit"),
        _text("category", "product category"),
        Column("qty", "whole", "units ordered", required=True, at_least=0),
        Column("unit_price", "money", "price of one unit", at_least=0),
    ),
)

SHIPMENTS = Table(
    "shipments",
    "one row per parcel, that is per label and tracking number",
    ("shipment_id",),
    "born_at",
    (
        _text("shipment_id", "the parcel's key: its tracking number where there is one", required=True),
        _text("order_id", "the order it belongs to"),
        _text("direction", "outbound or return"),
        _text("carrier", "who carries it"),
        _text("service", "the carrier's service"),
        _text("service_class", "its class, in the words of requested_class"),
        _text("warehouse", "where it is shipped from"),
        _instant("born_at", "when the parcel first was known: its label, else its hand-over", required=True),
        _instant("label_created_at", "when the label was made"),
        _instant("handed_over_at", "hand-over to the carrier, where the merchant's file has it"),
        _instant("delivered_at", "delivery, where the merchant's file has it"),
        _instant("voided_at", "when the label was voided"),
        _text("zone", "the carrier's zone"),
        _text("package_type", "box, envelope, ..."),
        Column("weight_g", "number", "grams", at_least=0),
        Column("cost", "money", "what the merchant pays the carrier for it", at_least=0),
        Column("rate_quoted", "money", "what the label cost when it was bought", at_least=0),
        Column("cost_invoiced", "money", "what the carrier billed in the end", at_least=0),
        Column("cost_surcharge", "money", "the part of the cost that is surcharges", at_least=0),
        _text("currency", "ISO currency"),
        Column("standard_days", "whole", "working days in which the service should deliver it", at_least=0),
        _text("replaces_shipment_id", "the parcel that this one replaces"),
    ),
)

TRACKING_EVENTS = Table(
    "tracking_events",
    "one row per scan",
    (),
    "recorded_at",
    (
        _text("shipment_id", "the parcel", required=True),
        _instant("occurred_at", "when the scan happened", required=True),
        _instant("recorded_at", "when it reached the merchant", required=True),
        _text("source_status", "the status in the source's own words", required=True),
        _text("source_code", "the source's finer code"),
        _text("facility", "where, as the carrier names it"),
        _text("state", "state or province of the scan"),
    ),
)

RETURNS = Table(
    "returns",
    "one row per return (RMA) and line",
    ("return_id", "order_id", "sku"),
    "requested_at",
    (
        _text("return_id", "the RMA's number", required=True),
        _text("order_id", "the order", required=True),
        _text("sku", "the returned item", required=True),
        Column("qty", "whole", "units returned", required=True, at_least=0),
        _text("reason", "the reason in the source's words"),
        _instant("requested_at", "when the customer asked", required=True),
        _instant("received_at", "when it came back"),
        _instant("refunded_at", "when the money went back"),
        _instant("closed_at", "when it was closed without a refund: cancelled, expired, exchanged"),
    ),
)

TICKETS = Table(
    "tickets",
    "one row per ticket of the help desk",
    ("ticket_id",),
    "created_at",
    (
        _text("ticket_id", "the ticket, with the help desk's name before it", required=True),
        _text("order_id", "the order that its fields, tags or subject name"),
        _text("channel", "e-mail, chat, phone, ..."),
        _text("topic", "wismo, delivered_not_received, damaged, wrong_or_missing_item, address_change, ..."),
        _instant("created_at", "when the customer wrote first", required=True),
        _instant("first_reply_at", "when the first answer went out"),
        _instant("solved_at", "when it was solved"),
        Column("reopens", "whole", "how often it was opened again", at_least=0),
    ),
)

EVENTS = Table(
    "events",
    "one row per dated fact from outside the shipping data: a promotion, a strike, a rate card, a rule edit",
    ("event_id",),
    "starts_at",
    (
        _text("event_id", "its name or number", required=True),
        _text("kind", "promotion, launch, carrier_rate_change, weather, staffing, cutoff, rule, ...", required=True),
        _instant("starts_at", "when it began", required=True),
        _instant("ends_at", "when it was over"),
        _text("scope", "whom it concerns, as a slice: warehouse = NJ"),
        _text("note", "what happened, in a sentence"),
    ),
)

TABLES = (ORDERS, ORDER_LINES, SHIPMENTS, TRACKING_EVENTS, RETURNS, TICKETS, EVENTS)

PERSONAL_COLUMNS = (
    "name", "email", "phone", "street", "address1", "address2", "company", "customer", "zip", "notes",
)  # fmt: skip
"""Words that mark a raw column as personal: such columns never reach a canonical table."""
