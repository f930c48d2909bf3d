"""Making a report again: the same bytes, or the first difference and the reason for it."""

import json
import shutil
from pathlib import Path

import pytest

from closeloop.report import manifest, reproduce, run


@pytest.fixture
def copy(report, tmp_path):
    """A copy of the report to spoil."""
    return Path(shutil.copytree(report, tmp_path / report.name))


def found(comparison):
    return {difference.file: difference.where for difference in comparison.differences}


def test_a_report_made_again_is_the_same_byte_by_byte(report):
    comparison = reproduce.reproduce(report, lambda _: None)
    assert comparison.differences == ()
    assert comparison.files == 8 == len(list(report.iterdir()))


def test_the_manifest_names_every_file_and_all_it_is_made_from(report, demo_data):
    made = manifest.read(report)
    assert {name for name, _ in made.files} == {path.name for path in report.iterdir()} - {"manifest.json"}
    assert {"shopify_orders.csv", "improvement_log.csv"} <= set(dict(made.inputs))
    assert {"params/sources/demo/source.yml", "params/sources/demo/orders.sql"} <= set(dict(made.settings))
    assert {f"notebooks/{stem}.ipynb" for stem in run.NOTEBOOKS} <= set(dict(made.settings))
    assert {"closeloop/loop.py", "closeloop/report/template/style.css"} <= set(dict(made.code))
    assert {"python", "duckdb", "mjml-python", "papermill"} <= set(dict(made.packages))
    assert (made.source, made.data) == ("params/sources/demo", str(demo_data))


def test_a_file_edited_since_is_named_with_its_line(report, copy):
    page = copy / "page.html"
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[6] = lines[6].replace("<", "<!-- a word of mine --><", 1)
    page.write_text("".join(lines), encoding="utf-8")
    comparison = reproduce.compare(copy, report)
    assert set(found(comparison)) == {"page.html"}
    assert found(comparison)["page.html"].startswith("line 7: ")
    assert "a word of mine" in found(comparison)["page.html"]
    assert comparison.reasons == ("page.html: changed since the report was made",)


def test_a_notebook_that_differs_is_named_by_cell(report, copy):
    path = copy / f"{run.NOTEBOOKS[0]}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    number = next(i for i, cell in enumerate(notebook["cells"]) if cell.get("outputs"))
    notebook["cells"][number]["outputs"][0]["data"]["text/html"] = "<p>Another number.</p>"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert f"cell {number + 1}, output, line" in found(reproduce.compare(copy, report))[path.name]


def test_a_file_that_one_of_the_two_lacks_is_named(report, copy):
    (copy / "page.html").unlink()
    (copy / "notes.md").write_text("mine", encoding="utf-8")
    assert found(reproduce.compare(copy, report)) == {
        "page.html": "only in the one made again", "notes.md": "only in the report"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "was", "said"),
    [
        ("inputs", "shopify_orders.csv", "0" * 64, "input shopify_orders.csv: 000000000000 then, "),
        ("settings", "params/sources/demo/orders.sql", "0" * 64, "setting params/sources/demo/orders.sql: 0000"),
        ("code", "closeloop/loop.py", "0" * 64, "code closeloop/loop.py: 000000000000 then, "),
        ("packages", "pandas", "2.0.0", "package pandas: 2.0.0 then, "),
        ("code", "closeloop/gone.py", "0" * 64, "code closeloop/gone.py: 000000000000 then, absent now"),
    ],
)
def test_the_reason_of_a_difference_is_read_from_the_manifests(report, copy, kind, name, was, said):
    told = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    told[kind] = [pair for pair in told[kind] if pair[0] != name] + [[name, was]]
    (copy / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    [reason] = reproduce.compare(copy, report).reasons
    assert reason.startswith(said)


def test_what_nothing_explains_is_said_to_be_so(report, copy, tmp_path):
    again = Path(shutil.copytree(report, tmp_path / "again" / report.name))
    (again / "page.html").write_text("<p>Another machine.</p>", encoding="utf-8")
    [reason] = reproduce.compare(copy, again).reasons
    assert "what is left is the machine" in reason


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"there is no manifest\.json that this version can read"):
        reproduce.reproduce(tmp_path, lambda _: None)
