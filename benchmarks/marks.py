"""Figures in Markdown that are written from the results: between two comments that nobody sees when it is shown.

`<!--= report.one-plain-script.cpu -->12.3<!--/-->` holds one figure: the benchmark, a dot, and the figure's key.
`<!--= report -->` ... `<!--/-->` on lines of their own hold the benchmark's whole table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import figures

ROOT = Path(__file__).parent.parent
MARK = re.compile(r"(<!--= ?([\w-]+)(?:\.([\w.-]+))? ?-->)(.*?)(<!--/-->)", re.DOTALL)


def pages() -> tuple[Path, ...]:
    """Return the Markdown files whose figures are kept."""
    return (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "benchmarks").glob("*/*.md")))


def said(results: dict[str, Any], benchmark: str, key: str | None) -> str:
    """Return what belongs between two marks. Raises KeyError where nothing of that name has been measured."""
    known = figures.read(results, benchmark)
    if not key:
        return f"\n{figures.table(known)}\n"
    by_key = {figure.key: figure.text for figure in known}
    if key not in by_key:
        raise KeyError(f"{benchmark} has no figure {key!r}; it has: {', '.join(by_key)}")
    return by_key[key]


def filled(text: str, results: dict[str, Any]) -> str:
    """Return a text with its marked figures as they were measured."""
    return MARK.sub(lambda m: f"{m[1]}{said(results, m[2], m[3])}{m[5]}", text)


def wrong(text: str, results: dict[str, Any]) -> Iterator[str]:
    """Yield each marked figure that is not what was measured, and what was."""
    for match in MARK.finditer(text):
        truth = said(results, match[2], match[3])
        if match[4] != truth:
            yield f"{match[2]}.{match[3] or 'table'}: says {match[4]!r}, was measured as {truth!r}"


def fill(results: dict[str, Any]) -> None:
    """Write the measured figures into every page."""
    for path in pages():
        text = path.read_text(encoding="utf-8")
        if (new := filled(text, results)) != text:
            path.write_text(new, encoding="utf-8")
