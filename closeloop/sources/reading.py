"""Reads a source's files into raw tables: every column as it came, with file and row beside it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from closeloop.sources.source import Source, SourceFile

CSV_OPTIONS = "all_varchar=true, header=true, store_rejects=true, null_padding=false, sample_size=20480"


def read_files(con: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Make one table per file, named as in `source.yml`, with `_file` and `_row`.

    Raises ValueError when a file is missing, empty or unreadable, naming it.
    """
    for file in source.files:
        path = source.folder / file.path
        if path.is_file():
            _read(con, file, path)
        elif not file.optional:
            raise ValueError(f"{path}: no such file; set folder in source.yml, or pass --data FOLDER")


def _read(con: duckdb.DuckDBPyConnection, file: SourceFile, path: Path) -> None:
    reader = {
        "csv": f"read_csv($path, {CSV_OPTIONS})",
        "json": "read_json($path, format='auto', maximum_object_size=268435456)",
        "parquet": "read_parquet($path)",
    }[file.format]
    sql = f'CREATE OR REPLACE TEMP TABLE "{file.name}" AS SELECT *, $name AS _file, row_number() OVER () AS _row'
    try:
        con.execute(f"{sql} FROM {reader}", {"path": str(path), "name": file.path})
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path}: cannot be read as {file.format}: {reason}") from error


def rejected_lines(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int, str, str]]:
    """Return (file, line, text, reason) for lines that are not even a row of their CSV file."""
    found = con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone()
    if not found or not found[0]:
        return []
    return con.execute(
        """
        SELECT parse_filename(s.file_path), e.line, left(any_value(e.csv_line), 80), any_value(e.error_type)
        FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
