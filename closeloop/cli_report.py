"""The commands that make, mail and check reports, with exit codes that a scheduler can rely on."""

# ruff: noqa: PLC0415  (--help and errors must not wait for pandas)

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from closeloop.report.reproduce import Comparison
    from closeloop.report.run import Request
    from closeloop.report.send import Letter, Outcome
    from closeloop.report.unattended import Done, Policy, Post

BUSY, UNSENT, DIFFERS = 4, 5, 6
EXIT_CODES = """
Exit codes: 0 all is well; 1 bad input, named in the message; 2 wrong use of a command;
3 a notebook failed, and the last report was left as it is; 4 another run holds the folder of reports;
5 the report is there, but a mail could not be sent; 6 a report made again differs.
"""

DEMO = "params/sources/demo"
SOURCE = click.option("--source", default=DEMO, show_default=True, help="Folder of the source.")
DATA = click.option("--data", default="", help="Folder of its files, if not the one in source.yml.")
WEEK = click.option("--week", default="", help="ISO week such as 2026-W47; the newest complete one if left out.")
OUT = click.option("--out", default="reports", show_default=True, help="Folder of the reports, one folder a week.")
SEND = click.option("--send", is_flag=True, help="Send the mail; without it nothing leaves the machine.")
CONFIG = click.option(
    "--config", default="params/delivery.yml", show_default=True, help="Who gets it, through which server."
)


class Progress:
    """Says each step on stderr with the seconds since the start, plainly enough for a log."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say one step."""
        click.echo(f"[{time.monotonic() - self._start:5.1f} s] {text}", err=True)


@click.command(epilog=EXIT_CODES)
@SOURCE
@DATA
@WEEK
@OUT
@click.option("--if-missing", is_flag=True, help="Do nothing if the report is there, made from the same.")
@click.option("--catch-up", type=click.IntRange(1), metavar="N", help="Make up to N missed weeks, the oldest first.")
@click.option(
    "--keep", type=click.IntRange(1), metavar="N", help="Remove all but the newest N reports of the source."
)
@click.option("--timeout", type=click.IntRange(1), metavar="SECONDS", help="Most that one notebook may take.")
@SEND
@CONFIG
def weekly(**given: Any) -> None:
    """Make a week's report: four notebooks, page.html, mail.eml and findings.json."""
    if given["week"] and given["catch_up"]:
        raise click.UsageError("--week names one week and --catch-up makes those that are missing: give one of them")
    with _imported():
        from closeloop.report import forked, run, unattended

    limit = given["timeout"] or run.NOTEBOOK_TIMEOUT_S
    reports = _root() / given["out"]
    request = run.Request(_folder(given["source"]), given["week"], absolute(given["data"]), reports, limit)
    policy = unattended.Policy(given["if_missing"], given["catch_up"] or 0, given["keep"] or 0)
    with forked.from_here():
        done = _run(request, policy, _post(given["config"]) if given["send"] else None)
    for folder in done.reports:
        _print_bottom_line(folder)
    _finish(done.outcomes)


def _run(request: Request, policy: Policy, post: Post | None) -> Done:
    from closeloop.report import journal, unattended

    with _held(request.reports, "closeloop weekly"):
        log = journal.Journal(request.reports, journal.clock, Progress())
        return unattended.weekly(request, policy, log, post)


@click.command(epilog=EXIT_CODES)
@click.argument("week")
@SEND
@CONFIG
@OUT
@click.option("--source", default="", help="Folder of the source that the report must be of, to be sure of it.")
@click.option("--role", default="", help="Only the recipients with this role.")
@click.option("--resend", multiple=True, metavar="ADDRESS", help="Send to this recipient even if it was sent before.")
def mail(**given: Any) -> None:
    """Say who would get the report of WEEK (such as 2026-W47) and write the mails; with --send, send them."""
    from closeloop import weeks
    from closeloop.report import audience

    folder = _root() / given["out"] / weeks.iso(weeks.parse(given["week"]))
    _check_source(folder, given["source"])
    if not given["send"] and not (_root() / given["config"]).is_file():
        click.echo(f"{shown(audience.preview(folder))}\nnobody would get it: there is no {given['config']}")
        return
    post = _post(given["config"])
    if given["send"]:
        with _held(folder.parent, "closeloop mail"):
            outcomes = post.report(folder, given["role"], given["resend"])
        _print_outcomes(outcomes)
        _finish(outcomes)
    else:
        letters = audience.letters(folder, post.delivery, post.delivery.with_role(given["role"]))
        _print_letters(folder, letters)


def _print_letters(folder: Path, letters: Sequence[Letter]) -> None:
    from closeloop.report import audience, journal, ledger

    outbox = folder.parent / "outbox" / folder.name
    book = ledger.Ledger(folder.parent, journal.clock)
    for letter, path in zip(letters, audience.save(outbox, letters), strict=True):
        state = book.state(letter.key)
        told = {"new": "would get it", "sent": "has it already"}.get(state, f"state: {state}")
        click.echo(f"{letter.key.to}: {told}: {shown(path)}")
    click.echo("nothing was sent; add --send to send it")


def _check_source(folder: Path, source: str) -> None:
    from closeloop.report import manifest

    made = manifest.read(folder)
    if made and source and made.source != _folder(source):
        raise ValueError(f"{shown(folder)} is a report of {made.source}, not of {source}")


@click.command(epilog=EXIT_CODES)
@click.argument("folder", type=click.Path(path_type=Path))
def reproduce(folder: Path) -> None:
    """Make the report in FOLDER (such as reports/2026-W47) again elsewhere and compare every byte."""
    with _imported():
        from closeloop.report import forked
        from closeloop.report import reproduce as again

    with forked.from_here():
        found = again.reproduce(folder.resolve(), Progress())
    _print_comparison(found)
    if found.differences:
        sys.exit(DIFFERS)


def _print_comparison(found: Comparison) -> None:
    for difference in found.differences:
        click.echo(f"{difference.file}: {difference.where}")
    for reason in found.reasons:
        click.echo(f"because: {reason}")
    same = found.files - len(found.differences)
    click.echo(f"{same} of {found.files} files are the same, byte by byte")


@contextmanager
def _imported() -> Generator[None, None, None]:
    """Import within this what is imported once for a whole run: no memory is searched for garbage meanwhile."""
    # jsonschema would build a grammar of web addresses: over a second's work, of no use to a notebook.
    sys.modules.setdefault("rfc3987_syntax", cast("Any", None))
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _held(reports: Path, command: str) -> Generator[None, None, None]:
    from closeloop.report import journal, lock

    try:
        with lock.held(reports, command, journal.clock()):
            yield
    except lock.BusyError as error:
        click.echo(f"closeloop: {error}", err=True)
        sys.exit(BUSY)


def _post(config: str) -> Post:
    from closeloop.report import delivery, unattended

    return unattended.Post(delivery.read(_root() / config))


def _finish(outcomes: Sequence[Outcome]) -> None:
    """End with the code that says whether every mail went out, and name on stderr each that did not."""
    left = [one for one in outcomes if not one.is_fine]
    for one in left:
        click.echo(f"closeloop: mail to {one.to}: {one.state}: {one.detail}", err=True)
    if left:
        sys.exit(UNSENT)


def _print_outcomes(outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        click.echo(f"{one.to}: {one.state}{' before' if one.already else ''}")


def _print_bottom_line(folder: Path) -> None:
    from closeloop import findings
    from closeloop.model import Findings
    from closeloop.report.wording import lines

    learned = findings.load(Findings, folder / "findings.json")
    click.echo(f"\n{lines(learned.merchant)}, {learned.iso_week}: {shown(folder / 'page.html')}")
    for line in learned.bottom_line:
        click.echo(f"- {lines(line)}")


def _root() -> Path:
    from closeloop import project

    return project.root()


def _folder(source: str) -> str:
    """One spelling for one folder: reports are known by it."""
    return Path(source).as_posix()


def absolute(folder: str) -> str:
    """Return the whole path of a folder that was named, or nothing where none was."""
    return str(Path(folder).resolve()) if folder else ""


def shown(path: Path) -> str:
    """Return a path as seen from the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
