"""Runs the notebooks of a week with papermill and publishes the report, whole or not at all."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
import papermill
import yaml
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from closeloop import findings, project
from closeloop.loop import open_week
from closeloop.model import Findings
from closeloop.report import NotebookError, archive, engine, forked, mail, manifest, page, publish
from closeloop.report.steady import surroundings

NOTEBOOKS = ("1_surface_patterns", "2_explore_causes", "3_test_change", "4_weekly_report")

STEPS = "steps"
"""Folder in a run's folder through which one notebook hands its records to the next."""

NOTEBOOK_TIMEOUT_S = 1800

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """Which report to make, from which source, into which folder of reports."""

    source: str
    week: str
    data: str
    reports: Path
    timeout_s: int = NOTEBOOK_TIMEOUT_S
    """Seconds that each notebook may take."""


def weekly(request: Request, say: Say, made_from: manifest.Manifest | None = None) -> Path:
    """Make one week's report and return its folder; on failure last week's report stays as it is.

    `made_from` is what `origin` has said of the same request, if it was asked just before.
    Raises ValueError for bad input (before any kernel starts) and NotebookError for a failing cell.
    """
    if made_from is None:
        say("reading the data")
        made_from = origin(request)
    week = made_from.week
    draft = request.reports / f".{week}.part"
    given = {"source": request.source, "week": week, "data": request.data, "out": str(draft / STEPS)}
    for stem in NOTEBOOKS:
        check_parameters(stem, given)
    shutil.rmtree(draft, ignore_errors=True)
    (draft / STEPS).mkdir(parents=True)
    with surroundings(), forked.kernels(os.environ):
        for number, stem in enumerate(NOTEBOOKS, start=1):
            say(f"notebook {number} of {len(NOTEBOOKS)}: {stem}")
            execute(stem, draft / f"{stem}.ipynb", given, request.timeout_s)
    say("writing page and mail")
    _write_report(draft, made_from)
    target = publish.publish(draft, request.reports / week)
    archive.write(request.reports)
    return target


def origin(request: Request) -> manifest.Manifest:
    """Say what the requested report would be made from; without a week the newest complete one is meant."""
    opened = open_week(request.source, request.week, request.data)
    try:
        return manifest.describe(opened, request.source, request.data)
    finally:
        opened.store.close()


def _write_report(draft: Path, made_from: manifest.Manifest) -> None:
    learned = cast("Findings", findings.load(Findings, draft / STEPS / "findings.json"))
    findings.save(learned, draft / "findings.json")
    html = page.render(draft / f"{NOTEBOOKS[-1]}.ipynb", learned)
    (draft / "page.html").write_text(html, encoding="utf-8")
    mail.save_eml(mail.preview(learned, html.encode()), draft / "mail.eml")
    shutil.rmtree(draft / STEPS)
    manifest.seal(made_from, draft)


def parameter_file(stem: str) -> Path:
    """Return the parameter file of a notebook."""
    return project.root() / "params" / f"{stem}.yml"


def check_parameters(stem: str, given: Mapping[str, object]) -> dict[str, object]:
    """Join the parameter file with what is given; raises ValueError for names the notebook lacks."""
    path = parameter_file(stem)
    known = papermill.inspect_notebook(str(notebook(stem)))
    named = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    if not isinstance(named, dict):
        raise ValueError(f"{path}: write one 'name: value' a line")
    named = cast("dict[str, object]", named)
    for name, value in named.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"{path}: unknown parameter {name!r}; {hint}")
        if not isinstance(value, str):
            raise ValueError(f"{path}: {name} must be a text, got {value!r}; put it in quotes")
    return {**named, **{name: value for name, value in given.items() if name in known}}


def notebook(stem: str) -> Path:
    """Return the notebook of that name."""
    return project.root() / "notebooks" / f"{stem}.ipynb"


def execute(stem: str, target: Path, given: Mapping[str, object], timeout_s: int = NOTEBOOK_TIMEOUT_S) -> None:
    """Run one notebook in a kernel of its own and keep the executed copy, without clock or host in it.

    Raises NotebookError when a cell fails, the kernel dies, or the notebook takes more than `timeout_s`.
    """
    parameters = check_parameters(stem, given)
    try:
        with surroundings(), _kernel() as own:
            papermill.execute_notebook(
                str(notebook(stem)), str(target), parameters=dict(parameters), kernel_name="python3",
                cwd=str(project.root()), progress_bar=False, record_timing=False, engine_name=engine.NAME,
                timeout_func=_time_left(time.monotonic() + timeout_s), **own,
            )  # fmt: skip
    except PapermillExecutionError as error:
        said = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
        raise NotebookError(_failure(stem, target, said)) from error
    except CellTimeoutError as error:
        said = f"{_last_cell(target)}: the notebook took more than {timeout_s} s; see `closeloop weekly --timeout`"
        raise NotebookError(_failure(stem, target, said)) from error
    except DeadKernelError as error:
        said = f"{_last_cell(target)}: the kernel died; the system's log says whether memory ran out"
        raise NotebookError(_failure(stem, target, said)) from error
    _steady(target)


def _time_left(end: float) -> Callable[[object], int]:
    """Give each cell what the cells before it left of the notebook's time."""
    return lambda _cell: max(1, round(end - time.monotonic()))


def _last_cell(target: Path) -> str:
    """Name the cell that was running: the last one that papermill noted the start of."""
    cells = cast("Any", nbformat.read(target, as_version=4)).cells if target.is_file() else []
    begun = [n for n, cell in enumerate(cells, start=1) if cell.metadata.get("papermill", {}).get("start_time")]
    return f"cell {begun[-1]}" if begun else "before its first cell"


@contextmanager
def _kernel() -> Generator[dict[str, Any], None, None]:
    """Talk to the kernel over sockets in a folder of its own where there are such: no port, no race for one."""
    if os.name != "posix":
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="closeloop-") as folder:
        manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(Path(folder) / "k"))
        yield {"km": manager}
        if manager.has_kernel:
            run_sync(manager.shutdown_kernel)(now=True)  # in a notebook too, whose own loop is running


def _failure(stem: str, target: Path, said: str) -> str:
    kept = project.cache() / "failed" / f"{stem}.ipynb"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target, kept)
    names = [os.path.relpath(p, project.root()) for p in (notebook(stem), parameter_file(stem), kept)]
    return f"{names[0]}, {said}\n  parameters: {names[1]}\n  the notebook as it stopped: {names[2]}"


def _steady(path: Path) -> None:
    """Take the clock, the host and random names out of an executed notebook."""
    notebook_node = cast("Any", nbformat.read(path, as_version=4))
    notebook_node.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook_node.cells):
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell["id"] = hashlib.sha256(f"{path.stem} {number}".encode()).hexdigest()[:8]
            cell["source"] = "\n".join(line for line in cell.source.splitlines() if not line.startswith("out = "))
        if cell.cell_type == "code":
            cell["outputs"] = [o for o in cell.outputs if o.get("name") != "stderr"]
    nbformat.write(notebook_node, path)
