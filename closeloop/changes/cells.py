"""The cells of the log: which columns there are, and how a text is kept in a file that Excel opens."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

OUTCOME = ("verdict", "decided_on", "estimate")
"""What closing a change fills in."""

COLUMNS = (
    "id", "pattern", "root_cause", "change_shipped", "metric", "review_date",
    "scope", "kind", "shipped_on", "written_on", "owner",
    "since", "settling_days", "comparison", "placebo_metric", "expected_effect", "notes",
    *OUTCOME,
)  # fmt: skip

REQUIRED = COLUMNS[:11]

FORMULA = re.compile(r"'*[=+\-@\t＝＋－＠]")
"""How a text begins that a spreadsheet would take for a formula, or for one that is guarded already."""


CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")
"""How the lines begin that git leaves in a file where two people changed the same rows."""


class Row(NamedTuple):
    """One change as texts, and where it stands in its file, such as `row 4`."""

    where: str
    cells: Mapping[str, str]


def clean(text: str) -> str:
    r"""Return a text as the log keeps it: no blanks around it, lines ended by `\n` alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula; `unguarded` takes it off."""
    return f"'{text}" if FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return what `guarded` was given; every other text stays as it is."""
    return clean(text[1:]) if text.startswith("'") and FORMULA.match(text) else text


def read_csv(path: Path, known: Sequence[str], required: Sequence[str]) -> tuple[Row, ...]:
    """Read the rows of a CSV file, whose first row names columns among `known`.

    Raises ValueError that names the file and what is wrong with its text, its first row or a row's length.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{path}: cannot be read as CSV in UTF-8 ({error}); in Excel choose 'CSV UTF-8 (comma delimited)'"
        ) from error
    header = [clean(name) for name in lines[0]] if lines else []
    check_header(path, header, known, required)
    if len(lines) > 1 and 0 < len(lines[-1]) < len(header) and not text.endswith(("\n", "\r")):
        raise ValueError(f"{path}: row {len(lines)} ends in its middle; the file was cut off, so get it anew")
    return tuple(_row(path, number, header, line) for number, line in enumerate(lines[1:], start=2) if any(line))


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]], encoding: str = "utf-8") -> None:
    """Write rows as CSV beside the target, then move the file there, so that no reader sees half of it."""
    draft = path.with_name(f"{path.name}.part")
    with draft.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: guarded(row[name]) for name in columns} for row in rows)
    draft.replace(path)


def _row(path: Path, number: int, header: Sequence[str], line: Sequence[str]) -> Row:
    if line[0].startswith(CONFLICT):
        raise ValueError(
            f"{path}: row {number} is the mark of a merge that git could not finish; keep the rows of both sides,"
            " each with an id of its own, and delete the marks"
        )
    if [clean(name) for name in line] == header:
        raise ValueError(f"{path}: row {number} repeats the first row; two logs stand one below the other: keep one")
    if any(line[len(header) :]):
        raise ValueError(
            f"{path}: row {number} has {len(line)} cells, the first row {len(header)};"
            " put texts that hold a comma in double quotes"
        )
    padded = [*line, *[""] * (len(header) - len(line))]
    return Row(f"row {number}", {n: unguarded(clean(text)) for n, text in zip(header, padded, strict=False) if n})


def check_header(path: Path, header: Sequence[str], known: Sequence[str], required: Sequence[str]) -> None:
    """Raise ValueError when a first row names an unknown column, one twice, or lacks one that is required."""
    unknown = next((name for name in header if name and name not in known), "")
    if unknown:
        raise ValueError(f"{path}: unknown column {unknown!r}; {nearest(unknown, known)}")
    repeated = next((name for i, name in enumerate(header) if name and name in header[:i]), "")
    if repeated:
        raise ValueError(f"{path}: the first row names {repeated!r} twice; each column stands once")
    missing = [name for name in required if name not in header]
    if missing:
        raise ValueError(f"{path}: the first row lacks {', '.join(missing)}")


def nearest(name: str, known: Sequence[str]) -> str:
    """Return a hint for a name that is not known: the nearest one, or all of them."""
    if any(sign in name for sign in ";\t"):
        return "its columns are not parted by commas: save it as 'CSV UTF-8 (comma delimited)'"
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known columns: {', '.join(known)}"
