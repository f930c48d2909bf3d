"""The improvement log in a notebook: what is planned and shipped, and one more change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from closeloop import changes, project, review, words
from closeloop.loop import Loop
from closeloop.model import Cause, Change, Pattern
from closeloop.workbench.answers import Answer, Column

FAR = "9999-12-31"
"""Stands for the review date until one is proposed."""


@dataclass(frozen=True, eq=False, repr=False)
class Logged(Answer):
    """Changes of the improvement log, the newest last."""

    changes: tuple[Change, ...]


def listed(run: Loop) -> Logged:
    """Return what the log says now."""
    known = changes.read(run.log)
    said = f"{words.plural(len(known), 'change')} in {run.log.name}." if known else f"{run.log.name} is empty."
    return _logged("What did we change, and when is it reviewed?", said, known)


def add(run: Loop, pattern: Pattern | None, cells: Mapping[str, str]) -> Logged:
    """Write one change into the log, drafted from a pattern and its candidate cause where one is given.

    Without a review date, the day is proposed by which the slice's own past lets an effect show. Raises ValueError
    that names every faulty column, and refuses a change that another one under review would blur.
    """
    drafted = changes.from_pattern(pattern, _cause(run, pattern)) if pattern else {}
    asked = {"written_on": date.today().isoformat(), **drafted, **cells}
    said = ()
    if not asked.get("review_date"):
        new = changes.draft(
            {**asked, "id": changes.next_id(run.log), "review_date": FAR}, beside=changes.read(run.log)
        )
        proposal = review.propose(run.con, run.cube, new)
        asked["review_date"], said = proposal.review_date.isoformat(), proposal.lines
    run.log.parent.mkdir(parents=True, exist_ok=True)
    made = changes.add(run.log, asked)
    return _logged(f"What is {made.id}?", " ".join((f"Written into {run.log.name}.", *said)), (made,))


def scratch_log() -> str:
    """Make an empty log for trying things out, and return its path for `open_week(..., log=...)`."""
    folder = project.cache() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("improvement_log*"):
        path.unlink()
    return str((folder / "improvement_log.csv").relative_to(project.root()))


def _cause(run: Loop, pattern: Pattern) -> Cause | None:
    return next((cause for cause in run.causes if cause.pattern == pattern.id), None)


def _logged(question: str, says: str, known: Sequence[Change]) -> Logged:
    rows = [
        (c.id, c.change_shipped, str(c.scope), c.metric, c.shipped_on, c.review_date, c.verdict or "") for c in known
    ]
    heads = ["id", "change", "scope", "metric", "shipped_on", "review_date", "verdict"]
    labels = ("Change", "What", "Where", "Judged by", "Shipped", "Review", "Verdict")
    columns = tuple(Column(name, label) for name, label in zip(heads, labels, strict=True))
    return Logged(question, says, pd.DataFrame(rows, columns=heads), columns, changes=tuple(known))
