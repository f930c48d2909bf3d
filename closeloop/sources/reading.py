"""Reads a source's files into raw tables: every column as it came, with file and row beside it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from closeloop.sources import encoding, workbook
from closeloop.sources.source import Source, SourceFile

CSV_OPTIONS = (
    "all_varchar=true, header=true, store_rejects=true, null_padding=false, sample_size=20480, max_line_size=8388608"
)
JSON_OPTIONS = "maximum_object_size=268435456"
EXCEL = ".xlsx"
DELIMITERS = (",", ";", "\t", "|")
HEADER_CHARACTERS = 100_000


def read_files(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[str, ...]:
    """Make one table per file of `source.yml`, with `_file` and `_row`; return what had to be assumed.

    A CSV, TSV or Parquet file gives its columns, a JSON file one column `item` with one JSON object a row.
    Several files of one pattern follow each other by name. Raises ValueError when a file is missing, empty or
    unreadable, naming it.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE unreadable (file VARCHAR, line BIGINT, text VARCHAR, why VARCHAR)")
    said: list[str] = []
    with TemporaryDirectory() as scratch:
        for file in source.files:
            paths = paths_of(source, file)
            if not paths and not file.optional:
                wanted = source.folder / file.path.replace("\n", " or ")
                raise ValueError(f"{wanted}: no such file; set folder in source.yml, or pass --data FOLDER")
            said += _read_all(con, file, paths, Path(scratch))
    return tuple(said)


def paths_of(source: Source, file: SourceFile) -> list[Path]:
    """Return the files that the paths or patterns of `source.yml` name, by name.

    A pattern of CSV files names the workbooks of that name too, such as orders_may.xlsx for orders*.csv, unless
    the same file is there as CSV.
    """
    return sorted({path for pattern in file.path.splitlines() for path in _paths_of(source.folder, file, pattern)})


def _paths_of(folder: Path, file: SourceFile, pattern: str) -> set[Path]:
    if not set("*?[") & set(pattern):
        path = folder / pattern
        return {path} if path.is_file() else set()
    found = {path for path in folder.glob(pattern) if path.is_file()}
    if file.format == "csv" and pattern.endswith(".csv"):
        books = folder.glob(pattern.removesuffix(".csv") + EXCEL)
        found |= {path for path in books if path.is_file() and path.with_suffix(".csv") not in found}
    return found


def rejected_lines(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, str, str]]:
    """Return (file, line, text, reason) for lines that are not even a row of their file."""
    return con.execute("SELECT * FROM unreadable ORDER BY ALL").fetchall()


def _read_all(con: duckdb.DuckDBPyConnection, file: SourceFile, paths: list[Path], scratch: Path) -> list[str]:
    said: list[str] = []
    for i, path in enumerate(paths):
        copy, assumed = _plain_copy(file, path, scratch)
        said += [assumed] if assumed else []
        _read(con, file, path, copy)
        con.execute(f"ALTER TABLE one_file RENAME TO part_{i}")
    _join(con, file, len(paths))
    return said


def _plain_copy(file: SourceFile, path: Path, scratch: Path) -> tuple[Path, str]:
    if file.format == "parquet":
        return path, ""
    return workbook.as_csv(path, file.sheet, scratch) if _is_excel(path) else encoding.as_utf8(path, scratch)


def _is_excel(path: Path) -> bool:
    return path.suffix.lower() == EXCEL


def _join(con: duckdb.DuckDBPyConnection, file: SourceFile, parts: int) -> None:
    """Put the rows of all parts into the file's table; a part that stands alone is renamed, which copies nothing."""
    con.execute(f'DROP TABLE IF EXISTS "{file.name}"')
    if parts == 1 and not file.may_lack:
        con.execute(f'ALTER TABLE part_0 RENAME TO "{file.name}"')
        return
    selects = [_empty_sql(file), *(f"SELECT * FROM part_{i}" for i in range(parts))]
    con.execute(f'CREATE TEMP TABLE "{file.name}" AS {_one_after_another(selects)}')
    for i in range(parts):
        con.execute(f"DROP TABLE part_{i}")


def _one_after_another(selects: Sequence[str]) -> str:
    """Join SELECTs by column names, as a balanced tree: a chain of a thousand is too deep for the parser."""
    if len(selects) == 1:
        return selects[0]
    half = len(selects) // 2
    return f"({_one_after_another(selects[:half])}) UNION ALL BY NAME ({_one_after_another(selects[half:])})"


def _empty_sql(file: SourceFile) -> str:
    """A table without rows that has the columns which the file may lack."""
    columns = ["item"] if file.is_json else file.may_lack
    kind = "JSON" if file.is_json else "VARCHAR"
    given = [f"NULL::{kind} AS {_quoted(name)}" for name in columns]
    return f"SELECT {', '.join([*given, 'NULL::VARCHAR AS _file', 'NULL::BIGINT AS _row'])} WHERE false"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read(con: duckdb.DuckDBPyConnection, file: SourceFile, path: Path, copy: Path) -> None:
    """Read one file into the table `one_file`, and its lines that are no rows into `unreadable`."""
    if not copy.stat().st_size:
        raise ValueError(f"{path}: the file is empty; export it again, with its header row")
    try:
        if file.is_json:
            _read_json(con, file, path, copy)
        else:
            _read_columns(con, file, path, copy)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].replace(str(copy), path.name)
        raise ValueError(f"{path}: cannot be read as {file.format}: {reason}") from error


def _read_columns(con: duckdb.DuckDBPyConnection, file: SourceFile, path: Path, copy: Path) -> None:
    reader = _parquet_reader(file) if file.format == "parquet" else _csv_reader(file, copy, path)
    row = "* EXCLUDE (_row), _row::BIGINT" if _is_excel(path) else "*, row_number() OVER ()"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE one_file AS SELECT {row} AS _row, $name AS _file FROM {reader}",
        {"path": str(copy), "name": path.name},
    )
    if file.format != "parquet":
        con.execute(
            """
            INSERT INTO unreadable
            SELECT $name, line, left(min(csv_line), 80), min(error_type) FROM reject_errors GROUP BY line
            """,
            {"name": path.name},
        )
        con.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")


def _parquet_reader(file: SourceFile) -> str:
    return "(SELECT COLUMNS(*)::VARCHAR FROM read_parquet($path))" if file.as_text else "read_parquet($path)"


def _csv_reader(file: SourceFile, copy: Path, path: Path) -> str:
    """Amazon's tab-separated files do not quote; everything else quotes as RFC 4180 says."""
    if file.format == "tsv":
        return f"read_csv($path, delim='\t', quote='', escape='', skip=0, {CSV_OPTIONS})"
    delimiter, skipped = (",", 0) if _is_excel(path) else _delimiter(copy)
    return f"read_csv($path, delim='{delimiter}', quote='\"', escape='\"', skip={skipped}, {CSV_OPTIONS})"


def _delimiter(copy: Path) -> tuple[str, int]:
    """Return the delimiter that splits the header row into most columns, and the lines before the header.

    Excel writes the delimiter into a line of its own before the header: `sep=;`.
    """
    with copy.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline(HEADER_CHARACTERS)
    named = header.strip().removeprefix("sep=")
    if header.startswith("sep=") and named in DELIMITERS:
        return named, 1
    return max(DELIMITERS, key=lambda delimiter: len(next(csv.reader([header], delimiter=delimiter), []))), 0


def _read_json(con: duckdb.DuckDBPyConnection, file: SourceFile, path: Path, copy: Path) -> None:
    """Objects of a list, of lines, or of the list `records` within an envelope, such as {"trackers": [...]}."""
    lines = "format='newline_delimited', ignore_errors=true" if file.format == "jsonl" else "format='auto'"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE whole AS SELECT json AS item, row_number() OVER () AS line"
        f" FROM read_json_objects($path, {lines}, {JSON_OPTIONS})",
        {"path": str(copy)},
    )
    con.execute("INSERT INTO unreadable SELECT ?, line, '', 'not JSON' FROM whole WHERE item IS NULL", [path.name])
    inner = "item"
    if file.records:
        at = f"'$.{file.records}'"
        inner = (
            f"unnest(CASE json_type(item, {at}) WHEN 'ARRAY' THEN json_extract(item, {at.rstrip(chr(39))}[*]')"
            f" WHEN 'OBJECT' THEN [json_extract(item, {at})] ELSE [item] END)"
        )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE one_file AS SELECT item, ? AS _file, row_number() OVER () AS _row"
        f" FROM (SELECT {inner} AS item, line FROM whole WHERE item IS NOT NULL)",
        [path.name],
    )
