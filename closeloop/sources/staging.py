"""Turns raw tables into canonical ones: typed, checked, with every unusable row set aside and counted."""

from __future__ import annotations

import duckdb

from closeloop.model import Quarantine, TableCount
from closeloop.sources import clock_changes
from closeloop.sources.select_errors import explained
from closeloop.sources.source import Source
from closeloop.tables import MEND, SQL_TYPE, TABLES, Column, Kind, Table

OFFSET = r"(:\d{2}(?:\.\d+)?) ?([+-]\d{2}):?(\d{2})$"
"""A UTC offset written without a colon, as Shopify does: 09:14:20 -0500."""

YEARS = (1980, 2100)
"""Times from the first up to the second year: others are typing errors, or stand for 'never'."""

UNSOUND: dict[Kind, str] = {
    "instant": "NOT isfinite({0})",
    "date": "NOT isfinite({0})",
    "number": "NOT isfinite({0})",
    "whole": "TRY_CAST(raw_{0} AS DOUBLE) <> {0} OR regexp_matches(raw_{0}, '[a-df-zA-DF-Z_]')",
}
"""What DuckDB lets pass, but no such value is: infinity, not-a-number, a fraction rounded, 0x1F, 1_000."""

QUARANTINE = (
    "CREATE TABLE quarantine (table_name VARCHAR, file VARCHAR, row BIGINT,"
    " column_name VARCHAR, value VARCHAR, rule VARCHAR, mend VARCHAR)"
)
"""Makes the table into which `build` puts the rows that it cannot use."""

CARRIED = "CREATE OR REPLACE TEMP TABLE carried (_file VARCHAR, _row BIGINT)"
"""Makes the table of the file rows that some SELECT carried over, be they used or set aside."""

EMAIL = r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"

QUOTE = "quote the text that holds a comma or a line break"

MENDED = {"missing columns": "the line ends early: export the file again, or add its empty columns"}
"""How to mend a line of a file, by what is wrong with it; else `QUOTE` it."""

UNREADABLE = "the line does not have the columns of its file"


def build(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[TableCount, ...]:
    """Make every canonical table that the source has a SELECT for; `quarantine` holds the rest.

    Always rows in = rows used + rows quarantined. Raises ValueError when a SELECT fails.
    """
    selects = dict(source.selects)
    con.execute(CARRIED)
    con.execute(clock_changes.TOLD)
    return tuple(_build_table(con, source, table, selects.get(table.name)) for table in TABLES)


def _build_table(con: duckdb.DuckDBPyConnection, source: Source, table: Table, select: str | None) -> TableCount:
    given = _stage(con, source, table, select) if select else {}
    if not select:
        con.execute(f"CREATE OR REPLACE TEMP TABLE staged ({_all_columns(table)}, _file VARCHAR, _row BIGINT)")
    con.execute(f"CREATE OR REPLACE TEMP TABLE typed AS {_typed_sql(source, table, given)}")
    clock_changes.record(con, source, table, frozenset(given))
    con.execute(_faults_sql(table, given))
    con.execute(
        f"INSERT INTO quarantine SELECT '{table.name}', _file, _row, fault.column_name, fault.value,"
        " fault.rule, fault.mend FROM typed WHERE fault IS NOT NULL"
    )
    con.execute("INSERT INTO carried SELECT DISTINCT _file, _row FROM staged")
    names = ", ".join(column.name for column in table.columns)
    con.execute(
        f'CREATE OR REPLACE TABLE "{table.name}" AS SELECT {names}, _file, _row FROM typed WHERE fault IS NULL'
    )
    used, set_aside = _count(con, "fault IS NULL"), _count(con, "fault IS NOT NULL")
    return TableCount(table.name, used + set_aside, used, set_aside)


def _count(con: duckdb.DuckDBPyConnection, condition: str) -> int:
    [row] = con.execute(f"SELECT count(*) FROM typed WHERE {condition}").fetchall()
    return int(row[0]) if row else 0


def _all_columns(table: Table) -> str:
    return ", ".join(f"{column.name} {SQL_TYPE[column.kind]}" for column in table.columns)


def _stage(con: duckdb.DuckDBPyConnection, source: Source, table: Table, select: str) -> dict[str, str]:
    try:
        con.execute(f"CREATE OR REPLACE TEMP TABLE staged AS {select.strip().rstrip(';')}")
    except duckdb.Error as error:
        raise explained(con, source, table.name, error) from error
    given = {name: str(kind) for name, kind, *_ in con.execute("DESCRIBE staged").fetchall()}
    unknown = sorted(set(given) - {column.name for column in table.columns} - {"_file", "_row"})
    if unknown:
        raise ValueError(f"{table.name}.sql: unknown column {unknown[0]!r}; see closeloop/tables.py")
    if not {"_file", "_row"} <= set(given):
        raise ValueError(f"{table.name}.sql: select _file and _row too, so that a bad row can be named")
    _refuse_personal(con, table, given)
    return given


def _refuse_personal(con: duckdb.DuckDBPyConnection, table: Table, given: dict[str, str]) -> None:
    """Raise ValueError when a text column holds an e-mail address: personal data has no place in any table."""
    for name in (c.name for c in table.columns if given.get(c.name) == "VARCHAR"):
        found = con.execute(
            f"SELECT _file, _row FROM staged WHERE contains({name}, '@') AND regexp_matches({name}, '{EMAIL}')"
            " ORDER BY ALL LIMIT 1"
        ).fetchall()
        for file, row in found:
            raise ValueError(
                f"{table.name}.sql: column {name} holds an e-mail address ({file} row {row});"
                " select another column, or take the address out"
            )


def _typed_sql(source: Source, table: Table, given: dict[str, str]) -> str:
    typed = [
        f"{_cast(source, column, given[column.name])} AS {column.name}"
        if column.name in given
        else f"NULL::{SQL_TYPE[column.kind]} AS {column.name}"
        for column in table.columns
    ]
    raw = [f"{column.name}::VARCHAR AS raw_{column.name}" for column in table.columns if column.name in given]
    empty_fault = (
        "NULL::STRUCT(column_name VARCHAR, value VARCHAR, rule VARCHAR, mend VARCHAR) AS fault,"
        " row_number() OVER () AS _order"
    )
    return f"SELECT {', '.join([*typed, *raw])}, _file, _row, {empty_fault} FROM staged"


def _cast(source: Source, column: Column, kind: str) -> str:
    target = SQL_TYPE[column.kind]
    is_text = kind == "VARCHAR"
    value = f"nullif(trim({column.name}), '')" if is_text else column.name
    if is_text and column.kind == "instant":
        value = f"regexp_replace({value}, '{OFFSET}', '\\1\\2:\\3')"
    plain = f"TRY_CAST({value} AS {target})"
    if not (is_text and source.time_formats and column.kind in ("instant", "date")):
        return plain
    formats = "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in source.time_formats) + "]"
    parsed = f"try_strptime({value}, {formats})"
    return f"coalesce({plain}, CAST({parsed} AS {target}))"


def _faults_sql(table: Table, given: dict[str, str]) -> str:
    """Mark the first fault of each row: a value of the wrong kind, a gap, a limit, a repeated key."""
    cases = [case for column in table.columns for case in _column_cases(column, column.name in given)]
    if table.key:
        key = ", ".join(table.key)
        faulty = " OR ".join(f"coalesce({condition}, false)" for condition, *_ in cases)
        again = f"row_number() OVER (PARTITION BY {key}, ({faulty}) ORDER BY _order) > 1"
        rule = f"{key} was seen before"
        cases.append((again, table.key[0], rule, "keep one row per key; the first was used"))
    whens = " ".join(
        f"WHEN {condition} THEN {{'column_name': '{column}', 'value': left({_raw(column, given)}, 80),"
        f" 'rule': '{rule}', 'mend': '{mend}'}}"
        for condition, column, rule, mend in cases
    )
    return f"CREATE OR REPLACE TEMP TABLE typed AS SELECT * REPLACE (CASE {whens} END AS fault) FROM typed"


def _raw(column: str, given: dict[str, str]) -> str:
    return f"coalesce(raw_{column}, '')" if column in given else "''"


def _column_cases(column: Column, given: bool) -> list[tuple[str, str, str, str]]:
    name, cases = column.name, list[tuple[str, str, str, str]]()
    if given and column.kind != "text":
        unsound = UNSOUND.get(column.kind, "false").format(name)
        wrong = f"({name} IS NULL OR {unsound}) AND nullif(trim(raw_{name}), '') IS NOT NULL"
        cases.append(
            (wrong, name, f"not {'an' if column.kind == 'instant' else 'a'} {column.kind}", MEND[column.kind])
        )
    if column.kind in ("instant", "date"):
        rule, mend = f"lies outside {YEARS[0]} to {YEARS[1] - 1}", "correct the year, or leave it empty"
        cases.append((f"NOT ({name} >= '{YEARS[0]}-01-01' AND {name} < '{YEARS[1]}-01-01')", name, rule, mend))
    if column.required:
        cases.append((f"{name} IS NULL", name, "is missing", f"fill it in: {column.meaning}"))
    if column.at_least is not None:
        low = f"{column.at_least:g}"
        cases.append((f"{name} < {low}", name, f"below {low}", f"must be at least {low}"))
    return [tuple(part.replace("'", "''") if i else part for i, part in enumerate(case)) for case in cases]  # type: ignore[misc]


def quarantined(con: duckdb.DuckDBPyConnection, table: str = "quarantine") -> tuple[Quarantine, ...]:
    """Return each broken rule once, with its first row as the example and how many rows broke it."""
    rows = con.execute(
        f"""
        SELECT table_name, file, row, column_name, value, rule, mend,
               count(*) OVER (PARTITION BY table_name, file, column_name, rule) AS n
        FROM {table}
        QUALIFY row_number() OVER (PARTITION BY table_name, file, column_name, rule ORDER BY row) = 1
        ORDER BY n DESC, table_name, file, row
        """
    ).fetchall()
    return tuple(Quarantine(*row) for row in rows)


def add_rejected(con: duckdb.DuckDBPyConnection, lines: list[tuple[str, int, str, str]]) -> None:
    """Count the lines that the CSV reader could not split into columns as quarantined."""
    rows = [
        ("file", file, line, "", text, f"{UNREADABLE} ({why.lower()})", MENDED.get(why.lower(), QUOTE))
        for file, line, text, why in lines
    ]
    if rows:
        con.executemany("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
