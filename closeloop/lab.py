"""JupyterLab on the checkout: a start page with what stands out this week, and one server, not two."""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from jupyter_server.serverapp import list_running_servers
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from closeloop import findings, project
from closeloop.model import Findings, Verdict
from closeloop.report import explore, manifest
from closeloop.report.publish import folders
from closeloop.report.wording import lines, marked_down

START = explore.MINE / "start.ipynb"
NOTEBOOKS = (
    ("0_tutorial", "One case through the whole loop, in fifteen minutes"),
    ("1_surface_patterns", "What stands out this week?"),
    ("2_explore_causes", "Why did it happen?"),
    ("3_test_change", "Did the change work?"),
    ("4_weekly_report", "The report itself"),
)
ABOUT = "`closeloop lab` writes this page anew each time it starts; keep your own work in another notebook."


CLEAN = "--FileContentsManager.pre_save_hook=closeloop.saving.without_outputs"
"""Shipped notebooks are saved without outputs."""


def start_page() -> Path:
    """Write the start page, and a notebook for each pattern and change that it links to, and return its file."""
    path = project.root() / START
    path.parent.mkdir(parents=True, exist_ok=True)
    told, asked = _week()
    cells = [
        new_markdown_cell("\n\n".join([*told, *_questions(), ABOUT])),
        *([new_code_cell(_opened(asked))] if asked else []),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"start-{number}"
    explore.write(path, new_notebook(cells=cells, metadata={"kernelspec": explore.KERNEL}))
    return path


def open_lab(path: Path, options: Sequence[str] = ()) -> None:
    """Open a file in the JupyterLab that runs on this checkout, or start one, which does not return."""
    root = project.root()
    where = f"lab/tree/{quote(path.relative_to(root).as_posix())}"
    running = [one for one in list_running_servers() if Path(one["root_dir"]).resolve() == root.resolve()]
    if running and not options:
        url, token = running[0]["url"], running[0]["token"]
        webbrowser.open(f"{url}{where}?token={token}")
        return
    os.chdir(root)
    os.environ[project.HOME] = str(root)  # jupyter-scheduler runs notebooks in a folder of its own
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", CLEAN, f"--LabApp.default_url=/{where}", *options])


def _opened(asked: explore.Asked) -> str:
    given = [asked.source, asked.week, *([asked.data] if asked.data else [])]
    quoted = ", ".join(json.dumps(text, ensure_ascii=False) for text in given)
    return f"from closeloop.workbench import open_week\n\nloop = open_week({quoted})\nloop.explore()"


def _week() -> tuple[list[str], explore.Asked | None]:
    reports = project.root() / "reports"
    made = folders(reports)
    newest = next((one for one in reversed(made) if (one / "findings.json").is_file()), None)
    if newest is None:
        told = "There is no report yet: `make weekly` (or `closeloop weekly`) makes one in a minute."
        return ["# closeloop", told], None
    learned = findings.load(Findings, newest / "findings.json")
    about = manifest.read(newest)
    if about is None:
        return [f"# {newest.name}", f"The report in reports/{newest.name} has no manifest: make it again."], None
    asked = explore.Asked(about.source, about.week, about.data)
    page = os.path.relpath(newest / "page.html", (project.root() / START).parent)
    title = f"# {marked_down(lines(learned.merchant))}, {learned.iso_week}"
    told = [f"- {marked_down(lines(line))}" for line in learned.bottom_line]
    return [title, "\n".join(told), f"[The whole report]({page})", *_standing_out(learned, asked)], asked


def _standing_out(learned: Findings, asked: explore.Asked) -> list[str]:
    patterns = [_linked(one, f"{one.status}: {one.sentence}", asked) for one in learned.patterns]
    changes = [_linked(one.change, _judged(one), asked) for one in learned.verdicts]
    told = ["## What stands out", "\n".join(patterns) or "Nothing rose above its own past."]
    return [*told, "## What was changed", "\n".join(changes)] if changes else told


def _linked(subject: explore.Subject, text: str, asked: explore.Asked) -> str:
    """Say a pattern or a change, with a link to its notebook, which is made if there is none."""
    path = explore.place(subject, asked)
    if not path.exists():
        explore.write(path, explore.notebook(subject, asked))
    link = quote(os.path.relpath(path, (project.root() / START).parent))
    return f"- [{subject.id}]({link}) {marked_down(lines(text))}"


def _judged(verdict: Verdict) -> str:
    return f"{verdict.decision}: {verdict.change.change_shipped}"


def _questions() -> list[str]:
    there = [
        f"- [{title}](../{stem}.ipynb)"
        for stem, title in NOTEBOOKS
        if (project.root() / "notebooks" / f"{stem}.ipynb").is_file()
    ]
    return [
        "## The notebooks", "\n".join(there),
        "Your own notebooks belong in this folder, `notebooks/mine`: git leaves it alone, and so do updates.",
    ]  # fmt: skip
