"""The tutorial and the analyst's page: run from top to bottom, they find what was planted, as they say."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_server.services.contents.filemanager import FileContentsManager
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from closeloop import project
from closeloop.loop import Loop
from closeloop.report import run
from closeloop.workbench import Workbench, bench

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def tutorial(demo_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tutorial on the smaller demo merchant, run in a checkout of its own."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("params", "notebooks"):
        (folder / name).symlink_to(ROOT / name)
    notebook = nbformat.read(ROOT / "notebooks" / "0_tutorial.ipynb", as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    cell.source = cell.source.replace('data: str = ""', f"data: str = {str(demo_files)!r}")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    notebook.folder = str(folder)
    return notebook


def said(notebook: Any, starts: str) -> str:
    """The plain text that the first cell beginning so has put out."""
    cell = next(c for c in notebook.cells if c.cell_type == "code" and starts in c.source)
    return "\n".join(str(o["data"].get("text/plain", "")) for o in cell.outputs if "data" in o)


def test_the_tutorial_finds_what_it_says(tutorial: Any) -> None:
    assert "P" in said(tutorial, "loop.patterns()")
    first = said(tutorial, "loop.patterns()").splitlines()[4]
    assert "channel = wholesale portal & complexity = 4+ lines" in first
    assert "24 Aug 2026" in first
    assert "Most was added in ready to label" in said(tutorial, "loop.milestones")
    assert "wholesale portal: +" in said(tutorial, 'by="channel"')
    assert "4+ lines: +" in said(tutorial, 'by="complexity"')
    told = said(tutorial, "loop.parcel(")
    assert told.index("ready to ship") < told.index("label made")
    assert "business hours after the order was ready" in said(tutorial, "loop.replay")


def test_the_tutorial_ends_with_the_verdict_that_was_planted(tutorial: Any, demo_week: Callable[[str], Loop]) -> None:
    cell = next(c for c in tutorial.cells if c.source.startswith("show.changes(later"))
    html = "".join(o["data"]["text/html"] for o in cell.outputs)
    assert "Improved" in html
    assert "Flag complex orders early" in html
    assert not list((ROOT / "params").rglob("*.lock"))
    own = subprocess.run(["git", "status", "--porcelain", "params", "notebooks"], cwd=ROOT, capture_output=True,
                         text=True, check=True)  # fmt: skip
    assert "improvement_log" not in own.stdout


def test_a_run_tutorial_asks_no_other_server_and_holds_no_chance(tutorial: Any) -> None:
    text = nbformat.writes(tutorial)
    assert "widget-view" not in text  # a progress bar would be one
    assert " at 0x" not in text
    assert not [o for c in tutorial.cells for o in c.get("outputs", ()) if o.get("name") == "stderr"]
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(tutorial)
    assert page.count("_itables_") > 0
    assert not re.findall(r"""(?:src|href)=["']https?:""", page)
    assert page.count("injectModule(") == 2, "the library of sortable tables comes once"  # defined once, called once


def test_the_analysts_page_runs_as_it_stands(
    demo: Loop, demo_week: Callable[[str], Loop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "analyst.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setattr(bench.opened, "open_week", lambda source, week, *_: demo_week(week))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for line in [line for block in blocks for line in block.splitlines() if line]:
        exec(compile(line, line, "single"), names)
    assert isinstance(names["loop"], Workbench)
    assert names["case"].slice == next(p.slice for p in demo.patterns.patterns if p.metric == "slow_transit")
    assert len(names["listed"]) > 0
    assert (tmp_path / "regions.csv").is_file()


def test_readers_own_notebooks_are_left_to_them() -> None:
    kept = subprocess.run(
        ["git", "check-ignore", "notebooks/mine/a.ipynb"], cwd=ROOT, capture_output=True, check=True
    )
    assert kept.stdout
    page = subprocess.run(
        ["git", "check-ignore", "notebooks/mine/README.md"], cwd=ROOT, capture_output=True, check=False
    )
    assert page.returncode == 1
    assert project.root() == ROOT


@pytest.mark.parametrize("name", ["0_tutorial", "1_surface_patterns", "2_explore_causes", "3_test_change"])
def test_a_run_saved_in_jupyterlab_leaves_the_shipped_notebook_as_it_was(name: str, tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "mine").mkdir(parents=True)
    manager = FileContentsManager(root_dir=str(tmp_path), pre_save_hook="closeloop.saving.without_outputs")
    for folder, kept in (("notebooks", False), ("notebooks/mine", True)):
        path = tmp_path / folder / f"{name}.ipynb"
        path.write_bytes((ROOT / "notebooks" / f"{name}.ipynb").read_bytes())
        model = manager.get(f"{folder}/{name}.ipynb")
        model["content"]["metadata"]["language_info"]["version"] = "3.99"
        for cell in model["content"]["cells"]:
            cell["metadata"]["scrolled"] = True
            if cell["cell_type"] == "code":
                cell["execution_count"] = 7
                cell["outputs"] = [nbformat.v4.new_output("stream", text="PUT OUT BY A RUN")]
        manager.save(model, f"{folder}/{name}.ipynb")
        assert ("PUT OUT BY A RUN" in path.read_text(encoding="utf-8")) == kept
        assert (path.read_bytes() == (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()) != kept


@pytest.mark.real_data
def test_the_weekly_notebooks_run_on_olist_and_an_order_can_be_followed_there(
    real_data: Callable[[str], Path], open_source: Callable[..., Loop], tmp_path: Path
) -> None:
    olist = Workbench(open_source("2018-W34", real_data("olist"), "params/sources/olist"))
    late = olist.shipments(metric="on_time_delivery")
    assert len(late) == int(olist.measure("on_time_delivery", period="2018-W34").frame["counted"].sum())
    told = olist.parcel(late.frame["shipment_id"].iloc[0]).frame
    assert list(told["what"])[:2] == ["ordered", "ready to ship"]
    assert list(told["what"])[-1] == "delivered"
    assert len(olist.shipments()) >= len(late)
    given = {
        "source": "params/sources/olist",
        "week": "2018-W34",
        "data": str(real_data("olist")),
        "out": str(tmp_path),
    }
    for stem in run.NOTEBOOKS:
        run.execute(stem, tmp_path / f"{stem}.ipynb", given)
    assert (tmp_path / "findings.json").is_file()
