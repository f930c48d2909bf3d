"""The one form in which every benchmark gives its figures, and where they are kept.

A benchmark's `run.py` takes `--figures FILE` and calls `save`; `benchmarks/all.py` runs them all and keeps what they
say in `results.json`, from which RESULTS.md and the marked figures of every README are written.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan, sqrt
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Figure:
    """One measured number: `of` is the row that it stands in (a world, a set, a way), `name` the column.

    `low` to `high` is a 95 % interval; `n` says of how many cases the value is the share or the mean. `unit` is
    "share", "ratio", "", or a unit that is written behind the value, such as "CPU s" or "MB".
    """

    name: str
    value: float
    unit: str = ""
    of: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @property
    def key(self) -> str:
        """The name by which a README marks it: row and column in small letters."""
        return slug(f"{self.of} {self.name}")

    @property
    def text(self) -> str:
        """The figure as tables and READMEs say it."""
        if isnan(self.value):
            return "-"
        if self.unit == "share":
            shown = f"{100 * self.value:.0f} %"
            return f"{round(self.value * self.n)}/{self.n} ({shown})" if self.n else shown
        return f"{_number(self.value)} {self.unit if self.unit != 'ratio' else ''}".strip()


def share(name: str, part: int, whole: int, of: str = "") -> Figure:
    """Return a share of counts with its 95 % interval (Wilson 1927)."""
    if not whole:
        return Figure(name, float("nan"), "share", of, n=0)
    z, p = 1.96, part / whole
    middle = (p + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return Figure(name, p, "share", of, max(0.0, middle - half), min(1.0, middle + half), whole)


def add_option(options: argparse.ArgumentParser) -> None:
    """Give a benchmark the option that says where its figures go."""
    options.add_argument("--figures", type=Path, help="write the figures into this JSON file as well")


def save(path: Path | None, figures: Iterable[Figure], seeds: str) -> None:
    """Write the figures of one run; without a path nothing is written. `seeds` says on which seeds they stand."""
    if path:
        told = {"seeds": seeds, "figures": [asdict(figure) for figure in figures]}
        path.write_text(json.dumps(told, indent=1).replace("NaN", "null") + "\n", encoding="utf-8")


def read(results: dict[str, Any], benchmark: str) -> tuple[Figure, ...]:
    """Return the figures of one benchmark."""
    kept = results["benchmarks"][benchmark]["figures"]
    return tuple(Figure(**{**one, "value": float("nan") if one["value"] is None else one["value"]}) for one in kept)


def table(figures: Sequence[Figure]) -> str:
    """Draw the figures: a line each, or, where they stand in rows, rows against names, the longer list downwards."""
    if not any(figure.of for figure in figures):
        return _grid("figure", ["value"], {f.name: [f.text] for f in figures})
    names, rows = (list(dict.fromkeys(all_of)) for all_of in zip(*((f.name, f.of) for f in figures), strict=True))
    texts = {(figure.of, figure.name): figure.text for figure in figures}
    if len(names) > max(len(rows), 6):
        return _grid("", rows, {name: [texts.get((row, name), "") for row in rows] for name in names})
    return _grid("", names, {row: [texts.get((row, name), "") for name in names] for row in rows})


def _grid(corner: str, heads: Sequence[str], lines: Mapping[str, Sequence[str]]) -> str:
    shown = (f"| {name} | {' | '.join(cells)} |" for name, cells in lines.items())
    return "\n".join([f"| {corner} | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}", *shown])


def slug(text: str) -> str:
    """Write a name in small letters, digits and hyphens."""
    plain = "".join(c if c.isalnum() else "-" for c in text.lower().replace("%", "percent"))
    return "-".join(part for part in plain.split("-") if part)


def _number(value: float) -> str:
    """Write a number with three digits that matter, whole where it is large."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
