"""Makes a notebook of one's own for a pattern: the causes notebook, parameterised and free to edit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import nbformat
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from closeloop import project
from closeloop.loop import open_week
from closeloop.report.run import check_parameters, notebook

STEM = "2_explore_causes"


def notebook_for(week: str, pattern: str, source: str, data: str) -> Path:
    """Write `explore/<week>-<pattern>.ipynb` and return it; one that is there already is left alone.

    Raises ValueError when the week has no such pattern, naming those it has.
    """
    path = project.root() / "explore" / f"{week}-{pattern}.ipynb"
    if path.exists():
        return path
    known = [p.id for p in open_week(source, week, data).patterns.patterns]
    if pattern not in known:
        raise ValueError(f"{week} has no pattern {pattern!r}; it has: {', '.join(known) or 'none'}")
    given = check_parameters(STEM, {"source": source, "week": week, "data": data, "pattern": pattern})
    node = cast("Any", parameterize_notebook(load_notebook_node(str(notebook(STEM))), given))
    path.parent.mkdir(exist_ok=True)
    nbformat.write(node, path)
    return path
