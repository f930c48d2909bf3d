"""Says in plain words why a SELECT of a source failed: which column is missing, and the nearest one there is."""

from __future__ import annotations

import difflib
import re

import duckdb

from closeloop.sources.source import Source

MISSING = re.compile(r'Referenced column "(.+?)" (?:was )?not found|does not have a column named "(.+?)"')
INNER = {"_file", "_row", "item"}


def explained(con: duckdb.DuckDBPyConnection, source: Source, table: str, error: duckdb.Error) -> ValueError:
    """Return the error to raise for a SELECT that DuckDB refused."""
    first = str(error).splitlines()[0]
    found = MISSING.search(first)
    if not found:
        return ValueError(f"{table}.sql: {first}")
    wanted = found[1] or found[2]
    return ValueError(f"{table}.sql: no file has a column {wanted!r}{_nearest(con, source, wanted)}")


def _nearest(con: duckdb.DuckDBPyConnection, source: Source, wanted: str) -> str:
    rows = con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'temp' ORDER BY column_index"
    ).fetchall()
    paths = {file.name: file.path for file in source.files}
    columns = {str(column): paths[table] for table, column in rows if table in paths and column not in INNER}
    lacking = {name for file in source.files for name in file.may_lack}
    plain = {name.casefold(): name for name in columns}
    near = difflib.get_close_matches(wanted.casefold(), list(plain), n=1, cutoff=0.5)
    if not near:
        shown = [name for name in columns if name not in lacking] or list(columns)
        return f"; the files have {', '.join(map(repr, shown[:12]))}: is the first line the header?"
    name = plain[near[0]]
    return (
        f"; the nearest is {name!r} in {columns[name]}: name that one in the SELECT, or list the missing one under"
        " may_lack in source.yml to read it as empty"
    )
