"""The commands of the log: `closeloop log add | list | due | ledger | amend | close | export | import`."""

# ruff: noqa: PLC0415  (--help, errors and most commands must not wait for pandas and DuckDB)

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from closeloop import changes, project
from closeloop.changes import asked
from closeloop.cli_report import DATA, SOURCE, WEEK, absolute
from closeloop.model import Change, Verdict
from closeloop.words import number

if TYPE_CHECKING:
    from closeloop.loop import Loop

LOG = "improvement_log.csv"
WIDTH = 80
FAR = "9999-12-31"
"""Stands for the review date until one is proposed."""

FORCE = click.option("--force", is_flag=True, help="Allow an overlap with another change; both are marked.")
WHO = click.option(
    "--who", envvar=["USER", "USERNAME"], default="unknown", help="Who writes; your login if left out."
)
ON = click.option("--on", default="", help="Day to write into the history; today if left out.")

ASKED = tuple(name for name in changes.REQUIRED if name not in ("id", "review_date", "written_on"))

Command = TypeVar("Command", bound=Callable[..., None])


def _columns(fields: Mapping[str, str]) -> Callable[[Command], Command]:
    """Give a command one option for each column."""

    def decorate(command: Command) -> Command:
        for name, help_ in reversed(list(fields.items())):
            command = click.option(_flag(name), name, default=None, help=help_)(command)
        return command

    return decorate


def _flag(column: str) -> str:
    return "--change" if column == "change_shipped" else f"--{column.replace('_', '-')}"


@click.group()
def log() -> None:
    """Read and write the improvement log: one change a row, in CSV."""


@log.command("list")
@SOURCE
def list_(source: str) -> None:
    """List all changes, the earliest review first."""
    known = changes.read(_path(source))
    _print(sorted(known, key=lambda change: (change.review_date, change.id)), "no change is logged")


@log.command()
@SOURCE
@WEEK
def due(source: str, week: str) -> None:
    """List the open changes whose review is due by the end of a week (last week, if none is given)."""
    last = _end_of(week) if week else date.today() - timedelta(days=date.today().weekday() + 1)
    _print(changes.due(changes.read(_path(source)), last), f"no change is due by {last}")


@log.command()
@click.option("--id", "name", default="", help="Its id; the next free one, such as C4, if left out.")
@_columns(asked.FIELDS)
@click.option("--from-pattern", default="", metavar="WEEK/PATTERN", help="Draft it from a finding: 2026-W47/P0404.")
@click.option(
    "--hoped-effect",
    type=float,
    help="Fall that the review should find, as -0.3; half the pattern's rise, else -0.2.",
)
@FORCE
@SOURCE
@DATA
def add(
    name: str, from_pattern: str, hoped_effect: float | None, force: bool, source: str, data: str, **given: str
) -> None:
    """Log one change before it ships, and propose when to review it."""
    path, cells = _path(source), {**_given(given), "id": name}
    if from_pattern:
        cells = {**_from_pattern(from_pattern, source, data), **cells}
    cells.setdefault("written_on", date.today().isoformat())
    _ask_for(field for field in ASKED if not cells.get(field))
    if not cells.get("review_date"):
        told = {**cells, "id": name or changes.next_id(path), "review_date": FAR}
        new = changes.draft(told, beside=changes.read(path))
        cells["review_date"] = _proposed(new, hoped_effect, source, data)
    added = changes.add(path, cells, force=force)
    click.echo(f"{added.id} is in {path.name}:")
    _print([added], "")


@log.command()
@SOURCE
@DATA
@WEEK
def ledger(source: str, data: str, week: str) -> None:
    """Say what all reviewed changes together spare, a week and so far, and how the loop keeps its pace."""
    for line in _open(source, week, data).ledger.sentences:
        _say(line, "")


@log.command()
@click.argument("name", metavar="ID")
@_columns(asked.FIELDS | asked.OUTCOME)
@FORCE
@WHO
@ON
@SOURCE
def amend(name: str, force: bool, who: str, on: str, source: str, **given: str) -> None:
    """Amend columns of one change; what they said before stays in the history file."""
    cells = _given(given)
    if not cells:
        raise click.UsageError("name what to amend, such as --owner 'dock lead'; an empty text empties a column")
    _print([changes.amend(_path(source), name, cells, _signed(who, on), force=force)], "")


@log.command()
@click.argument("name", metavar="ID")
@_columns(asked.OUTCOME)
@WHO
@SOURCE
@DATA
@WEEK
def close(name: str, who: str, source: str, data: str, week: str, **given: str) -> None:
    """Close a change with its verdict; without --verdict it is the one of the week's report."""
    path, cells = _path(source), _given(given)
    changes.find(changes.read(path), name)
    if not cells.get("verdict"):
        cells = {**_judged(_open(source, week, data), name), **cells}
    decided = cells.setdefault("decided_on", date.today().isoformat())
    _print([changes.close(path, name, cells, _signed(who, decided))], "")


@log.command()
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="A .csv, .xlsx or .md file.")
@SOURCE
def export(target: Path, source: str) -> None:
    """Write the log for a spreadsheet (.csv, .xlsx) or an issue tracker (.md)."""
    click.echo(f"{target}: {number(changes.export(_path(source), target))} changes")


@log.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@FORCE
@WHO
@ON
@SOURCE
def import_(file: Path, dry_run: bool, force: bool, who: str, on: str, source: str) -> None:
    """Take in an exported FILE, all of it or nothing: known ids are amended, new ones added, none removed."""
    take = changes.preview if dry_run else changes.merge
    said = take(_path(source), file, _signed(who, on), force=force)
    for line in said or ("nothing to change",):
        click.echo(line)
    if dry_run and said:
        click.echo("nothing was written; leave out --dry-run to do it")


def _path(source: str) -> Path:
    folder = project.root() / source
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder; --source names the one that holds source.yml")
    return folder / LOG


def _given(options: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in options.items() if text is not None}


def _ask_for(missing: Iterable[str]) -> None:
    lacking = [f"{_flag(name)} ({asked.FIELDS[name].rstrip('.')})" for name in missing]
    if lacking:
        raise click.UsageError(f"a change needs also: {'; '.join(lacking)}")


def _signed(who: str, on: str) -> changes.Signed:
    try:
        return changes.Signed(who, date.fromisoformat(on) if on else date.today())
    except ValueError as error:
        raise ValueError(f"{on!r} is not a date; write it as 2026-10-05") from error


def _open(source: str, week: str, data: str) -> Loop:
    from closeloop.loop import open_week

    return open_week(source, week, absolute(data))


def _end_of(week: str) -> date:
    from closeloop import weeks

    return weeks.parse(week) + timedelta(days=6)


def _from_pattern(name: str, source: str, data: str) -> dict[str, str]:
    week, _, wanted = name.partition("/")
    if not wanted:
        raise ValueError(f"--from-pattern {name!r}: write a week and a pattern, such as 2026-W47/P0404")
    loop = _open(source, week, data)
    found = {pattern.id: pattern for pattern in loop.patterns.patterns}
    if wanted not in found:
        raise ValueError(f"{week} has no pattern {wanted!r}; it has: {', '.join(found) or 'none'}")
    cause = next((cause for cause in loop.causes if cause.pattern == wanted), None)
    return changes.from_pattern(found[wanted], cause)


def _proposed(change: Change, hoped: float | None, source: str, data: str) -> str:
    """Work out a review date from the newest data, say why, and return it."""
    from closeloop import review

    loop = _open(source, "", data)
    proposal = review.propose(loop.con, loop.cube, change, hoped)
    for line in proposal.lines:
        _say(line, "")
    if not proposal.enough:
        _say(f"It is logged with a review on {proposal.review_date} all the same; amend it, or remove the row.", "")
    return proposal.review_date.isoformat()


def _judged(loop: Loop, name: str) -> dict[str, str]:
    """Return verdict and estimate of a change in a week's report."""
    found: Verdict | None = next((v for v in loop.verdicts if v.change.id == name), None)
    if found is None or found.decision == "too early":
        why = "it has not shipped by then" if found is None else "it is too early to judge"
        raise ValueError(f"change {name}: {loop.week} gives no verdict, as {why}; name one with --verdict")
    return changes.outcome_of(found)


def _print(shown: Iterable[Change], nothing: str) -> None:
    lines = [line for change in shown for line in _lines(change)]
    for line in lines or [nothing]:
        click.echo(line)


def _say(text: str, indent: str) -> None:
    click.echo("\n".join(_wrapped(text, indent, indent)))


def _lines(change: Change) -> list[str]:
    """Say a change in lines of at most 80 columns."""
    told = [
        f"{change.metric} in {change.scope}",
        f"shipped {change.shipped_on}, review {change.review_date}, {change.owner}",
    ]
    if change.decided_on:
        told.append(f"closed {change.decided_on}: {change.verdict} {changes.cells_of(change)['estimate']}")
    head = _wrapped(f"{change.id}  {change.change_shipped}", "", "    ")
    marks = (line for flag in change.flags for line in _wrapped(f"! {flag}", "    ", "      "))
    return [*head, *(line for text in told for line in _wrapped(text, "    ", "      ")), *marks]


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    plain = "".join(c if c.isprintable() else " " for c in text)
    return textwrap.wrap(plain, WIDTH, initial_indent=first, subsequent_indent=rest)
