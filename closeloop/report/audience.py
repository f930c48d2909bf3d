"""What each recipient is told: everything, or what concerns the slices that are theirs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from email.message import EmailMessage
from functools import cache
from pathlib import Path

import nbformat

from closeloop import findings, words
from closeloop.model import Findings
from closeloop.report import mail, mail_rules, manifest, page, sections
from closeloop.report.delivery import Delivery, Recipient, spec
from closeloop.report.ledger import Key
from closeloop.report.send import Letter
from closeloop.slices import Slice

SECTIONS = (
    sections.bottom_line,
    sections.decisions,
    sections.scorecard,
    sections.patterns,
    sections.changes,
    sections.ledger,
    sections.upcoming,
    sections.quality,
    sections.glossary,
    sections.provenance,
)


def letters(folder: Path, delivery: Delivery, recipients: Sequence[Recipient]) -> list[Letter]:
    """Compose the letters of a published report.

    Raises ValueError when the folder holds no report, or when a letter would break a rule of `mail_rules`.
    """
    learned, html, source = _report(folder)

    @cache
    def composed(slices: tuple[Slice, ...]) -> EmailMessage:
        own = view(learned, slices)
        return mail.compose(own, delivery.sender, [], page_of(own) if slices else html)

    return [
        Letter(
            Key(source, learned.iso_week, spec(one.address)),
            _checked(mail.addressed(composed(one.slices), one.address, delivery.unsubscribe)),
        )
        for one in recipients
    ]


def _checked(message: EmailMessage) -> EmailMessage:
    """Let a mail pass that keeps every rule: none at all is better than one that nobody can read."""
    if broken := mail_rules.faults(message.as_bytes()):
        raise ValueError(f"the mail to {message['To']} would break a rule: {'; '.join(broken[:3])}")
    return message


def preview(folder: Path) -> Path:
    """Return `mail.eml` of a published report, addressed to nobody in particular; written anew if it is gone."""
    learned, html, _ = _report(folder)
    path = folder / "mail.eml"
    return path if path.is_file() else mail.save_eml(mail.preview(learned, html), path)


def save(outbox: Path, letters_: Sequence[Letter]) -> list[Path]:
    """Write each letter into a folder of its own week, to look at before anything is sent."""
    shutil.rmtree(outbox, ignore_errors=True)
    names = [re.sub(r"[^\w.@+-]", "_", letter.key.to) for letter in letters_]
    return [mail.save_eml(one.message, outbox / f"{name}.eml") for one, name in zip(letters_, names, strict=True)]


def view(learned: Findings, slices: tuple[Slice, ...]) -> Findings:
    """Leave in the findings what overlaps one of the slices; without slices, everything.

    The headline numbers stay those of the whole merchant, for they are what a slice is held against. The ledger
    cannot be split, and is left out.
    """
    if not slices:
        return learned
    told = tuple(p for p in learned.patterns if _concerns(p.slice, slices))
    verdicts = tuple(v for v in learned.verdicts if _concerns(v.change.scope, slices))
    named = {p.id for p in told} | {v.change.id for v in verdicts}
    return replace(
        learned,
        bottom_line=_bottom_line(learned, len(told), slices, tuple(p.sentence for p in told[:2])),
        patterns=told,
        resolved=tuple(p for p in learned.resolved if _concerns(p.slice, slices)),
        causes=tuple(c for c in learned.causes if c.pattern in named),
        verdicts=verdicts,
        ledger=None,
        alarms=tuple(a for a in learned.alarms if _concerns(a.scope, slices)),
        upcoming=tuple(c for c in learned.upcoming if _concerns(c.scope, slices)),
        decisions=tuple(text for text in learned.decisions if text.partition(":")[0] in named),
    )


def page_of(learned: Findings) -> bytes:
    """Make the page of a part of the findings: the same sections, drawn anew."""
    new = nbformat.v4
    cells = [
        new.new_code_cell(
            "", outputs=[new.new_output("execute_result", {"text/html": show(learned).html}, execution_count=1)]
        )
        for show in SECTIONS
    ]
    return page.render(new.new_notebook(cells=cells), learned).encode()


def _concerns(where: Slice, slices: Sequence[Slice]) -> bool:
    return any(where.overlaps(own) for own in slices)


def _bottom_line(learned: Findings, told: int, slices: Sequence[Slice], first: tuple[str, ...]) -> tuple[str, ...]:
    whose = " or ".join(str(where) for where in slices)
    count = words.plural(len(learned.patterns), "pattern")
    return (f"Of {count} this week, {told} {'concerns' if told == 1 else 'concern'} {whose}.", *first)


def _report(folder: Path) -> tuple[Findings, bytes, str]:
    made = manifest.read(folder)
    if made is None or not (folder / "page.html").is_file():
        raise ValueError(f"{folder}: there is no whole report here; make it with `closeloop weekly`")
    return findings.load(Findings, folder / "findings.json"), (folder / "page.html").read_bytes(), made.source
