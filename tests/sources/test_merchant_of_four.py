"""A merchant of four systems, end to end: what was planted in its files is what the tables, facts and cube hold."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from closeloop import cube, facts, project
from closeloop.check import lines, look
from closeloop.metrics import by_id

FIRST = datetime(2026, 3, 2, 15, tzinfo=UTC)
"""A Monday, 10:00 in New York."""

ORDERS, PER_DAY, WEEKS = 700, 10, 10
SPLIT, RESHIP, VOID, SENT_BACK, FOREIGN, SECOND_BOX = 20, 25, 30, 35, 50, 70
"""Every so-manieth order: two boxes, sent again, a label voided and copied, returned, of a marketplace, and one
label for two boxes, of which the second has a tracking number that no label names."""


def hits(every: int) -> list[int]:
    return [n for n in range(ORDERS) if n % every == every // 2 and not (every != FOREIGN and is_foreign(n))]


def is_foreign(n: int) -> bool:
    return n % FOREIGN == FOREIGN // 2


def ordered(n: int) -> datetime:
    return FIRST + timedelta(days=n // PER_DAY, minutes=n % PER_DAY)


def usps(n: int, box: int) -> str:
    return f"94001{box}{n:016d}"


def labels() -> list[tuple[int, int, datetime, str, str]]:
    """Every label: order, box, when it was made, `voided` and `return` as ShipStation writes them."""
    every = [(n, 1, ordered(n) + timedelta(hours=5), "", "False") for n in range(ORDERS)]
    every += [(n, 2, ordered(n) + timedelta(hours=6), "", "False") for n in hits(SPLIT)]
    every += [(n, 3, ordered(n) + timedelta(days=9), "", "False") for n in hits(RESHIP)]
    every += [(n, 4, ordered(n) + timedelta(hours=4), "yes", "False") for n in hits(VOID)]
    return every + [(n, 5, ordered(n) + timedelta(days=12), "", "True") for n in hits(SENT_BACK)]


def local(when: datetime) -> str:
    """ShipStation's own format, in New York's summer or winter time."""
    hours = 4 if when >= datetime(2026, 3, 8, 7, tzinfo=UTC) else 5
    return (when - timedelta(hours=hours)).strftime("%m/%d/%Y %I:%M:%S %p")


def write_shop(path: Path) -> None:
    header = ["Name", "Created at", "Paid at", "Total", "Currency", "Id", "Note Attributes", "Shipping Province",
              "Shipping Country", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for n in range(ORDERS):
            if not is_foreign(n):
                when = ordered(n).strftime("%Y-%m-%d %H:%M:%S +0000")
                promise = f"promised_delivery: {(ordered(n) + timedelta(days=5)).date()}"
                qty = 2 if n in hits(SPLIT) else 1
                rest = [promise, "NJ", "US", qty, "Mug", "18.00", "MUG"]
                writer.writerow([f"#{1001 + n}", when, when, "18.00", "USD", 5_000_000 + n, *rest])


def write_labels(path: Path) -> None:
    header = ["Order - Number", "Date - Label Create Date", "Carrier - Name", "Carrier - Service Selected",
              "Amount - Shipping Cost", "Shipment - Tracking Number", "Shipment - Void Date",
              "Return - Return Label Flag"]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for n, box, made, voided, back in labels():
            number = usps(n, box)
            spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
            order = f"113-{n:07d}" if is_foreign(n) else str(1001 + n)
            void = local(made + timedelta(minutes=9)) if voided else ""
            writer.writerow([order, local(made), "USPS", "Ground", "4.41", spaced, void, back])


def write_scans(path: Path) -> None:
    """Scans of each outbound parcel but the reships' first, which got lost; numbers with USPS's routing code."""
    trackers: list[dict[str, object]] = []
    boxes = [(n, box, made) for n, box, made, voided, back in labels() if not voided and back == "False"]
    boxes += [(n, 6, ordered(n) + timedelta(hours=5)) for n in hits(SECOND_BOX)]
    for n, box, made in boxes:
        lost = n in hits(RESHIP) and box == 1
        stages = [("in_transit", 8), ("delivered", 72)] if not lost else [("in_transit", 8)]
        scans = [
            {"datetime": (made + timedelta(hours=h)).strftime("%Y-%m-%dT%H:%M:%SZ"), "status": word, "message": word}
            for word, h in stages
        ]
        number = f"42007030{usps(n, box)}" if n % 2 else usps(n, box)
        born = made.strftime("%Y-%m-%dT%H:%M:%SZ")
        trackers.append({"tracking_code": number, "created_at": born, "carrier": "USPS", "tracking_details": scans})
    path.write_text(json.dumps({"trackers": trackers}))


def write_returns(path: Path) -> None:
    """Loop names the order by its number or by Shopify's inner id; one names an order of nobody."""
    rows = [
        {
            "id": 900 + i,
            "state": "closed",
            "order_name": f"#{1001 + n}" if i % 2 else None,
            "provider_order_id": str(5_000_000 + n),
            "created_at": (ordered(n) + timedelta(days=11)).isoformat(),
            "edited_at": (ordered(n) + timedelta(days=20)).isoformat(),
            "line_items": [{"sku": "MUG", "return_reason": "Broken"}],
        }
        for i, n in enumerate(hits(SENT_BACK))
    ]
    path.write_text(json.dumps({"returns": [*rows, {**rows[0], "id": 1, "order_name": "#77", "state": "open"}]}))


@pytest.fixture
def shop(combined: Callable, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Write the four systems' files and open the merchant."""
    write = {
        "shopify_csv": (write_shop, "orders.csv"),
        "shipstation_csv": (write_labels, "shipments.csv"),
        "easypost_trackers": (write_scans, "trackers.json"),
        "loop_returns": (write_returns, "returns.json"),
    }
    folders: dict[str, Path] = {}
    for name, (make, file) in write.items():
        folders[name] = tmp_path / name
        folders[name].mkdir()
        make(folders[name] / file)
    return combined(*write, **folders)


def test_every_join_finds_what_was_planted_and_says_what_it_did_not(shop) -> None:  # type: ignore[no-untyped-def]
    second, back, foreign = len(hits(SECOND_BOX)), len(hits(SENT_BACK)), len(hits(FOREIGN))
    every = len(labels()) + second
    assert shop.counts["shipments"].rows_used == every
    assert shop.matches["parcels with their order"][1:3] == (every - second - foreign, every)
    assert shop.matches["returned items with their order"][1:3] == (back, back + 1)
    assert shop.matches["returned items with their order"].examples == ("77",)
    scanned = len([1 for _, _, _, voided, way in labels() if not voided and way == "False"]) + second
    assert shop.matches["scanned parcels with their label"][1:3] == (scanned, scanned)
    for count in shop.counts.values():
        assert count.rows_in == count.rows_used + count.rows_quarantined
    assert {q.rule for q in shop.quarantined} == {"shipment_id is in another file too"}


def test_splits_reships_voided_and_return_labels_are_told_apart(shop) -> None:  # type: ignore[no-untyped-def]
    facts.build(shop.con, shop.source, datetime(2026, 6, 1))
    outbound = [one for one in labels() if not one[3] and one[4] == "False"]
    assert shop.con.execute("SELECT count(*) FROM parcel_facts").fetchone() == (
        len(outbound) + len(hits(SECOND_BOX)),
    )
    boxes = Counter(n for n, *_ in outbound)
    several = shop.con.execute(
        "SELECT count(*) FROM (SELECT 1 FROM parcel_facts WHERE order_id IS NOT NULL GROUP BY order_id"
        " HAVING count(*) > 1)"
    ).fetchone()
    assert several == (sum(n > 1 for n in boxes.values()),)
    again = shop.con.execute("SELECT order_id FROM reships WHERE replaced_at IS NOT NULL ORDER BY 1").fetchall()
    assert {int(order) - 1001 for (order,) in again} >= set(hits(RESHIP)) - set(hits(SPLIT))
    assert not {int(order) - 1001 for (order,) in again} & (set(hits(SPLIT)) - set(hits(RESHIP)))


def test_the_cube_counts_what_was_planted(shop) -> None:  # type: ignore[no-untyped-def]
    facts.build(shop.con, shop.source, datetime(2026, 6, 1))
    week = date(2026, 5, 4)
    built = cube.build(shop.con, week, (by_id("on_time_delivery"), by_id("label_to_first_scan")))
    whole = built.of("on_time_delivery")
    due = [(n, box) for n, box, made, void, back in labels() if not void and back == "False" and not is_foreign(n)]
    for column, monday in enumerate(whole.weeks):
        planted = [(n, box) for n, box in due if monday <= due_on(n, box) < monday + timedelta(days=7)]
        late = [(n, box) for n, box in planted if box == 3 or (n in hits(RESHIP) and box == 1)]
        assert whole.total[0, column] == len(planted), monday
        assert whole.bad[0, column] == len(late), monday
    assert len(whole.weeks) >= 6
    # Every label is scanned eight hours later.
    assert built.of("label_to_first_scan").bad[0].sum() == 0


def due_on(n: int, box: int) -> date:
    """A parcel falls due on its promised day, or on that of its label if that was later."""
    promised = (ordered(n) + timedelta(days=5)).date()
    made = next(made for order, number, made, *_ in labels() if (order, number) == (n, box))
    return max(promised, (made - timedelta(hours=4)).date())


def test_the_check_shows_the_match_rates_and_levels(  # type: ignore[no-untyped-def]
    shop, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)
    monkeypatch.setenv("COLUMNS", "100")
    said = "\n".join(lines(look(tmp_path / "merchant")))
    assert "level L0 L1 L2 L3" in said
    match = shop.matches["parcels with their order"]
    assert f"{match.found:,} of {match.total:,}" in said
    assert "not found: '113-" in said or "not found: ''" in said
    assert f"labels voided {len(hits(VOID))}" in said
    assert f"return labels {len(hits(SENT_BACK))}" in said
    assert "shipstation_csv/shipments.csv" in said
    assert max(map(len, said.splitlines())) <= 100
