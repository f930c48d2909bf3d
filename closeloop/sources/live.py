"""Reads tables of a live Postgres database into Parquet files, from which everything else reads."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, cast

from pyarrow import parquet

from closeloop.sources.source import Source

CREDENTIALS = re.compile(r"\w+://\S+|password=\S+", re.IGNORECASE)
"""What a driver's message may repeat of a database's address: it is never printed."""


def pull(source: Source) -> tuple[tuple[Path, int], ...]:
    """Run the queries of `pull:` in source.yml, in one read-only snapshot; return each file and its rows.

    The files replace those of the last pull all together, once every query has worked. Raises ValueError when the
    source names no database, its address is not in the environment, or a query fails.
    """
    variable, queries = _asked(source)
    drafts = {name: source.folder / f"{name}.parquet.part" for name in queries}
    source.folder.mkdir(parents=True, exist_ok=True)
    rows = _write(variable, queries, drafts)
    for draft in drafts.values():
        draft.replace(draft.with_suffix(""))
    return tuple((draft.with_suffix(""), rows[name]) for name, draft in drafts.items())


def _asked(source: Source) -> tuple[str, dict[str, str]]:
    asked = source.pull
    queries = asked.get("queries")
    if set(asked) != {"address_from", "queries"} or not isinstance(queries, dict) or not queries:
        raise ValueError(
            f"{source.name}: source.yml needs `pull:` with address_from (the environment variable that holds the"
            " database's address) and queries (name: SELECT ...), one for each file"
        )
    told = {str(name): str(query) for name, query in cast("dict[Any, Any]", queries).items()}
    if bad := next((name for name in told if not name.isidentifier()), None):
        raise ValueError(f"{source.name}: pull.queries: {bad!r}: a name is letters, digits and _")
    return str(asked["address_from"]), told


def _write(variable: str, queries: dict[str, str], drafts: dict[str, Path]) -> dict[str, int]:
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415  (an extra: not every merchant has a database)

    address = os.environ.get(variable)
    if not address:
        raise ValueError(f"the environment variable {variable} is not set; it holds postgresql://user:...@host/name")
    rows: dict[str, int] = {}
    doing = "connecting"
    try:
        with dbapi.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            for name, query in queries.items():
                doing = f"pull.queries: {name}"
                cursor.execute(query)
                table = cursor.fetch_arrow_table()
                parquet.write_table(table, drafts[name])
                rows[name] = table.num_rows
    except dbapi.Error as error:
        said = CREDENTIALS.sub("...", " ".join(str(error).split()))
        raise ValueError(f"{doing}: the database says: {said}") from None
    finally:
        if len(rows) < len(queries):
            for draft in drafts.values():
                draft.unlink(missing_ok=True)
    return rows
