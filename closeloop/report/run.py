"""Runs the notebooks of a week with papermill and publishes the report, whole or not at all."""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nbformat
import papermill
import yaml
from jupyter_client.manager import AsyncKernelManager
from papermill.exceptions import PapermillExecutionError

from closeloop import findings, project
from closeloop.loop import iso_week, open_week
from closeloop.model import Findings
from closeloop.report import NotebookError, mail, page

NOTEBOOKS = ("1_surface_patterns", "2_explore_causes", "3_test_change", "4_weekly_report")

STEPS = "steps"
"""Folder in a run's folder through which one notebook hands its records to the next."""

STEADY = {
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
"""What makes two runs of the same notebook give the same bytes."""

CELL_TIMEOUT_S = 900

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """Which report to make, from which source, into which folder of reports."""

    source: str
    week: str
    data: str
    reports: Path


def weekly(request: Request, say: Say) -> Path:
    """Make one week's report and return its folder; on failure last week's report stays as it is.

    Raises ValueError for bad input (before any kernel starts) and NotebookError for a failing cell.
    """
    say("reading the data")
    opened = open_week(request.source, request.week, request.data)
    week = iso_week(opened.week)
    draft = request.reports / f".{week}.part"
    given = {"source": request.source, "week": week, "data": request.data, "out": str(draft / STEPS)}
    for stem in NOTEBOOKS:
        check_parameters(stem, given)
    shutil.rmtree(draft, ignore_errors=True)
    (draft / STEPS).mkdir(parents=True)
    for number, stem in enumerate(NOTEBOOKS, start=1):
        say(f"notebook {number} of {len(NOTEBOOKS)}: {stem}")
        execute(stem, draft / f"{stem}.ipynb", given)
    say("writing page and mail")
    _write_report(draft)
    return _publish(draft, request.reports / week)


def _write_report(draft: Path) -> None:
    learned = cast("Findings", findings.load(Findings, draft / STEPS / "findings.json"))
    findings.save(learned, draft / "findings.json")
    html = page.render(draft / f"{NOTEBOOKS[-1]}.ipynb", learned)
    (draft / "page.html").write_text(html, encoding="utf-8")
    message = mail.compose(learned, "closeloop <closeloop@localhost>", ["operations@localhost"], html.encode())
    mail.save_eml(message, draft / "mail.eml")
    findings.save(learned.provenance, draft / "manifest.json")
    shutil.rmtree(draft / STEPS)


def _publish(draft: Path, target: Path) -> Path:
    """Put the new report in place of the old with two renames, so that no reader sees half of one."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    draft.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


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


def execute(stem: str, target: Path, given: Mapping[str, object]) -> None:
    """Run one notebook in a kernel of its own and keep the executed copy, without clock or host in it."""
    parameters = check_parameters(stem, given)
    before = {name: os.environ.get(name) for name in STEADY}
    os.environ.update(STEADY)
    try:
        with _kernel() as own:
            papermill.execute_notebook(
                str(notebook(stem)), str(target), parameters=dict(parameters), kernel_name="python3",
                cwd=str(project.root()), progress_bar=False, record_timing=False,
                execution_timeout=CELL_TIMEOUT_S, **own,
            )  # fmt: skip
    except PapermillExecutionError as error:
        raise NotebookError(_failure(stem, target, error)) from error
    finally:
        _restore(before)
    _steady(target)


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
            asyncio.run(_stop(manager))


async def _stop(manager: AsyncKernelManager) -> None:
    await manager.shutdown_kernel(now=True)


def _failure(stem: str, target: Path, error: PapermillExecutionError) -> str:
    kept = project.cache() / "failed" / f"{stem}.ipynb"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(target, kept)
    names = [os.path.relpath(p, project.root()) for p in (notebook(stem), parameter_file(stem), kept)]
    return (
        f"{names[0]}, cell {error.exec_count}: {error.ename}: {error.evalue}\n"
        f"  parameters: {names[1]}\n  the notebook as it stopped: {names[2]}"
    )


def _restore(before: Mapping[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


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
