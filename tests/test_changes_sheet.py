"""The log as a workbook: what Excel would run stays text, and what Excel made of a text comes back."""

from datetime import date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from closeloop import changes

BY = changes.Signed("Lee", date(2026, 10, 1))
CELLS = {
    "pattern": "=1+1", "root_cause": '=HYPERLINK("http://x","y")', "change_shipped": "+ one flag",
    "metric": "ready_to_label", "review_date": "2026-11-16", "scope": "channel = web", "kind": "automation_condition",
    "shipped_on": "2026-10-05", "written_on": "2026-09-29", "owner": "@dana", "notes": "- first\n- second",
}  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    changes.add(path, CELLS)
    return path


def test_no_cell_of_the_workbook_is_a_formula_and_nothing_is_lost(log: Path) -> None:
    target = log.with_name("out.xlsx")
    assert changes.export(log, target) == 1
    cells = [cell for row in load_workbook(target).worksheets[0].iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {"=1+1", "+ one flag", "@dana"} <= {cell.value for cell in cells}
    assert changes.merge(log, target, BY) == ()
    fresh = log.with_name("fresh.csv")
    changes.merge(fresh, target, BY)
    assert [changes.cells_of(c) for c in changes.read(fresh)] == [changes.cells_of(c) for c in changes.read(log)]


def test_dates_and_numbers_that_excel_made_are_read(log: Path) -> None:
    target = log.with_name("out.xlsx")
    changes.export(log, target)
    book = load_workbook(target)
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    sheet.cell(2, columns["review_date"]).value = datetime(2026, 11, 23)
    sheet.cell(2, columns["settling_days"]).value = 14.0
    book.save(target)
    assert changes.merge(log, target, BY) == (
        "C1, review_date: 2026-11-16 -> 2026-11-23",
        "C1, settling_days: 0 -> 14",
    )


def test_a_formula_that_somebody_typed_is_refused(log: Path) -> None:
    target = log.with_name("out.xlsx")
    changes.export(log, target)
    book = load_workbook(target)
    book.worksheets[0]["B2"] = "=1+1"
    book.save(target)
    with pytest.raises(ValueError, match=r"out\.xlsx: row 2, column B holds a formula; type its value"):
        changes.merge(log, target, BY)


def test_an_error_that_excel_shows_is_no_text(log: Path) -> None:
    target = log.with_name("out.xlsx")
    changes.export(log, target)
    book = load_workbook(target)
    book.worksheets[0]["D2"] = "#REF!"
    book.worksheets[0]["D2"].data_type = "e"
    book.save(target)
    with pytest.raises(
        ValueError, match=r"out\.xlsx: row 2, column D holds Excel's error #REF!; type what it should"
    ):
        changes.merge(log, target, BY)


def test_what_is_no_workbook_is_named(log: Path) -> None:
    target = log.with_name("out.xlsx")
    target.write_bytes(b"id,pattern")
    with pytest.raises(ValueError, match=r"out\.xlsx: is not an Excel workbook"):
        changes.merge(log, target, BY)
    Workbook().save(target)
    with pytest.raises(ValueError, match=r"out\.xlsx: the first row lacks id"):
        changes.merge(log, target, BY)
