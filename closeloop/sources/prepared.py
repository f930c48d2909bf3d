"""A source's canonical tables on disk, made once for the same files, SELECTs and code."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

import duckdb

from closeloop import project
from closeloop.model import Quarantine, TableCount
from closeloop.sources import accounts, clock_changes, combining, reading, staging
from closeloop.sources.combining import Match
from closeloop.sources.source import Source
from closeloop.tables import TABLES

UNREADABLE = "unreadable lines"

KEPT = 8
"""Files of checked tables that stay for one source: each time its data changes there is one more."""


def prepare(source: Source, cache: Path) -> Path:
    """Return the file with the checked tables, building it when the inputs or the code changed.

    The files of older data are removed again, but for the `KEPT` used last.
    """
    path = cache / "tables" / f"{source.name}-{_key(source)}.duckdb"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.part")  # another process may be preparing the same
        draft.unlink(missing_ok=True)
        _build(source, draft)
        draft.replace(path)
        project.forget(path.parent.glob("*.part"), KEPT)
        mine = re.compile(rf"{re.escape(source.name)}-[0-9a-f]{{16}}\.duckdb")
        project.forget((p for p in path.parent.iterdir() if mine.fullmatch(p.name)), KEPT)
    path.touch()  # used just now: the others are forgotten first
    return path


def input_hashes(source: Source) -> tuple[tuple[str, str], ...]:
    """Return (file, SHA-256) of every file of the source that is there."""
    found = (
        (piece, path) for piece in source.pieces for file in piece.files for path in reading.paths_of(piece, file)
    )
    return tuple((_name(source, piece, path), project.digest(path)) for piece, path in found)


def _name(source: Source, piece: Source, path: Path) -> str:
    inside = path.relative_to(piece.folder).as_posix() if path.is_relative_to(piece.folder) else path.name
    return inside if piece is source else f"{piece.name}/{inside}"


def attach(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attach the checked tables, read-only, under the name `store`."""
    con.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS store (READ_ONLY)")


def counts(con: duckdb.DuckDBPyConnection) -> tuple[TableCount, ...]:
    """Return rows in, used and set aside of every table."""
    rows = con.execute("SELECT * FROM store.table_counts ORDER BY position").fetchall()
    return tuple(TableCount(*row[1:]) for row in rows)


def part_counts(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, TableCount], ...]:
    """Return rows in, used and set aside of every table of each system, before the systems are joined."""
    rows = con.execute("SELECT * FROM store.part_counts ORDER BY position").fetchall()
    return tuple((str(row[1]), TableCount(*row[2:])) for row in rows)


def matches(con: duckdb.DuckDBPyConnection) -> tuple[Match, ...]:
    """Return how many parcels, returns and tickets found their order, and scanned parcels their label."""
    return combining.matches(con, "store.")


def assumed(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return a sentence for each thing that had to be assumed to read a file at all."""
    return tuple(str(text) for (text,) in con.execute("SELECT said FROM store.assumed ORDER BY ALL").fetchall())


def quarantined(con: duckdb.DuckDBPyConnection) -> tuple[Quarantine, ...]:
    """Return each broken rule with an example."""
    return staging.quarantined(con, "store.quarantine")


COUNTS = "(position INT, {}name VARCHAR, rows_in BIGINT, used BIGINT, set_aside BIGINT)"


def _build(source: Source, draft: Path) -> None:
    # One thread keeps the rows in one order, on which the last digits of sums depend.
    with duckdb.connect(str(draft), config={"threads": 1}) as con:
        with suppress(duckdb.InvalidInputException):  # a notebook without widgets has no bar, and refuses
            con.execute("SET enable_progress_bar = false")
        con.execute(staging.QUARANTINE)
        con.execute(f"CREATE TABLE part_counts {COUNTS.format('part VARCHAR, ')}")
        con.execute("CREATE TABLE assumed (said VARCHAR)")
        con.execute(accounts.FILES_READ)
        for rank, piece in enumerate(source.pieces):
            _build_piece(con, piece, rank)
        combining.combine(con)
        _count(con)


def _build_piece(con: duckdb.DuckDBPyConnection, piece: Source, rank: int) -> None:
    con.execute(f"SET TimeZone = '{piece.timezone}'")
    for text in reading.read_files(con, piece):
        con.execute("INSERT INTO assumed VALUES (?)", [text])
    counts = list(staging.build(con, piece))
    for text in clock_changes.sentences(con, piece):
        con.execute("INSERT INTO assumed VALUES (?)", [text])
    combining.gather(con, piece, rank)
    rejected = reading.rejected_lines(con)
    accounts.record_files(con, piece)
    staging.add_rejected(con, rejected)
    counts.append(TableCount(UNREADABLE, len(rejected), 0, len(rejected)))
    first = rank * 100
    rows = [
        (first + i, piece.name, c.table, c.rows_in, c.rows_used, c.rows_quarantined) for i, c in enumerate(counts)
    ]
    con.executemany("INSERT INTO part_counts VALUES (?, ?, ?, ?, ?, ?)", rows)


def _count(con: duckdb.DuckDBPyConnection) -> None:
    """Sum over the systems; what was joined away is set aside, so that rows in = used + set aside."""
    con.execute(f"CREATE TABLE table_counts {COUNTS.format('')}")
    con.execute(
        "INSERT INTO table_counts SELECT min(position), name, sum(rows_in), sum(used), sum(set_aside)"
        " FROM part_counts GROUP BY name"
    )
    for table in TABLES:
        con.execute(
            "UPDATE table_counts SET used = n, set_aside = rows_in - n"
            f" FROM (SELECT count(*) AS n FROM {table.name}) WHERE name = '{table.name}'"
        )


def _key(source: Source) -> str:
    pieces = [(p.name, p.files, p.selects, p.timezone, p.time_formats, p.currency) for p in source.pieces]
    sources = sorted((project.PACKAGE / "sources").glob("*.py"))
    parts = (repr(pieces), repr(input_hashes(source)), project.digest(project.PACKAGE / "tables.py", *sources))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
