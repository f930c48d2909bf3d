"""Saving in JupyterLab: a notebook that comes with closeloop keeps no outputs, a reader's own keeps all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHIPPED, OWN = "notebooks/", "notebooks/mine/"

OF_A_RUN = ("execution", "collapsed", "scrolled", "jupyter", "trusted")
"""Marks that running and looking leave on a cell."""


def without_outputs(path: str, model: dict[str, Any], contents_manager: Any) -> None:
    """Leave what a run added out of a shipped notebook's file, so that running it changes nothing; the screen stays.

    A hook of jupyter_server's contents manager (`pre_save_hook`), which changes `model` before it is written.
    """
    place = path.strip("/")
    if model["type"] != "notebook" or not place.startswith(SHIPPED) or place.startswith(OWN):
        return
    notebook = model["content"]
    for cell in notebook["cells"]:
        cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name not in OF_A_RUN}
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    kept = Path(contents_manager.root_dir) / place
    if kept.is_file():
        notebook["metadata"] = json.loads(kept.read_text(encoding="utf-8"))["metadata"]
