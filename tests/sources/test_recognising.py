"""A folder of exports without source.yml: each file is told by its columns, and what is said to write works."""

import csv
import shutil
from pathlib import Path

import duckdb
import openpyxl
import pytest
import yaml
from click.testing import CliRunner

from closeloop import project
from closeloop.check import Checked, look, recognise
from closeloop.cli_check import check

SAMPLES = Path(__file__).parent / "samples"
SYSTEMS = project.root() / "params/sources"
KNOWN = sorted(path for path in SAMPLES.glob("*/*") if path.suffix in (".csv", ".tsv", ".json", ".jsonl"))


@pytest.mark.parametrize("path", KNOWN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_sample_of_each_system_is_told_by_its_columns(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path / f"export{path.suffix}")
    (found,) = recognise(tmp_path, SYSTEMS)
    assert found.system == path.parent.name
    assert found.file
    assert path.match(found.file.path), "the file of the system that its own name stands for"


def test_what_is_said_to_write_reads_the_files(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)
    files, where = tmp_path / "files", tmp_path / "shop"
    files.mkdir()
    where.mkdir()
    for old, new in (
        ("shopify_csv/orders_export_1.csv", "may's orders 1.csv"),
        ("shopify_csv/orders_export_2.csv", "may's orders 2.csv"),
        ("shipstation_csv/shipments.csv", "labels.csv"), ("easypost_trackers/trackers.json", "track[1].json"),
    ):  # fmt: skip
        shutil.copy(SAMPLES / old, files / new)
    (files / "notes.csv").write_text("day,text\n1,\x1b[31mx\n")
    said = CliRunner().invoke(check, [str(files)])
    assert said.exit_code == 0
    assert "'notes.csv': not recognised; it has the columns 'day', 'text'" in said.output
    settings = yaml.safe_load(said.output[said.output.index("\ntitle:") :])
    assert set(settings) == {"title", "timezone", "currency", "folder", "combine"}
    for entry in settings["combine"]:
        entry["source"] = str((SYSTEMS / "yourshop" / entry["source"]).resolve())
    (where / "source.yml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ValueError, match="is not an IANA zone"):
        look(where)
    (where / "source.yml").write_text(yaml.safe_dump(settings | {"timezone": "America/New_York", "currency": "USD"}))
    assert {c.table: c.rows_used for c in look(where).counts if c.rows_in} == {
        "orders": 4, "order_lines": 5, "shipments": 5, "tracking_events": 5
    }  # fmt: skip


def test_a_folder_without_orders_or_files_is_told_so(tmp_path: Path) -> None:
    run = CliRunner()
    assert "neither a source.yml nor a .csv" in str(run.invoke(check, [str(tmp_path)]).exception)
    shutil.copy(SAMPLES / "zendesk/tickets.json", tmp_path)
    assert "None of them holds orders" in run.invoke(check, [str(tmp_path)]).output


def test_workbooks_and_parquet_files_are_told_and_read_too(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)
    files, where = tmp_path / "files", tmp_path / "shop"
    files.mkdir()
    where.mkdir()
    orders, labels = SAMPLES / "shopify_csv/orders_export_1.csv", SAMPLES / "shipstation_csv/shipments.csv"
    with orders.open(encoding="utf-8", newline="") as file:
        book = openpyxl.Workbook()
        for row in csv.reader(file):
            book.worksheets[0].append(row)
        book.save(files / "orders.xlsx")
    duckdb.sql(f"COPY (FROM read_csv('{labels}', header = true)) TO '{files / 'labels.parquet'}'")
    for name, old in (("a.json", "trackers"), ("b.json", "trackers")):
        shutil.copy(SAMPLES / f"easypost_trackers/{old}.json", files / name)
    shutil.copy(SAMPLES / "zendesk/tickets.json", files / "c.json")
    said = CliRunner().invoke(check, [str(files)])
    assert "'orders.xlsx': shopify_csv" in said.output
    assert "'labels.parquet': shipstation_csv" in said.output
    assert "['a.json', 'b.json']" in said.output, "*.json would be the tickets too"
    settings = yaml.safe_load(said.output[said.output.index("\ntitle:") :])
    for entry in settings["combine"]:
        entry["source"] = str((SYSTEMS / "yourshop" / entry["source"]).resolve())
    own = {"timezone": "America/New_York", "currency": "USD"}
    (where / "source.yml").write_text(yaml.safe_dump(settings | own))
    found = look(where)
    given = {file.file for file in found.files}
    assert given == {"orders.xlsx", "labels.parquet", "a.json", "b.json", "c.json"}
    plain = {"shopify_csv": orders, "shipstation_csv": labels}
    for system, path in plain.items():
        folder = tmp_path / system
        folder.mkdir()
        shutil.copy(path, folder)
    combine = [{"source": str(SYSTEMS / name), "folder": str(tmp_path / name)} for name in plain]
    (where / "source.yml").write_text(yaml.safe_dump({"title": "Shop", "combine": combine} | own))
    tables = ("orders", "order_lines")
    assert used(found, tables) == used(look(where), tables), "the same rows, whatever holds them"
    assert used(found, ("shipments",))["shipments"] >= used(look(where), ("shipments",))["shipments"] > 0


def used(found: Checked, tables: tuple[str, ...]) -> dict[str, int]:
    return {count.table: count.rows_used for count in found.counts if count.table in tables}


def test_a_merchant_that_is_known_is_named(tmp_path: Path) -> None:
    columns = "1 AS order_purchase_timestamp, 2 AS order_delivered_carrier_date, 'B' AS sample_source"
    duckdb.sql(f"COPY (SELECT {columns}) TO '{tmp_path / 'orders.parquet'}'")
    assert "params/sources/olist reads them" in CliRunner().invoke(check, [str(tmp_path)]).output
    (tmp_path / "broken.xlsx").write_bytes(b"PK")
    assert "broken.xlsx: cannot be read as xlsx" in str(CliRunner().invoke(check, [str(tmp_path)]).exception)
    (tmp_path / "broken.xlsx").rename(tmp_path / "broken.parquet")
    assert "broken.parquet: cannot be read as parquet" in str(CliRunner().invoke(check, [str(tmp_path)]).exception)
