"""Makes a report again from its manifest and compares every file, byte by byte."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

from closeloop import project
from closeloop.report import manifest, run
from closeloop.report.manifest import Manifest

MOST_SHOWN = 120
"""Characters shown of a line that differs, from where it begins to differ."""


@dataclass(frozen=True)
class Difference:
    """Where a file of the two reports first differs."""

    file: str
    where: str


@dataclass(frozen=True)
class Comparison:
    """How a report compares with the one made again from the same; `reasons` explain the differences."""

    files: int
    differences: tuple[Difference, ...]
    reasons: tuple[str, ...]


def reproduce(folder: Path, say: Callable[[str], None]) -> Comparison:
    """Make the report of `folder` again elsewhere and compare the two.

    Raises ValueError when the folder holds no readable manifest or its data is gone, and NotebookError
    when the report can no longer be made.
    """
    made = manifest.read(folder)
    if made is None:
        raise ValueError(f"{folder}: there is no {manifest.FILE} that this version can read; nothing to compare with")
    with tempfile.TemporaryDirectory(prefix="closeloop-") as elsewhere:
        again = run.weekly(run.Request(made.source, made.week, made.data, Path(elsewhere)), say)
        say("comparing")
        return compare(folder, again)


def compare(before: Path, now: Path) -> Comparison:
    """Compare two folders of reports; the reasons are read from their manifests."""
    names = sorted({path.name for folder in (before, now) for path in folder.iterdir() if path.is_file()})
    found = tuple(Difference(n, where) for n in names if (where := _first(before / n, now / n)))
    old, new = manifest.read(before), manifest.read(now)
    reasons = _reasons(before, old, new) if found and old and new else ()
    return Comparison(len(names), found, reasons)


def _reasons(folder: Path, old: Manifest, new: Manifest) -> tuple[str, ...]:
    edited = [
        f"{name}: changed since the report was made"
        for name, sha in old.files
        if (folder / name).is_file() and project.digest(folder / name) != sha
    ]
    known = (*edited, *manifest.differences(old, new))
    unexplained = "inputs, settings, code and packages are the same: what is left is the machine, or the clock"
    return known or (unexplained,)


def _first(before: Path, now: Path) -> str:
    if not before.is_file() or not now.is_file():
        return f"only in the {'report' if before.is_file() else 'one made again'}"
    old, new = before.read_bytes(), now.read_bytes()
    if old == new:
        return ""
    if before.suffix == ".ipynb":
        return _first_cell(old, new)
    return _first_line(old.decode("utf-8", "replace"), new.decode("utf-8", "replace"))


def _first_line(old: str, new: str) -> str:
    pairs = zip_longest(old.splitlines(), new.splitlines(), fillvalue="")
    number, (was, is_) = next(((n, p) for n, p in enumerate(pairs, 1) if p[0] != p[1]), (0, ("", "")))
    if not number:
        return "only the ends of the lines differ"
    at = next((i for i, (a, b) in enumerate(zip(was, is_, strict=False)) if a != b), min(len(was), len(is_)))
    start = max(0, at - 20)
    return f"line {number}: {was[start : start + MOST_SHOWN]!r} then, {is_[start : start + MOST_SHOWN]!r} now"


def _first_cell(old: bytes, new: bytes) -> str:
    """Name the cell, and whether its source or its output differs."""
    try:
        cells = [cast("list[dict[str, Any]]", json.loads(text)["cells"]) for text in (old, new)]
    except (ValueError, KeyError):
        return _first_line(old.decode("utf-8", "replace"), new.decode("utf-8", "replace"))
    for number, (was, is_) in enumerate(zip_longest(*cells, fillvalue=cast("dict[str, Any]", {})), 1):
        for part in ("source", "outputs"):
            if was.get(part) != is_.get(part):
                name = part.rstrip("s") if part == "outputs" else part
                return f"cell {number}, {name}, {_first_line(_text(was.get(part)), _text(is_.get(part)))}"
    return "the cells are the same, their metadata differs"


def _text(part: object) -> str:
    """Write a cell's source or outputs line by line, as people see it."""
    return (
        "".join(cast("list[str]", part))
        if part and all(isinstance(p, str) for p in cast("list[Any]", part))
        else json.dumps(part, indent=1, ensure_ascii=False)
    )
