"""Live tables of a real Postgres server become the merchant's tables."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from closeloop.cli import cli
from closeloop.sources import live, source

INITDB = shutil.which("initdb") or next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), "")
SOURCE = """title: Live shop
folder: live
timezone: Europe/Berlin
currency: EUR
pull:
  address_from: SHOP_DATABASE
  queries:
    orders: SELECT id, placed, land FROM shop.orders ORDER BY id
files:
  shop_orders: orders.parquet
"""
SELECT = "SELECT id AS order_id, placed AS ordered_at, land AS dest_country, _file, _row FROM shop_orders"
ROWS = """CREATE SCHEMA shop;
CREATE TABLE shop.orders (id text, placed timestamptz, land text, email text);
INSERT INTO shop.orders SELECT 'o' || n, timestamptz '2026-03-02 09:00+01' + n * interval '1 hour',
    CASE n % 3 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' END, 'someone@example.org' FROM generate_series(1, 500) AS n;
INSERT INTO shop.orders VALUES ('late', NULL, 'DE', NULL);
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server of its own, reached by a socket in a folder; the superuser may not run one."""
    if not INITDB:
        pytest.skip("there is no Postgres server (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="closeloop-pg-"))  # short, as the path of a socket must be
    person = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    if person:
        shutil.chown(folder, "nobody", "nogroup")
    where, data = str(Path(INITDB).resolve().parent), str(folder / "data")
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    environment = {**os.environ, "HOME": str(folder)}

    def run(*command: str) -> None:
        subprocess.run([*person, *command], check=True, capture_output=True, env=environment, cwd="/", timeout=60)

    run(f"{where}/initdb", "-D", data, "-U", "shop", "--auth=trust", "-E", "UTF8", "--locale=C")
    run(f"{where}/pg_ctl", "-D", data, "-o", options, "-w", "-l", str(folder / "log"), "start")
    try:
        run(f"{where}/psql", "-h", str(folder), "-U", "shop", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", ROWS)
        yield f"postgresql:///postgres?host={folder}&user=shop"
    finally:
        run(f"{where}/pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "source.yml").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "orders.sql").write_text(SELECT, encoding="utf-8")
    return tmp_path


def test_a_live_table_is_pulled_and_checked_like_a_file(
    shop: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", address)
    pulled = CliRunner().invoke(cli, ["pull", "--source", str(shop)], catch_exceptions=False)
    assert "orders.parquet  501 rows" in pulled.output
    checked = CliRunner().invoke(cli, ["check", "--source", str(shop)], catch_exceptions=False)
    (line,) = [one.split() for one in checked.output.splitlines() if one.split()[:1] == ["orders"]]
    assert line[1:4] == ["501", "500", "1"]  # the order without a time is set aside, not lost


@pytest.mark.parametrize(("query", "said"), [
    ("SELECT * FROM shop.nowhere", "pull.queries: orders: the database says: .*nowhere"),
    ("DELETE FROM shop.orders RETURNING id", "pull.queries: orders: the database says: .*read-only"),
])  # fmt: skip
def test_a_query_that_fails_is_said_and_leaves_the_last_pull(
    shop: Path, address: str, monkeypatch: pytest.MonkeyPatch, query: str, said: str
) -> None:
    monkeypatch.setenv("SHOP_DATABASE", address)
    ((path, _),) = live.pull(source.read(shop))
    before = path.read_bytes()
    (shop / "source.yml").write_text(SOURCE.replace("SELECT id, placed, land FROM shop.orders ORDER BY id", query))
    with pytest.raises(ValueError, match=said):
        live.pull(source.read(shop))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["orders.parquet"]


def test_the_address_is_never_told(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE", "postgresql://me:s3cret@127.0.0.1:1/none")
    with pytest.raises(ValueError, match="connecting: the database says") as told:
        live.pull(source.read(shop))
    assert "s3cret" not in str(told.value)
    monkeypatch.delenv("SHOP_DATABASE")
    with pytest.raises(ValueError, match="environment variable SHOP_DATABASE is not set"):
        live.pull(source.read(shop))


def test_a_source_without_a_database_is_told_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"source\.yml needs `pull:` with address_from"):
        live.pull(source.read(Path("params/sources/demo"), Path("nowhere")))
