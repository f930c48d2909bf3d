"""A folder of exports without source.yml: each file is told by its columns, and what is said to write works."""

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from closeloop import project
from closeloop.check import look, recognise
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
