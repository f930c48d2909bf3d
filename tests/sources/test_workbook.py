"""Excel files: the rows that a person sees in the sheet, with Excel's own row numbers; nothing is computed."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import openpyxl
import pytest

from closeloop.sources import prepared

HEADER = ["Name", "Created at", "Total", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku"]
WHEN = datetime(2026, 3, 2, 9, 14, 20)


def row(name: object, when: object = WHEN, total: object = 43.9, qty: object = 1) -> list[object]:
    return [name, when, total, qty, "Tote – Größe", 38, "TOTE"]


@pytest.fixture
def shop(combined: Callable, tmp_path: Path) -> Callable:
    """Build a Shopify merchant of one workbook; the last sheet given is the first in the file."""

    def build(rows: list[list[object]], name: str = "orders.xlsx", more: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        book = openpyxl.Workbook()
        for one in [HEADER, *rows]:
            book.active.append(one)  # type: ignore[union-attr]
        for title in more:
            book.create_sheet(title).append(["nothing"])
        book.save(folder / name)
        return combined("shopify_csv", shopify_csv=folder)

    return build


def test_cells_are_read_as_a_person_sees_them(shop: Callable) -> None:
    built = shop([row(1001), row("#1002", "2026-03-02 09:14:20 -0500"), row("007")])
    # 9:14:20 in the sheet is the wall clock of the merchant's New York: 14:14:20 UTC.
    assert built.rows("order_id, ordered_at::TIMESTAMP::VARCHAR, total::VARCHAR", "orders") == [
        (order, "2026-03-02 14:14:20", "43.9000") for order in ("007", "1001", "1002")
    ]
    assert set(built.rows("sku", "order_lines")) == {("TOTE",)}


def test_a_bad_row_has_the_number_that_excel_shows(shop: Callable) -> None:
    built = shop([row(1001), [], row(1002, "soon"), row(1003)])
    fault = next(q for q in built.quarantined if q.table == "orders")
    assert (fault.file, fault.row, fault.value) == ("orders.xlsx", 4, "soon")
    assert built.counts["orders"].rows_used == 2


def test_a_formula_is_its_stored_value_else_its_text_and_never_computed(shop: Callable, tmp_path: Path) -> None:
    built = shop([row(1001, qty="=1+1"), row('=HYPERLINK("http://x")'), row(1003)])
    fault = next(q for q in built.quarantined if q.table == "order_lines")
    assert (fault.value, fault.rule) == ("=1+1", "not a whole")
    assert ('=HYPERLINK("http://x")',) in built.rows("order_id", "orders")
    path = tmp_path / "files/orders.xlsx"
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = (
        parts[sheet]
        .replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>7</v>")
        .replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>7</v>")
    )
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    again = prepared_again(built, tmp_path)
    assert ("1001", 7) in again


def prepared_again(built, tmp_path: Path) -> list[tuple[object, ...]]:  # type: ignore[no-untyped-def]
    with duckdb.connect() as con:
        prepared.attach(con, prepared.prepare(built.source, tmp_path / "cache"))
        return con.execute("SELECT order_id, qty FROM store.order_lines").fetchall()


def test_of_several_sheets_the_first_is_read_and_that_is_said(shop: Callable) -> None:
    built = shop([row(1001)], more=("Pivot",))
    assert built.counts["orders"].rows_used == 1
    assert prepared.assumed(built.con) == ("orders.xlsx has 2 sheets; the first, 'Sheet', was read.",)


def test_a_workbook_beside_its_own_csv_is_not_read_twice(shop: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    cells = ",".join(map(str, row("#1001", "2026-03-02 09:14:20 -0500")))
    (folder / "orders.csv").write_text(f"{','.join(HEADER)}\n{cells}\n")
    assert shop([row(1001)]).counts["orders"].rows_in == 1


@pytest.mark.parametrize("content", [b"not a zip", b"PK\x03\x04" + b"\0" * 40, b"", b"\xd0\xcf\x11\xe0" * 99])
def test_a_file_that_is_no_workbook_is_named(content: bytes, combined: Callable, tmp_path: Path) -> None:
    (tmp_path / "orders.xlsx").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"orders\.xlsx: (cannot be read as xlsx; open it in Excel|the file is empty)"
    ):
        combined("shopify_csv", shopify_csv=tmp_path)


def test_a_zip_that_is_no_workbook_is_named(combined: Callable, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "orders.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ValueError, match=r"orders\.xlsx: cannot be read as xlsx"):
        combined("shopify_csv", shopify_csv=tmp_path)
