"""The log as a form: add, amend and close changes with the checks of `closeloop log`, and see what it said before."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, get_args

from closeloop import changes, metrics, review
from closeloop.changes import asked
from closeloop.explorer.opened import Opened
from closeloop.model import Cause, Change, ChangeKind, Pattern

Kind = Literal["add", "amend", "close"]

FAR = "9999-12-31"
"""Stands for the review date until one is proposed."""

FAULT = re.compile(rf"(?:.*?, )?({'|'.join(changes.COLUMNS)}): (.*)")

CHOICES: dict[str, tuple[str, ...]] = {
    "kind": get_args(ChangeKind),
    "metric": tuple(sorted(one.id for one in (*metrics.METRICS, *metrics.TIMES))),
    "verdict": changes.FINAL,
}
CHOICES["placebo_metric"] = CHOICES["metric"]
DAYS = ("shipped_on", "review_date", "since", "decided_on")
LONG = ("pattern", "root_cause", "change_shipped", "scope", "expected_effect", "notes")
LATER = ("written_on",)
"""Columns that a form fills in by itself."""


@dataclass(frozen=True)
class Form:
    """One change being written: its cells, what is wrong with them by column, and what was said about it."""

    kind: Kind
    name: str = ""
    cells: Mapping[str, str] = field(default_factory=dict[str, str])
    faults: Mapping[str, str] = field(default_factory=dict[str, str])
    said: tuple[str, ...] = ()
    is_done: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that it asks for."""
        if self.kind == "close":
            return changes.OUTCOME
        return tuple(name for name in asked.FIELDS if name not in LATER)


def blank(cells: Mapping[str, str] | None = None) -> Form:
    """Start a new change."""
    return Form("add", cells=dict(cells or {}))


def drafted(pattern: Pattern, cause: Cause | None) -> Form:
    """Start a change from a pattern or a view, with what its candidate cause proposes."""
    return blank({name: text for name, text in changes.from_pattern(pattern, cause).items() if text})


def amending(opened: Opened, name: str) -> Form:
    """Open a change of the log to amend it. Raises ValueError when there is no such change."""
    return Form("amend", name, changes.cells_of(changes.find(changes.read(opened.log), name)))


def closing(opened: Opened, name: str) -> Form:
    """Open a change of the log to close it, with the verdict of the week where there is one."""
    changes.find(changes.read(opened.log), name)
    found = next((v for v in opened.verdicts if v.change.id == name and v.decision in changes.FINAL), None)
    if found is None:
        return Form(
            "close", name, said=(f"The week gives no verdict on {name} yet; choose one only if you know it.",)
        )
    return Form("close", name, changes.outcome_of(found), said=(found.sentence,))


def proposed(opened: Opened, form: Form, cells: Mapping[str, str]) -> Form:
    """Work out when to review the change as it stands in the form; its faults are told instead if it has any."""
    return _checked(form, cells, lambda told: _with_review(opened, replace(form, cells=told, faults={})))


def submitted(opened: Opened, form: Form, cells: Mapping[str, str], *, force: bool = False) -> Form:
    """Write the change into the log, or say by column why not; nothing is written then."""
    return _checked(form, cells, lambda told: _written(opened, replace(form, cells=told, faults={}, said=()), force))


def past(opened: Opened) -> tuple[changes.Amendment, ...]:
    """Return what the log said before, the newest amendment first."""
    return tuple(reversed(changes.amendments(opened.log)))


def _checked(form: Form, cells: Mapping[str, str], work: Callable[[Mapping[str, str]], Form]) -> Form:
    told = {name: text.strip() for name, text in cells.items() if name in changes.COLUMNS}
    try:
        return work(told)
    except ValueError as error:
        return replace(form, cells=told, faults=faults_of(str(error)), said=())


def faults_of(message: str) -> dict[str, str]:
    """Sort what the log refuses by column; what belongs to none stands under an empty name."""
    found: dict[str, str] = {}
    for line in message.splitlines():
        match = FAULT.fullmatch(line)
        name, text = (match[1], match[2]) if match else ("", line.removeprefix("improvement log: "))
        found[name] = f"{found[name]} {text}" if name in found else text
    return found


def _with_review(opened: Opened, form: Form) -> Form:
    cells = {"written_on": _today(), "id": form.name or "C0", **form.cells, "review_date": FAR}
    new = changes.draft(cells, beside=changes.read(opened.log))
    proposal = review.propose(opened.con, opened.cube, new)
    cells = {**form.cells, "review_date": proposal.review_date.isoformat()}
    return replace(form, cells=cells, said=proposal.lines)


def _written(opened: Opened, form: Form, force: bool) -> Form:
    by = changes.Signed(_who(), date.today())
    if form.kind == "add":
        planned = form if form.cells.get("review_date") else _with_review(opened, form)
        made = changes.add(opened.log, {"written_on": _today(), **planned.cells}, force=force)
        return _done(planned, made, "is in the log")
    if form.kind == "amend":
        return _done(form, changes.amend(opened.log, form.name, form.cells, by, force=force), "is amended")
    outcome = {**form.cells, "decided_on": form.cells.get("decided_on") or _today()}
    return _done(form, changes.close(opened.log, form.name, outcome, by), "is closed")


def _done(form: Form, made: Change, what: str) -> Form:
    told = f"{made.id} {what}: {made.change_shipped}. Shipped {made.shipped_on}, review {made.review_date}."
    return replace(form, name=made.id, said=(told, *form.said, *made.flags), is_done=True)


def _today() -> str:
    return date.today().isoformat()


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a login has no name
        return "unknown"
