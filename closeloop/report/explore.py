"""Makes a notebook of one's own for a pattern or a change: parameterised, its evidence run, and free to edit."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from closeloop import project
from closeloop.loop import Loop, open_week
from closeloop.model import Change, Pattern
from closeloop.report import NotebookError
from closeloop.report.wording import marked_down
from closeloop.weeks import iso

MINE = Path("notebooks") / "mine"
"""Where a reader's own notebooks lie: git leaves them alone, and closeloop never writes over one that was touched."""

LIVE = "live"
"""The tag of cells that need a running kernel to be of use: they are left for the reader to run."""

RANK = re.compile(r"P([1-9][0-9]?)")
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
YOURS = "This notebook is yours: change what you like; it stays out of git, and nothing writes over it."
TIMEOUT_S = 600

Subject = Pattern | Change


@dataclass(frozen=True)
class Asked:
    """Of which source and week a notebook is, and where its files are if not where the source says."""

    source: str
    week: str
    data: str = ""


def notebook_for(name: str, asked: Asked) -> Path:
    """Write the notebook of a pattern or a change, run its evidence, and return it; a touched one is left alone.

    `name` is an id, such as PDFC0 or C1, or a pattern's place in the report, such as P3. Raises ValueError when the
    week has neither, naming the nearest ones, and NotebookError when a cell fails.
    """
    opened = open_week(asked.source, asked.week, asked.data)
    try:
        subject = named(opened, name)
    finally:
        opened.store.close()
    settled = Asked(asked.source, iso(opened.week), asked.data)
    path, fresh = place(subject, settled), notebook(subject, settled)
    if is_touched(path, fresh):
        return path
    write(path, fresh)
    _run(path, fresh)
    return path


def named(opened: Loop, name: str) -> Subject:
    """Return the pattern or change of that name. Raises ValueError with the nearest ones when there is none."""
    found = opened.patterns
    known: dict[str, Subject] = {one.id: one for one in (*found.patterns, *found.resolved)}
    known |= {one.id: one for one in opened.changes}
    ids = {key.upper(): key for key in known}
    if name.upper() in ids:
        return known[ids[name.upper()]]
    rank = RANK.fullmatch(name.upper())
    if rank and int(rank[1]) <= len(found.patterns):
        return found.patterns[int(rank[1]) - 1]
    near = [ids[key] for key in difflib.get_close_matches(name.upper(), ids, n=2, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise ValueError(
        f"{iso(opened.week)} has no pattern or change {name!r}; {hint}it has: {', '.join(map(_line, known.values()))}"
        if known
        else f"{iso(opened.week)} has no pattern {name!r}, nor any other, and its log no change"
    )


def place(subject: Subject, asked: Asked) -> Path:
    """Return where the notebook of a pattern or a change lies: `notebooks/mine/demo/2026-W47/PDFC0.ipynb`."""
    parts = (Path(asked.source).name, asked.week, f"{subject.id}.ipynb")
    return project.root().joinpath(MINE, *(re.sub(r"[^\w.-]", "_", part) for part in parts))


def notebook(subject: Subject, asked: Asked) -> Any:
    """Make the notebook of a pattern or a change, with nothing run in it yet."""
    given = {"source": asked.source, "week": asked.week, "data": asked.data, "about": subject.id}
    told = _of_pattern(subject) if isinstance(subject, Pattern) else _of_change(subject)
    parameters = "\n".join(f"{name}: str = {json.dumps(text, ensure_ascii=False)}" for name, text in given.items())
    opened = new_code_cell(
        "from closeloop.report import sections as show\nfrom closeloop.workbench import open_week\n\n"
        "loop = open_week(source, week, data)"
    )
    cells = [told[0], new_code_cell(parameters, metadata={"tags": ["parameters"]}), opened, *told[1:], *_room()]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return cast("Any", new_notebook(cells=cells, metadata={"kernelspec": KERNEL}))


def is_touched(path: Path, fresh: Any) -> bool:
    """Whether a file is there and says anything else than the notebook as it was made, or has been run."""
    if not path.exists():
        return False
    try:
        there = cast("Any", nbformat.read(path, as_version=4))
    except (ValueError, nbformat.ValidationError, KeyError, AttributeError):
        return True
    said, made = ([(cell.cell_type, cell.source) for cell in one.cells] for one in (there, fresh))
    return said != made or any(cell.get("outputs") for cell in there.cells)


def write(path: Path, node: Any) -> None:
    """Write a notebook into a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, path)


def _run(path: Path, node: Any) -> None:
    """Run the evidence in a kernel where the notebook lies, and keep what it shows."""
    client = NotebookClient(
        node, timeout=TIMEOUT_S, kernel_name="python3", skip_cells_with_tag=LIVE, store_widget_state=False,
        record_timing=False, resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    try:
        client.execute()
    except CellExecutionError as error:
        raise NotebookError(f"{path}: {error.ename}: {error.evalue}") from error
    finally:
        write(path, node)


def _of_pattern(pattern: Pattern) -> list[Any]:
    title = f"# {marked_down(pattern.sentence)}\n\nPattern {pattern.id}."
    return [
        _said(f"{title} {YOURS}"),
        _said("## What stands out\n\nThe pattern beside its own past, and how sure it is."),
        new_code_cell("show.patterns(loop.about(about))"),
        _said("## Why\n\nThe candidate cause, with what speaks for it and against it."),
        new_code_cell("show.causes(loop.about(about))"),
        _said("## The cases behind it\n\nEach case that it counts; `loop.parcel(...)` tells the life of one."),
        new_code_cell("loop.shipments(about)"),
        *_looking(),
        _said("## Change one thing\n\nThe form starts from the pattern; an empty review date is worked out."),
        _live("loop.log_form(about)"),
    ]


def _of_change(change: Change) -> list[Any]:
    title = (
        f"# Did it work: {marked_down(change.change_shipped)}?\n\nChange {change.id}, shipped {change.shipped_on}."
    )
    return [
        _said(f"{title} {YOURS}"),
        _said("## The verdict\n\nThe slice beside its own past and beside slices that were left alone."),
        new_code_cell("show.changes(loop.about(about))"),
        *_looking(),
        _said("## Close it, or amend it\n\nWhat the log said before is kept."),
        _live("loop.log_form()"),
    ]


def _looking() -> list[Any]:
    return [
        _said(
            "## Look around\n\nRun all cells (*Run, Run All Cells*), then choose a metric, split, press a value, drag"
            " over weeks. *Copy as code* gives the cell for what you see."
        ),
        _live("loop.explore(about)"),
    ]


def _room() -> list[Any]:
    asks = "Questions have a line each: `loop.measure()`, `loop.shipments()`, `loop.compare()`, `loop.replay()`."
    return [_said(f"## Your own questions\n\n{asks}"), new_code_cell("")]


def _said(text: str) -> Any:
    return new_markdown_cell(text)


def _live(text: str) -> Any:
    return new_code_cell(text, metadata={"tags": [LIVE]})


def _line(subject: Subject) -> str:
    return f"{subject.id} ({subject.metric}, {subject.slice if isinstance(subject, Pattern) else subject.scope})"
