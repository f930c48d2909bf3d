"""Every shipped source on a small sample: the rows a person would read in the file are the rows in the tables."""

import csv
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from closeloop import facts, project
from closeloop.tables import TABLES

FOLDERS = project.root() / "params/sources"
SAMPLES = Path(__file__).parent / "samples"
VOCABULARIES = sorted(
    path for path in (project.root() / "params/vocabulary").glob("*.csv") if path.stem != "return_reasons"
)
SYSTEMS = sorted(path.name for path in SAMPLES.iterdir())
ROWS = {
    "aftership": {"shipments": 1, "tracking_events": 3},
    "amazon_fba_returns": {"returns": 2},
    "easypost_csv": {"shipments": 2},
    "easypost_trackers": {"shipments": 3, "tracking_events": 5},
    "gorgias": {"tickets": 1},
    "loop_returns": {"returns": 2},
    "shipengine": {"shipments": 1, "tracking_events": 3},
    "shippo": {"shipments": 1, "tracking_events": 3},
    "shipstation_api": {"orders": 1, "order_lines": 1, "shipments": 2},
    "shipstation_csv": {"shipments": 4},
    "shopify_api": {"orders": 2, "order_lines": 3, "shipments": 3, "tracking_events": 3, "returns": 2},
    "shopify_csv": {"orders": 4, "order_lines": 5},
    "woocommerce": {"orders": 2, "order_lines": 3, "shipments": 1},
    "zendesk": {"tickets": 3},
}


def alone(combined: Callable, name: str):  # type: ignore[no-untyped-def]
    """A merchant of one system; one that has no orders of its own stands beside a shop that has other ones."""
    return combined(name) if "orders" in ROWS[name] else combined("shopify_csv", name)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_row_of_the_sample_is_used(name: str, combined: Callable) -> None:
    shop = alone(combined, name)
    told = {count.table: count for part, count in shop.parts if part == name and count.rows_in}
    assert {table: count.rows_used for table, count in told.items()} == ROWS[name]
    assert all(count.rows_in == count.rows_used for count in told.values())


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_customer_of_the_sample_is_in_a_table(name: str, combined: Callable) -> None:
    shop = alone(combined, name)
    for table in TABLES:
        text = repr(shop.rows("COLUMNS(*)::VARCHAR", table.name)).casefold()
        for word in ("@example", "buyer", "example st"):
            assert word not in text, (table.name, word)


@pytest.mark.parametrize("path", VOCABULARIES, ids=lambda path: path.stem)
def test_every_status_of_a_vocabulary_is_one_the_facts_know(path: Path) -> None:
    known = {
        "label_created", "accepted", "in_transit", "at_destination", "out_for_delivery", "attempt_failed",
        "available_for_pickup", "exception", "return_to_sender", "delivered", "returned", "lost", "disposed",
        "voided", "expired", "unknown",
    }  # fmt: skip
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert {row["status"] for row in rows} <= known
    assert len({row["code"] for row in rows}) == len(rows)


def test_vocabularies_of_two_systems_never_contradict_each_other() -> None:
    meaning: dict[str, tuple[str, dict[str, str]]] = {}
    for path in VOCABULARIES:
        for row in csv.DictReader(path.read_text().splitlines()):
            other, told = meaning.setdefault(row["code"], (path.stem, row))
            assert told == row, (row["code"], other, path.stem)


def test_shopify_fields_stand_on_the_first_row_of_an_order_only(combined: Callable) -> None:
    shop = combined("shopify_csv")
    columns = "order_id, platform_id, ordered_at::TIMESTAMP, channel, campaign, promised_date, total"
    assert shop.rows(columns, "orders")[:2] == [
        ("1001", "5000000001001", datetime(2026, 3, 2, 14, 14, 20), "web", "spring", date(2026, 3, 6),
         Decimal("43.9")),
        ("1002", "5000000001002", datetime(2026, 3, 3, 3, 51, 5), "app 3890849", None, None,
         Decimal("60")),
    ]  # fmt: skip
    lines = shop.rows("order_id, line_no, sku, qty", "order_lines")
    assert lines[1:3] == [("1002", 1, "MUG-BLU", 2), ("1002", 2, "BOX-GIFT", 1)]


def test_two_exports_that_overlap_count_an_order_once(combined: Callable, tmp_path: Path) -> None:
    first = (SAMPLES / "shopify_csv/orders_export_1.csv").read_bytes()
    (tmp_path / "files").mkdir()
    (tmp_path / "files/orders_march.csv").write_bytes(first)
    (tmp_path / "files/orders_spring.csv").write_bytes(first)
    shop = combined("shopify_csv", shopify_csv=tmp_path / "files")
    assert (shop.counts["orders"].rows_used, shop.counts["orders"].rows_quarantined) == (2, 2)
    assert (shop.counts["order_lines"].rows_used, shop.counts["order_lines"].rows_quarantined) == (3, 3)


def test_shipstations_times_are_of_the_zone_that_the_source_names(combined: Callable) -> None:
    made = {
        name: combined("shopify_csv", name).rows("label_created_at::TIMESTAMP", "shipments")[-1]
        for name in ("shipstation_api", "shipstation_csv")
    }
    # 12:38:51 on the Pacific coast, as the API says it, is 15:38:51 in the shop's New York.
    assert made["shipstation_api"] == (datetime(2026, 3, 2, 20, 38, 51),)
    shop = combined("shopify_csv", "shipstation_csv")
    assert (datetime(2026, 3, 2, 20, 38, 51),) in shop.rows("label_created_at::TIMESTAMP", "shipments")


def test_weights_become_grams(combined: Callable) -> None:
    shop = combined("shipstation_api")
    assert shop.rows("round(weight_g, 1)", "shipments") == [(311.8,), (317.5,)]


def test_an_attempt_is_read_from_easyposts_message(combined: Callable) -> None:
    shop = combined("shopify_csv", "easypost_trackers")
    with_code = [row for row in shop.rows("source_code, facility", "tracking_events") if row[0]]
    assert ("delivery_attempted", "HOBOKEN") in with_code


def test_refunds_stand_for_returns_only_where_the_order_has_no_return(combined: Callable) -> None:
    shop = combined("shopify_api")
    assert shop.rows("order_id, return_id, sku, qty, reason", "returns") == [
        ("1001", "901", "TOTE-NAT", 1, None),
        ("1002", "#1002-R1", "MUG-BLU", 1, "changed-my-mind"),
    ]


def test_a_ticket_finds_its_order_by_tag_or_subject(combined: Callable) -> None:
    shop = combined("shopify_csv", "zendesk", "gorgias")
    assert shop.rows("ticket_id, order_id, topic", "tickets") == [
        ("gorgias 7", "1003", "cancel"),
        ("zendesk 1", "1002", "wismo"),
        ("zendesk 2", "1001", "damaged"),
        ("zendesk 3", None, "other"),
    ]
    match = shop.matches["tickets with their order"]
    assert (match.found, match.total) == (3, 4)


@pytest.mark.parametrize(
    ("name", "known", "delivered"),
    [
        ("easypost_trackers", 4, 1),
        ("aftership", 2, 1),
        ("shopify_api", 3, 1),
        ("shipengine", 3, 1),
        ("shippo", 3, 0),
    ],
)
def test_scans_are_understood_with_the_systems_vocabulary(
    name: str, known: int, delivered: int, combined: Callable
) -> None:
    """`known` counts the scans of the sample whose words are in the vocabulary, read off the sample by hand."""
    shop = combined("shopify_csv", name)
    facts.build(shop.con, shop.source, datetime(2026, 4, 1))
    rows = shop.con.execute(
        "SELECT count(*) FILTER (v.code IS NOT NULL) FROM tracking_events_known e"
        " LEFT JOIN vocabulary v ON v.code = coalesce(e.source_code, e.source_status)"
    ).fetchone()
    assert rows == (known + (name == "easypost_trackers"),)
    arrived = shop.con.execute(
        "SELECT count(DISTINCT e.shipment_id) FROM tracking_events_known e"
        " JOIN vocabulary v ON v.code IN (e.source_code, e.source_status) WHERE v.status = 'delivered'"
    ).fetchone()
    assert arrived == (delivered,)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("scms", "scms_delivery_history", {"orders": 6233, "order_lines": 10324, "shipments": 7030}),
        ("fedex_india", "fedex_india_tracking", {"orders": 99, "shipments": 99, "tracking_events": 1240}),
        ("brunel", "brunel_logistics", {"orders": 9215, "order_lines": 9215, "shipments": 9215}),
    ],
)
def test_real_data_keeps_the_published_row_counts(
    name: str, folder: str, expected: dict[str, int], opened: Callable, real_data: Callable[[str], Path]
) -> None:
    shop = opened(FOLDERS / name, real_data(folder))
    assert {table: shop.counts[table].rows_used for table in expected} == expected
    assert sum(count.rows_quarantined for count in shop.counts.values()) == 0


@pytest.mark.real_data
def test_online_retails_returns_find_an_earlier_purchase(opened: Callable, real_data: Callable[[str], Path]) -> None:
    shop = opened(FOLDERS / "online_retail", real_data("online_retail"))
    count = shop.counts["returns"]
    assert count.rows_in == count.rows_used + count.rows_quarantined
    # The data set's description: 85 % of cancellation lines with a customer have an earlier purchase.
    assert 0.80 < count.rows_used / count.rows_in < 0.88
    assert {(q.table, q.rule) for q in shop.quarantined} == {("returns", "is missing")}


@pytest.mark.real_data
def test_every_fedex_scan_is_understood_and_information_is_no_exception(
    opened: Callable, real_data: Callable[[str], Path]
) -> None:
    shop = opened(FOLDERS / "fedex_india", real_data("fedex_india_tracking"))
    facts.build(shop.con, shop.source, datetime(2022, 1, 1))
    unknown = shop.con.execute(
        "SELECT DISTINCT coalesce(source_code, source_status) FROM tracking_events_known"
        " WHERE source_status NOT IN (SELECT code FROM vocabulary)"
        " OR source_code NOT IN (SELECT code FROM vocabulary)"
    ).fetchall()
    assert unknown == []
    row = shop.con.execute("SELECT count(delivered_at), count(exception_at), count(*) FROM parcel_facts").fetchone()
    assert row is not None
    # All 99 were delivered; 43 scans are DE or SE, some of them information only.
    assert row[0] == row[2] == 99
    assert 0 < row[1] < 43
