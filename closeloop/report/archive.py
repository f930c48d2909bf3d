"""The archive: one page that lists every report in the folder, the newest week first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from closeloop import weeks, words
from closeloop.report import publish
from closeloop.report.wording import NOTHING, environment, lines

FILE = "index.html"


class Entry(NamedTuple):
    """One report in the archive; `patterns` says how many stand out."""

    week: str
    monday: str
    merchant: str
    headline: str
    patterns: str


def write(reports: Path) -> Path:
    """Write `index.html` beside the reports, whole or not at all; the same reports give the same bytes."""
    entries = [entry for path in reversed(publish.folders(reports)) if (entry := _entry(path))]
    html = environment(escaped=True).get_template("archive.html.j2").render(entries=entries)
    draft = reports / f".{FILE}.part"
    draft.write_text(html, encoding="utf-8")
    return draft.replace(reports / FILE)


def _entry(folder: Path) -> Entry | None:
    """Read the few fields that every version of the findings has; leave out what is no report."""
    try:
        learned: dict[str, Any] = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
        headline = next(iter(learned["bottom_line"]), NOTHING)
        count = words.plural(len(learned["patterns"]), "pattern")
        return Entry(
            folder.name, words.day(weeks.parse(folder.name)), lines(learned["merchant"]), lines(headline), count
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
