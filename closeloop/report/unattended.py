"""Runs that nobody watches: which weeks are due, each made once, mailed once, noted in the journal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from closeloop import weeks
from closeloop.report import NotebookError, archive, audience, mail, manifest, publish, run
from closeloop.report.delivery import Delivery, spec
from closeloop.report.journal import Clock, Journal, clock
from closeloop.report.ledger import Key, Ledger
from closeloop.report.send import Letter, Outcome, Sender


@dataclass(frozen=True)
class Policy:
    """What a run does beside making one week: skip what is there, catch up, clear away."""

    if_missing: bool = False
    catch_up: int = 0
    keep: int = 0


@dataclass(frozen=True)
class Post:
    """How reports go out: the configuration, the clock, how to wait, and where user and password stand."""

    delivery: Delivery
    now: Clock = clock
    sleep: Callable[[float], None] = time.sleep
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def report(self, folder: Path, role: str = "", again: tuple[str, ...] = ()) -> tuple[Outcome, ...]:
        """Send a published report to those who have not got it; see `Sender.send`."""
        letters = audience.letters(folder, self.delivery, self.delivery.with_role(role))
        return self._sender(folder.parent).send(letters, tuple(map(spec, again)))

    def failure(self, request: run.Request, error: Exception) -> tuple[Outcome, ...]:
        """Tell the owner alone that there is no report and why; the same failure once a day."""
        when, owner = self.now(), self.delivery.owner
        subject = f"closeloop: no report of {request.source} {request.week}".rstrip()
        text = f"The report could not be made. The last one is as it was.\n\n{_said(error)}\n"
        message = mail.failure(self.delivery.sender, owner, subject, text, when)
        key = Key(request.source, f"failure {message['Message-ID']}", spec(owner))
        return self._sender(request.reports).send([Letter(key, message)])

    def _sender(self, reports: Path) -> Sender:
        return Sender(self.delivery.server, Ledger(reports, self.now), self.sleep, self.environ)


@dataclass(frozen=True)
class Done:
    """What a run did: the reports it made or found as they should be, and what became of the mails."""

    reports: tuple[Path, ...]
    outcomes: tuple[Outcome, ...] = ()


def weekly(request: run.Request, policy: Policy, journal: Journal, post: Post | None) -> Done:
    """Make what is due, mail it where `post` is given, and clear away what is old.

    Call it while holding the lock of the folder. Raises whatever stopped a report, after the owner has
    been told of it.
    """
    publish.recover(request.reports)
    try:
        made = tuple(_make(one, policy, journal) for one in due(request, policy))
    except Exception as error:
        journal.close(f"failed: {_said(error).splitlines()[0]}")
        if post:
            _tell_owner(request, error, journal, post)
        raise
    outcomes = tuple(outcome for folder in made for outcome in _mail(folder, journal, post))
    _clear_away(request, policy, journal)
    journal.close()
    return Done(made, outcomes)


def due(request: run.Request, policy: Policy) -> list[run.Request]:
    """Return what to make, the oldest week first: the week asked for, or those missed since the first report.

    A week is missed when it lies between the oldest report of this source in the folder and the newest
    complete week, and has none. At most `catch_up` of them are due at a time.
    """
    if not policy.catch_up:
        return [request]
    newest = run.origin(request).week
    have = [path.name for path in publish.reports_of(request.reports, request.source)]
    missed = [week for week in _between(min([*have, newest]), newest) if week not in have]
    return [replace(request, week=week) for week in missed[: policy.catch_up] or [newest]]


def _between(first: str, last: str) -> list[str]:
    start, end = weeks.parse(first), weeks.parse(last)
    return [weeks.iso(start + timedelta(days=days)) for days in range(0, (end - start).days + 1, 7)]


def _make(request: run.Request, policy: Policy, journal: Journal) -> Path:
    journal.week = request.week
    journal("looking what there is")
    wanted = run.origin(request)
    journal.week, folder = wanted.week, request.reports / wanted.week
    if (policy.if_missing or policy.catch_up) and _is_there(folder, wanted, policy):
        journal(f"{wanted.week} is there already")
        return folder
    made = run.weekly(replace(request, week=wanted.week), journal, wanted)
    journal(f"published {made.name}")
    return made


def _is_there(folder: Path, wanted: manifest.Manifest, policy: Policy) -> bool:
    """Whether the report is there, made from the same; to catch up, any whole report will do."""
    there = manifest.read(folder)
    if there is None or not manifest.is_whole(folder, there) or there.source != wanted.source:
        return False
    return there.same_origin(wanted) or not policy.if_missing


def _mail(folder: Path, journal: Journal, post: Post | None) -> tuple[Outcome, ...]:
    if post is None:
        return ()
    journal.week = folder.name
    journal(f"mailing {folder.name}")
    try:
        outcomes = post.report(folder)
    except ValueError as error:
        outcomes = (Outcome("everybody", "refused", f"the mail could not be written: {error}"),)
    for one in outcomes:
        journal(f"mail to {one.to}: {one.state}{', ' + one.detail if one.detail else ''}")
    return outcomes


def _said(error: Exception) -> str:
    known = isinstance(error, ValueError | NotebookError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _tell_owner(request: run.Request, error: Exception, journal: Journal, post: Post) -> None:
    journal("telling the owner")
    for one in post.failure(request, error):
        journal(f"mail to {one.to}: {one.state}{', ' + one.detail if one.detail else ''}")
    journal.close()


def _clear_away(request: run.Request, policy: Policy, journal: Journal) -> None:
    if not policy.keep:
        return
    removed, spared = publish.keep_newest(request.reports, request.source, policy.keep)
    for path in removed:
        journal(f"removed {path.name}")
    for path in spared:
        journal(f"{path.name} is left in place: it holds something that closeloop did not write")
    if removed:
        archive.write(request.reports)
