"""Merchants made of the sample files."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from closeloop import project
from closeloop.model import Quarantine, TableCount
from closeloop.sources import prepared, source
from closeloop.sources.combining import Match

SAMPLES = Path(__file__).parent / "samples"
SHOP = "title: Shop\ntimezone: America/New_York\ncurrency: USD\n"


class Merchant:
    """The checked tables of one merchant, with times shown in UTC."""

    def __init__(self, con: duckdb.DuckDBPyConnection, read: source.Source) -> None:
        self.con, self.source = con, read
        self.counts: dict[str, TableCount] = {c.table: c for c in prepared.counts(con)}
        self.parts: tuple[tuple[str, TableCount], ...] = prepared.part_counts(con)
        self.matches: dict[str, Match] = {match.what: match for match in prepared.matches(con)}
        self.quarantined: tuple[Quarantine, ...] = prepared.quarantined(con)

    def rows(self, columns: str, table: str) -> list[tuple[object, ...]]:
        return self.con.execute(f"SELECT {columns} FROM store.{table} ORDER BY ALL").fetchall()


@pytest.fixture
def opened(cache: Path) -> Iterator[Callable[..., Merchant]]:
    """Open the tables of a source folder; the same files are read once for all tests."""
    with ExitStack() as stack:

        def open_it(where: Path, data: Path | None = None) -> Merchant:
            read = source.read(where, data)
            con = stack.enter_context(duckdb.connect())
            con.execute("SET TimeZone = 'UTC'")
            prepared.attach(con, prepared.prepare(read, cache))
            return Merchant(con, read)

        yield open_it


@pytest.fixture
def combined(tmp_path: Path, opened: Callable[..., Merchant]) -> Callable[..., Merchant]:
    """Build a merchant of several systems, each on its sample or on the folder given for it."""

    def build(*names: str, **folders: Path) -> Merchant:
        root = project.root() / "params/sources"
        parts = [f"  - {{source: {root / n}, folder: {folders.get(n, SAMPLES / n)}}}" for n in names]
        where = tmp_path / "merchant"
        where.mkdir(exist_ok=True)
        (where / "source.yml").write_text(SHOP + "combine:\n" + "\n".join(parts))
        return opened(where)

    return build
