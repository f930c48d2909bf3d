"""The log as an Excel workbook: texts only, so that nothing in it is ever run as a formula."""

# ruff: noqa: PLC0415  (only who exchanges workbooks waits for openpyxl)

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from closeloop.changes.cells import Row, check_header, clean

SHEET = "improvement log"


def write_xlsx(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write rows as texts, beside the target, then move the file there.

    Raises ValueError when a text holds a character that Excel cannot keep.
    """
    from openpyxl import Workbook
    from openpyxl.utils.exceptions import IllegalCharacterError

    book = Workbook()
    sheet: Any = book.active
    sheet.title = SHEET
    for number, texts in enumerate([columns, *([row[name] for name in columns] for row in rows)], start=1):
        for column, text in enumerate(texts, start=1):
            cell = sheet.cell(number, column)
            try:
                cell.value = text or None
            except IllegalCharacterError as error:
                raise ValueError(
                    f"{path}: row {number}, {columns[column - 1]}: Excel cannot keep {text!r}"
                ) from error
            if text:
                cell.data_type = "s"
                cell.quotePrefix = True
                cell.number_format = "@"
    sheet.freeze_panes = "B2"
    draft = path.with_name(f"{path.name}.part")
    book.save(draft)
    draft.replace(path)


def read_xlsx(path: Path, known: Sequence[str], required: Sequence[str]) -> tuple[Row, ...]:
    """Read the rows of the first sheet, whose first row names columns among `known`.

    Dates that Excel made of a text are read back as dates. Raises ValueError that names the file, and the row of a
    formula or an error: only what was typed is taken in.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=False, data_only=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError) as error:
        raise ValueError(f"{path}: is not an Excel workbook ({error}); save it as .xlsx, or as CSV UTF-8") from error
    sheet: Any = book.worksheets[0]
    lines = [[_text(path, cell) for cell in row] for row in sheet.iter_rows()]
    header = lines[0] if lines else []
    check_header(path, header, known, required)
    return tuple(
        Row(f"row {number}", {name: text for name, text in zip(header, line, strict=True) if name})
        for number, line in enumerate(lines[1:], start=2)
        if any(line)
    )


def _text(path: Path, cell: Any) -> str:
    value = cell.value
    if cell.data_type == "f":
        raise ValueError(
            f"{path}: row {cell.row}, column {cell.column_letter} holds a formula; type its value instead"
        )
    if cell.data_type == "e":
        where = f"row {cell.row}, column {cell.column_letter}"
        raise ValueError(f"{path}: {where} holds Excel's error {value}; type what it should say")
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else clean(str(value))
