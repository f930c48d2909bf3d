"""The log as Markdown, in the form of an issue tracker: a heading and an answer for each column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from closeloop.changes.cells import COLUMNS, Row, clean, nearest
from closeloop.changes.rows import cells_of
from closeloop.model import Change
from closeloop.words import shortened

TITLE = "# Improvement log"
EMPTY = "_No response_"
"""What issue trackers write for a question left open."""

HEADINGS = {name: name.replace("_", " ").capitalize() for name in COLUMNS}
NAMES = {heading.casefold(): name for name, heading in HEADINGS.items()}
MARKUP = re.compile(rf"\\*(#|{EMPTY}$)")
"""A line that would be read as a heading or as no answer, so that it needs a backslash before it."""


SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "[": "&#91;"}
"""What begins a tag or a link, and how it is written so that a reader sees it and no browser obeys it."""


def to_markdown(changes: Sequence[Change]) -> str:
    """Write changes as forms, one below the other."""
    return "\n\n".join([TITLE, *(_form(change) for change in changes)]) + "\n"


def rows_of(text: str) -> tuple[Row, ...]:
    """Read forms back as rows, each named by the line of its title.

    Raises ValueError that names the line of an unknown, repeated or homeless heading.
    """
    return tuple(_row(number, lines) for number, lines in _forms(clean(text).split("\n")))


def _form(change: Change) -> str:
    title = f"## {_plain(shortened(f'{change.id}: {change.change_shipped}', 100))}"
    answers = (f"### {HEADINGS[name]}\n\n{_escaped(text)}" for name, text in cells_of(change).items())
    return "\n\n".join([title, *answers])


def _escaped(text: str) -> str:
    lines = _plain(text).split("\n")
    return "\n".join(f"\\{line}" if MARKUP.match(line) else line for line in lines) if text else EMPTY


def _plain(text: str) -> str:
    """Write a text so that Markdown shows it and makes nothing of it."""
    return text.translate(str.maketrans(SIGNS))


def _unescaped(lines: Sequence[str]) -> str:
    text = clean("\n".join(lines))
    if text == EMPTY:
        return ""
    bare = (line[1:] if line.startswith("\\") and MARKUP.match(line) else line for line in text.split("\n"))
    return _told("\n".join(bare))


def _told(text: str) -> str:
    """Undo `_plain`; what a person typed without it stays."""
    for sign, written in reversed(SIGNS.items()):
        text = text.replace(written, sign)
    return text


def _forms(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Give each form with the number of its title line, counted from 1."""
    starts = [i for i, line in enumerate(lines) if line.startswith("## ")]
    before = lines[: starts[0]] if starts else lines
    stray = next((i for i, line in enumerate(before, start=1) if line.startswith("### ")), 0)
    if stray or not starts:
        raise ValueError(f"line {stray or 1}: each change begins with a title such as '## C4: Flag large orders'")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield start + 1, list(lines[start + 1 : end])


def _row(number: int, lines: Sequence[str]) -> Row:
    cells: dict[str, str] = {}
    heads = [i for i, line in enumerate(lines) if line.startswith("### ")]
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        line, heading = number + 1 + head, clean(lines[head][4:])
        name = NAMES.get(heading.casefold())
        if name is None:
            raise ValueError(f"line {line}: unknown heading {heading!r}; {nearest(heading, list(HEADINGS.values()))}")
        if name in cells:
            raise ValueError(f"line {line}: {heading!r} stands twice in one form; begin a new change with '## '")
        cells[name] = _unescaped(lines[head + 1 : end])
    return Row(f"line {number}", cells)
