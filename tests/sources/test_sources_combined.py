"""Several systems, one merchant: one order and one parcel each, however they are written, and nothing lost."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeloop import facts, project
from closeloop.check import lines, look
from closeloop.sources import levels, prepared, source
from closeloop.sources.keys import order_key, parcel_key

MERCHANT = ("shopify_csv", "shipstation_csv", "easypost_trackers", "loop_returns", "zendesk")


def computed(expression: Callable[[str], str], value: str) -> object:
    row = duckdb.execute(f"SELECT {expression('v')} FROM (SELECT ? AS v)", [value]).fetchone()
    return row[0] if row else None


@given(st.from_regex(r"9[1-5][0-9]{20}", fullmatch=True), st.from_regex(r"[0-9]{5}([0-9]{4})?", fullmatch=True))
@settings(max_examples=30, deadline=None)
def test_usps_routing_codes_and_spaces_do_not_make_another_parcel(number: str, postcode: str) -> None:
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    assert {computed(parcel_key, text) for text in (number, f"420{postcode}{number}", spaced)} == {number}


@pytest.mark.parametrize("number", ["420123456789", "1Z0000000000000002", "42000000000000000000000000000000000000"])
def test_other_numbers_stay_as_they_are(number: str) -> None:
    assert computed(parcel_key, number) == number


def test_a_number_sign_does_not_make_another_order() -> None:
    assert computed(order_key, " #1001") == computed(order_key, "1001") == "1001"


def test_a_parcel_of_two_systems_is_one_with_what_both_know(combined: Callable) -> None:
    shop = combined(*MERCHANT)
    columns = "order_id, carrier, zone, cost::VARCHAR, direction, round(weight_g)::INT"
    parcel = shop.con.execute(
        f"SELECT {columns} FROM store.shipments WHERE shipment_id LIKE '9400%' OR shipment_id LIKE '420%'"
    ).fetchall()
    assert parcel == [("1001", "USPS", "2", "4.4100", "outbound", 312)]
    count = shop.counts["shipments"]
    # Four labels of ShipStation, three trackers, two of them of the same parcels.
    assert (count.rows_in, count.rows_used, count.rows_quarantined) == (7, 5, 2)
    told = [q for q in shop.quarantined if q.table == "shipments"]
    assert [q.rule for q in told] == ["shipment_id is in another file too"]
    assert told[0].count == 2


def test_scans_find_the_parcel_that_another_system_spells_otherwise(combined: Callable) -> None:
    shop = combined(*MERCHANT)
    assert shop.matches["scanned parcels with their label"][1:3] == (2, 2)
    scanned = shop.con.execute(
        "SELECT order_id, count(*) FROM store.tracking_events JOIN store.shipments USING (shipment_id)"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    assert scanned == [("1001", 4), (None, 1)]


def test_match_rates_say_what_found_its_order(combined: Callable) -> None:
    shop = combined(*MERCHANT)
    assert shop.matches["parcels with their order"][1:3] == (4, 5)  # the third tracker is nobody's
    assert shop.matches["returned items with their order"][1:3] == (2, 2)  # one by number, one by Shopify's inner id
    assert shop.matches["tickets with their order"][1:3] == (2, 3)


def test_a_return_label_among_outbound_parcels_is_a_return(combined: Callable) -> None:
    shop = combined(*MERCHANT)
    assert shop.con.execute("SELECT shipment_id FROM store.shipments WHERE direction = 'return'").fetchall() == [
        ("1Z0000000000000009",)
    ]


def test_rows_in_are_used_or_set_aside(combined: Callable) -> None:
    shop = combined("shopify_csv", "shopify_api", "shipstation_api", "easypost_csv", "loop_returns")
    for count in shop.counts.values():
        assert count.rows_in == count.rows_used + count.rows_quarantined
        assert count.rows_quarantined == sum(q.count for q in shop.quarantined if q.table == count.table)
    assert shop.con.execute("SELECT count(*), count(DISTINCT order_id) FROM store.orders").fetchone() == (4, 4)


def test_lines_and_returns_of_two_systems_are_not_added_up(combined: Callable) -> None:
    shop = combined("shopify_csv", "shopify_api", "loop_returns")
    assert shop.con.execute("SELECT sum(qty) FROM store.order_lines WHERE order_id = '1002'").fetchone() == (3,)
    returned = shop.con.execute("SELECT order_id, qty, reason FROM store.returns ORDER BY 1").fetchall()
    # Loop knows the reason of the first; Shopify's refund of it is the same return.
    assert returned[0] == ("1001", 1, "Size")
    assert len(returned) == 2


def test_return_reasons_have_a_class_and_unknown_ones_are_shown(
    combined: Callable, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)
    shop = combined("shopify_csv", "shipstation_csv", "loop_returns")
    found = look(tmp_path / "merchant")
    assert found.reasons == (("Broken", 1),)
    said = " ".join(" ".join(lines(found)).split())
    assert "unknown return reasons: 'Broken' on 1 returned items. They are kept" in said
    assert "shopify_csv gave orders 4 of 4; order_lines 5 of 5." in said
    assert "shipstation_csv gave shipments 4 of 4." in said
    facts.build(shop.con, shop.source, datetime(2026, 4, 1))
    classes = shop.con.execute("SELECT reason, reason_class, reason_origin FROM return_facts ORDER BY 1").fetchall()
    assert classes == [("Broken", "unknown", None), ("Size", "size_fit", "product_info")]


def test_the_order_of_the_list_changes_no_sum(combined: Callable) -> None:
    def sums(*names: str) -> object:
        con = combined(*names).con
        return con.execute(
            "SELECT (SELECT count(*) FROM store.shipments), (SELECT sum(cost)::VARCHAR FROM store.shipments),"
            " (SELECT sum(qty) FROM store.order_lines), (SELECT count(*) FROM store.tracking_events)"
        ).fetchone()

    assert sums(*MERCHANT) == sums(*reversed(MERCHANT))


def test_equal_numbers_of_two_shops_are_not_one_order(combined: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "woo"
    folder.mkdir()
    sample = Path(__file__).parent / "samples/woocommerce/orders.json"
    other = sample.read_text().replace('"number": "2001"', '"number": "1001"').replace("2026-03-02", "2025-06-02")
    (folder / "orders.json").write_text(other)
    shop = combined("shopify_csv", "woocommerce", woocommerce=folder)
    assert shop.con.execute(
        "SELECT ordered_at::DATE::VARCHAR FROM store.orders WHERE order_id = '1001'"
    ).fetchall() == [("2026-03-02",)]
    fault = next(q for q in shop.quarantined if q.table == "orders")
    assert (fault.rule, fault.count) == ("order_id is another order in another file", 1)
    assert "prefix" in fault.mend


def test_each_source_may_have_its_own_zone(opened: Callable, tmp_path: Path) -> None:
    samples, folders = Path(__file__).parent / "samples", project.root() / "params/sources"
    seen = {}
    for zone in ("America/New_York", "America/Los_Angeles"):
        where = tmp_path / zone.replace("/", "_")
        where.mkdir()
        (where / "source.yml").write_text(
            "title: Shop\ntimezone: America/New_York\ncurrency: USD\ncombine:\n"
            f"  - {{source: {folders}/shopify_csv, folder: {samples}/shopify_csv}}\n"
            f"  - {{source: {folders}/shipstation_csv, folder: {samples}/shipstation_csv, timezone: {zone}}}\n"
        )
        con = opened(where).con
        seen[zone] = con.execute("SELECT min(epoch(label_created_at)) FROM store.shipments").fetchone()[0]
    assert seen["America/Los_Angeles"] - seen["America/New_York"] == 3 * 3600


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{source: ../nowhere}", r"nowhere: there is no source\.yml"),
        ("{source: SHOP, timezon: UTC}", r"combine: unknown key 'timezon'; known: source, folder"),
        ("{source: SHOP, timezone: Mars/Base}", r"'Mars/Base' is not an IANA zone"),
        ("ZENDESK", r"orders\.sql is missing"),
    ],
)
def test_a_mistake_in_a_combination_is_named(entry: str, words: str, tmp_path: Path) -> None:
    folders = project.root() / "params/sources"
    entry = entry.replace("SHOP", str(folders / "shopify_csv")).replace("ZENDESK", str(folders / "zendesk"))
    (tmp_path / "source.yml").write_text(f"title: S\ntimezone: UTC\ncurrency: USD\ncombine:\n  - {entry}\n")
    with pytest.raises(ValueError, match=words):
        source.read(tmp_path)


def test_inputs_are_named_by_their_system(combined: Callable) -> None:
    names = [name for name, _ in prepared.input_hashes(combined(*MERCHANT).source)]
    assert names[:3] == ["shopify_csv/orders_export_1.csv", "shopify_csv/orders_export_2.csv",
                         "shipstation_csv/shipments.csv"]  # fmt: skip


def test_each_file_adds_its_level(combined: Callable) -> None:
    few = combined("shopify_csv")
    assert [level.code for level in levels.held(few.counts.values())] == ["L0"]
    all_five = combined(*MERCHANT)
    assert [level.code for level in levels.held(all_five.counts.values())] == ["L0", "L1", "L2", "L3", "L4"]
    assert levels.held(all_five.counts.values(), logged=2) == levels.LEVELS
