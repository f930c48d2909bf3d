"""The checked tables are made once, whoever asks, and however many ask at once."""

import subprocess
import sys
import time
from pathlib import Path

import duckdb

SELECT = "select id as order_id, placed as ordered_at, _file, _row from raw"
PREPARE = """
import sys, time
from pathlib import Path
from closeloop.sources import prepared, source
time.sleep(max(0.0, float(sys.argv[3]) - time.time()))
print(prepared.prepare(source.read(Path(sys.argv[1])), Path(sys.argv[2])))
"""


def shop(folder: Path) -> Path:
    rows = "".join(f"{n},2026-03-{1 + n % 28:02} 10:00\n" for n in range(20_000))
    (folder / "orders.csv").write_text(f"id,placed\n{rows}", encoding="utf-8")
    (folder / "orders.sql").write_text(SELECT, encoding="utf-8")
    settings = "title: Shop\ntimezone: UTC\ncurrency: USD\nfiles: {raw: orders.csv}\n"
    (folder / "source.yml").write_text(settings, encoding="utf-8")
    return folder


def test_several_that_prepare_one_source_at_once_get_the_same_whole_tables(tmp_path: Path) -> None:
    where, cache = shop(tmp_path), tmp_path / "cache"
    command = [sys.executable, "-c", PREPARE, str(where), str(cache), str(time.time() + 4)]
    asked = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [one.communicate()[0].strip() for one in asked]
    assert [one.returncode for one in asked] == [0, 0, 0]
    [path] = set(told)
    with duckdb.connect(path, read_only=True) as con:
        assert con.execute("SELECT count(*), count(DISTINCT order_id) FROM orders").fetchall() == [(20_000, 20_000)]
    assert not list((cache / "tables").glob("*.part"))
