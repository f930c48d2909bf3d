"""A source's canonical tables on disk, made once for the same files, SELECTs and code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb

from closeloop import project
from closeloop.model import Quarantine, TableCount
from closeloop.sources import reading, staging
from closeloop.sources.source import Source


def prepare(source: Source, cache: Path) -> Path:
    """Return the file with the checked tables, building it when the inputs or the code changed."""
    path = cache / "tables" / f"{source.name}-{_key(source)}.duckdb"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".part")
        draft.unlink(missing_ok=True)
        _build(source, draft)
        draft.replace(path)
    return path


def input_hashes(source: Source) -> tuple[tuple[str, str], ...]:
    """Return (file, SHA-256) of every file of the source that is there."""
    files = ((file.path, source.folder / file.path) for file in source.files)
    return tuple((name, project.digest(path)) for name, path in files if path.is_file())


def attach(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attach the checked tables, read-only, under the name `store`."""
    con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS store (READ_ONLY)")


def counts(con: duckdb.DuckDBPyConnection) -> tuple[TableCount, ...]:
    """Return rows in, used and set aside of every table."""
    rows = con.execute("SELECT * FROM store.table_counts ORDER BY position").fetchall()
    return tuple(TableCount(*row[1:]) for row in rows)


def quarantined(con: duckdb.DuckDBPyConnection) -> tuple[Quarantine, ...]:
    """Return each broken rule with an example."""
    return staging.quarantined(con, "store.quarantine")


def _build(source: Source, draft: Path) -> None:
    with duckdb.connect(str(draft)) as con:
        con.execute(f"SET TimeZone = '{source.timezone}'")
        reading.read_files(con, source)
        found = list(staging.build(con, source))
        rejected = reading.rejected_lines(con)
        staging.add_rejected(con, rejected)
        found.append(TableCount("unreadable lines", len(rejected), 0, len(rejected)))
        con.execute(
            "CREATE TABLE table_counts (position INT, name VARCHAR, rows_in BIGINT, used BIGINT, set_aside BIGINT)"
        )
        rows = [(i, c.table, c.rows_in, c.rows_used, c.rows_quarantined) for i, c in enumerate(found)]
        con.executemany("INSERT INTO table_counts VALUES (?, ?, ?, ?, ?)", rows)


def _key(source: Source) -> str:
    settings = repr((source.files, source.selects, source.timezone, source.time_formats, source.currency))
    sources = sorted((project.PACKAGE / "sources").glob("*.py"))
    parts = (settings, repr(input_hashes(source)), project.digest(project.PACKAGE / "tables.py", *sources))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
