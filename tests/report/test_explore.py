"""A notebook of one's own for a pattern: parameterised, runnable, and never overwritten."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from closeloop import project
from closeloop.loop import Loop
from closeloop.report import explore


def test_the_notebook_is_about_its_pattern_runs_and_is_kept(
    demo: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project.root()
    for name in ("notebooks", "params"):
        (tmp_path / name).symlink_to(root / name)
    monkeypatch.setattr(project, "root", lambda: tmp_path)
    pattern = demo.patterns.patterns[0]
    path = explore.notebook_for("2026-W47", pattern.id, "params/sources/demo", str(demo.source.folder))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(root)}}).execute()
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert pattern.id in shown
    assert not [other.id for other in demo.patterns.patterns[1:] if other.id in shown]
    path.write_text("mine", encoding="utf-8")
    again = explore.notebook_for("2026-W47", pattern.id, "params/sources/demo", str(demo.source.folder))
    assert again.read_text(encoding="utf-8") == "mine"
