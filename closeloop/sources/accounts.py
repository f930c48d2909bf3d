"""What became of a source's rows: carried over or left out, file by file, and set aside, rule by rule."""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from closeloop.sources import combining, reading
from closeloop.sources.source import Source
from closeloop.tables import TABLES

EXAMPLES = 3
"""Rows of each broken rule that are shown in full."""

FILES_READ = (
    "CREATE TABLE files_read (part VARCHAR, file VARCHAR, rows BIGINT, left_out BIGINT, first_left_out BIGINT)"
)
"""Makes the table into which `record_files` puts what was read."""

HARMLESS = (combining.MERGED[0], combining.REPEATED[0])
"""What is said of rows that are set aside since another file tells the same: nothing is lost, nothing to mend."""


class FileCount(NamedTuple):
    """The rows of one file, and how many of them no SELECT carried over: its WHERE or GROUP BY left them out."""

    part: str
    file: str
    rows: int
    left_out: int
    first_left_out: int | None

    @property
    def only_looked_up(self) -> bool:
        """Whether the file gives no row of its own, but values for those of others."""
        return 0 < self.rows == self.left_out


class Example(NamedTuple):
    """One row that was set aside."""

    file: str
    row: int
    value: str


class Fault(NamedTuple):
    """One broken rule of one table: how many rows, what is wrong, how to mend it, and some of the rows."""

    table: str
    column: str
    rule: str
    mend: str
    rows: int
    examples: tuple[Example, ...]

    @property
    def harmless(self) -> bool:
        """Whether the rows are set aside only because another file tells the same."""
        return self.rule.endswith(HARMLESS)


class Span(NamedTuple):
    """The first and the last day on which rows of a table became known."""

    table: str
    first: str
    last: str


def record_files(con: duckdb.DuckDBPyConnection, piece: Source) -> None:
    """Count the rows of each file that was just read, and those that no SELECT carried over."""
    for file in piece.files:
        names = [path.name for path in reading.paths_of(piece, file)]
        con.execute(
            f"""
            INSERT INTO files_read
            SELECT ?, name, count(_row), count(_row) FILTER (left_out), min(_row) FILTER (left_out)
            FROM (SELECT unnest(?::VARCHAR[]) AS name) LEFT JOIN (
                SELECT raw._file AS name, raw._row, carried._row IS NULL AS left_out
                FROM "{file.name}" AS raw LEFT JOIN (SELECT DISTINCT * FROM carried) AS carried USING (_file, _row)
            ) USING (name)
            GROUP BY name ORDER BY name
            """,
            [piece.name, names],
        )


def files(con: duckdb.DuckDBPyConnection) -> tuple[FileCount, ...]:
    """Return every file that was read, system by system."""
    rows = con.execute(
        "SELECT part, file, rows, left_out, first_left_out FROM store.files_read ORDER BY rowid"
    ).fetchall()
    return tuple(FileCount(*row) for row in rows)


def faults(con: duckdb.DuckDBPyConnection) -> tuple[Fault, ...]:
    """Return each broken rule with its number of rows and the first of them, the most frequent first."""
    rows = con.execute(
        f"""
        WITH numbered AS (
            SELECT *, row_number() OVER (PARTITION BY table_name, column_name, rule, mend ORDER BY file, row) AS place
            FROM store.quarantine
        )
        SELECT table_name, column_name, rule, mend, count(*) AS n,
               list((file, row, value) ORDER BY place) FILTER (place <= {EXAMPLES})
        FROM numbered GROUP BY ALL ORDER BY n DESC, table_name, column_name, rule, mend
        """
    ).fetchall()
    return tuple(
        Fault(table, column, rule, mend, n, tuple(Example(*example) for example in examples))
        for table, column, rule, mend, n, examples in rows
    )


def spans(con: duckdb.DuckDBPyConnection, timezone: str) -> tuple[Span, ...]:
    """Return for each dated table with rows from when to when they are, by the merchant's calendar."""
    con.execute(f"SET TimeZone = '{timezone}'")
    found: list[Span] = []
    for table in TABLES:
        if table.born:
            day = f"{{}}({table.born})::TIMESTAMP::DATE::VARCHAR"
            span = f"SELECT {day.format('min')}, {day.format('max')} FROM store.{table.name}"
            found += [Span(table.name, *row) for row in con.execute(span).fetchall() if row[0]]
    return tuple(found)


def shape(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    """Return what kinds of labels and orders there are: which joins to one row per order would get wrong."""
    [row] = con.execute(
        """
        WITH labels AS (
            SELECT order_id, coalesce(direction, 'outbound') = 'outbound' AS outbound, voided_at IS NOT NULL AS void
            FROM store.shipments
        ), parcels AS (SELECT order_id, count(*) AS n FROM labels WHERE outbound AND NOT void GROUP BY order_id)
        SELECT (SELECT count(*) FROM labels WHERE outbound AND NOT void),
               (SELECT count(*) FROM labels WHERE void),
               (SELECT count(*) FROM labels WHERE NOT outbound AND NOT void),
               (SELECT count(*) FROM parcels WHERE n > 1 AND order_id IS NOT NULL)
        """
    ).fetchall()
    named = ("parcels to customers", "labels voided", "return labels", "orders in several parcels")
    return tuple((what, int(n)) for what, n in zip(named, row, strict=True) if n)
