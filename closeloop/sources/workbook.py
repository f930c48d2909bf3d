"""Turns a sheet of an Excel workbook into a CSV file: stored values only, nothing is computed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import date, datetime, time
from itertools import repeat
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import openpyxl

ROW = "_row"
"""The column with the number of the row as Excel shows it."""

FORMULA = (b"<f>", b"<f ")


BROKEN = (BadZipFile, KeyError, TypeError, AttributeError, OSError, SyntaxError, EOFError, IndexError)
"""What openpyxl raises for a file that is no workbook, or a damaged one."""


def header(path: Path) -> tuple[str, ...]:
    """Return the columns of the first sheet. Raises ValueError when the file is no workbook."""
    try:
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
            _, cells = next(_rows([book[book.sheetnames[0]]]), (0, []))
            return tuple(cell.strip() for cell in cells if cell.strip())
    except BROKEN as error:
        raise ValueError(f"{path}: cannot be read as xlsx; open it in Excel and save it as .xlsx again") from error


def as_csv(path: Path, sheet: str, scratch: Path) -> tuple[Path, str]:
    """Return a CSV copy of a sheet with its row numbers, and what was assumed: the first sheet, where none is named.

    A formula counts as the value that the workbook stores for it; where it stores none, as its own text, which no
    check lets pass as a number or a time. Times have no zone in Excel and get that of source.yml. Raises ValueError
    when the file is no workbook or has no such sheet.
    """
    try:
        return _copied(path, sheet, scratch)
    except BROKEN as error:
        raise ValueError(f"{path}: cannot be read as xlsx; open it in Excel and save it as .xlsx again") from error


def _copied(path: Path, sheet: str, scratch: Path) -> tuple[Path, str]:
    with ExitStack() as stack:
        books = [openpyxl.load_workbook(path, read_only=True, data_only=True)]
        if _has_formulas(path):
            books.append(openpyxl.load_workbook(path, read_only=True))
        for book in books:
            stack.enter_context(closing(book))
        names = [str(name) for name in books[0].sheetnames]
        if sheet and sheet not in names:
            raise ValueError(f"{path}: there is no sheet {sheet!r}; its sheets are {', '.join(map(repr, names))}")
        chosen = sheet or names[0]
        copy = scratch / f"{path.name}.csv"
        _write(copy, _rows([book[chosen] for book in books]))
    said = f"{path.name} has {len(names)} sheets; the first, {chosen!r}, was read."
    return copy, said if len(names) > 1 and not sheet else ""


def _has_formulas(path: Path) -> bool:
    with ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(mark in archive.read(name) for name in sheets for mark in FORMULA)


def _rows(sheets: list[Any]) -> Iterator[tuple[int, list[str]]]:
    """Give each row that is not empty with its number."""
    for sheet in sheets:
        sheet.reset_dimensions()  # some writers state a size that is too small
    values = sheets[0].iter_rows(values_only=True)
    formulas = sheets[1].iter_rows(values_only=True) if len(sheets) > 1 else repeat(())
    for number, (row, said) in enumerate(zip(values, formulas, strict=False), start=1):
        cells = [_text(value) for value in row]
        cells = [cell or _text(said[i] if i < len(said) else None) for i, cell in enumerate(cells)]
        if any(cells):
            yield number, cells


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _write(copy: Path, rows: Iterator[tuple[int, list[str]]]) -> None:
    with copy.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        header = next(rows, None)
        if header is None:
            return
        names = header[1]
        while names and not names[-1]:
            names.pop()
        writer.writerow([*names, ROW])
        for number, cells in rows:
            within = (cells + [""] * len(names))[: len(names)]
            writer.writerow([*(within if not any(cells[len(names) :]) else cells), number])
