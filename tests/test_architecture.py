"""The shape of the package: one direction of imports, small modules, thin notebooks."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "closeloop"
ORDER = (
    "percent", "slices", "segments", "model", "stats", "tables", "project", "sources", "weeks", "clocks", "engines",
    "facts", "metrics", "glossary", "cells", "row_plan", "streamed", "cube", "cube_file", "leaves", "words",
    "strains", "scan", "problems", "promises", "days_off", "patterns", "early", "mix", "feed_alarms", "gaps",
    "hotspots", "stages", "strata", "crossed", "times", "stocks", "prices", "maturity", "rates",
    "triggers", "alerts", "coincidences", "comparisons", "narrowing", "uneven", "clues", "mixes", "origins", "moves",
    "proposals", "causes",
    "changes", "observed", "doubts", "impact", "review", "ledger", "findings", "summary", "provenance",
    "pictures", "charts", "explorer", "simulate", "loop",
    "check", "workbench", "saving", "report", "lab", "cli_report", "cli_check", "cli_log", "cli_ask", "cli",
)  # fmt: skip
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py")


def place(module: str) -> int:
    assert module in ORDER, f"give closeloop.{module} a place in ORDER"
    return ORDER.index(module)


def imported(path: Path) -> set[str]:
    """Return the first names below `closeloop` that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "closeloop":
            parts = (node.module or "").split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_what_stands_above_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imported(path):
        assert place(other) <= place(own), f"{own} imports {other}, which stands below it"


def test_stats_know_no_words_of_the_domain() -> None:
    for path in (PACKAGE / "stats").glob("*.py"):
        assert imported(path) <= {"stats", "percent"}, path


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_is_longer_than_one_can_hold_in_mind(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_are_thin_and_have_no_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "parameters" in code[0].metadata["tags"]
    for cell in code:
        assert not cell.outputs
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 10
        logic = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.If)
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, logic)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_notebook_has_its_parameter_file(path: Path) -> None:
    assert (ROOT / "params" / f"{path.stem}.yml").is_file()


def test_every_parameter_file_has_its_notebook() -> None:
    assert {p.stem for p in (ROOT / "params").glob("*.yml")} - {"delivery"} == {p.stem for p in NOTEBOOKS}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_answer_is_fetched_whole(path: Path) -> None:
    """A row left behind keeps the connection busy, and the reader's next question fails."""
    assert not {"fetchone(", "fetchmany("} & set(re.findall(r"fetch\w+\(", path.read_text(encoding="utf-8")))
