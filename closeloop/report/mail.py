"""The mail: a short message from the findings, its text part saying the same, the page attached."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from copy import deepcopy
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, getaddresses
from pathlib import Path
from urllib.parse import quote

from mjml import mjml2html

from closeloop import words
from closeloop.findings import dumps
from closeloop.model import Findings, Kpi, Pattern, Verdict
from closeloop.report import mail_pictures as pictures
from closeloop.report.wording import DECISIONS, NOTHING, STATES, environment, lines, own_week

MOST_PATTERNS, MOST_KPIS = 5, 3
MOST_VERDICTS = 3
MOST_HTML_BYTES = 60_000
"""Gmail cuts messages off at about 102 KB of HTML; this leaves room for what relays add."""

STATUS_WORDS = {"new": "New", "worse": "Getting worse", "continuing": "Continuing", "resolved": "Resolved"}


class Wire(EmailPolicy):
    """Mail as it goes over SMTP; unlike the library's own, it leaves a long web address as it is.

    The library writes any word of more than a line as an encoded word, which no mail program reads as an address.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the lines of one header."""
        if name != "List-Unsubscribe":
            return super().fold_binary(name, value)
        return f"{name}: {value}\r\n".replace(", ", ",\r\n ").encode("ascii")


WIRE = Wire(linesep="\r\n")


def compose(findings: Findings, sender: str, recipients: Sequence[str], page: bytes | None) -> EmailMessage:
    """Write the weekly mail; the same findings and addresses always give the same bytes.

    Raises ValueError when an address is not one address, when the findings do not say as of when they
    are, or when the HTML would be cut off by the readers' mail programs.
    """
    message = EmailMessage(policy=WIRE)
    identity = _identity(findings, recipients)
    _write_headers(message, findings, sender, recipients, identity)
    said = _said(findings, identity, page is not None)
    message.set_content(_text(said), cte="quoted-printable")
    message.add_alternative(_html(said), subtype="html", cte="quoted-printable")
    _add_pictures(message, said)
    if page is not None:
        name = f"closeloop-{findings.iso_week}.html"
        message.add_attachment(page, maintype="text", subtype="html", filename=name, params={"charset": "utf-8"})
    _set_boundaries(message, identity)
    return message


def preview(findings: Findings, page: bytes | None) -> EmailMessage:
    """Write the mail as it looks before anybody is named who gets it."""
    return compose(findings, "closeloop <closeloop@localhost>", ["operations@localhost"], page)


def addressed(message: EmailMessage, recipient: str, unsubscribe: Sequence[str] = ()) -> EmailMessage:
    """Return a copy of a composed mail for one recipient, with a Message-ID of its own.

    An https address in `unsubscribe` makes the mail program's own button end the mail with one click (RFC 8058).
    """
    letter = deepcopy(message)
    whole = f"{message['Message-ID']}\x1f{recipient}"
    for name in ("To", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"):
        del letter[name]
    letter["To"] = _address(recipient)
    letter["Message-ID"] = f"<closeloop-{_short_hash(whole)}@{_address(str(message['From'])).domain}>"
    if unsubscribe:
        who = quote(_address(recipient).addr_spec, safe="")
        letter["List-Unsubscribe"] = ", ".join(f"<{one.replace('{recipient}', who)}>" for one in unsubscribe)
    if any(one.startswith("https:") for one in unsubscribe):
        letter["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return letter


def failure(sender: str, owner: str, subject: str, text: str, when: datetime) -> EmailMessage:
    """Write the mail that tells the owner of a report that there is none; plain text, nothing attached."""
    message = EmailMessage(policy=WIRE)
    author = _address(sender)
    identity = _short_hash("\x1f".join((subject, text, when.date().isoformat(), owner)))
    message["Subject"] = words.shortened(lines(subject), 150)
    message["From"] = author
    message["To"] = _address(owner)
    message["Date"] = format_datetime(when)
    message["Message-ID"] = f"<closeloop-{identity}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message


def save_eml(message: EmailMessage, path: Path) -> Path:
    """Write the message beside its target, then move it there, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".part")
    draft.write_bytes(message.as_bytes())
    return draft.replace(path)


def _write_headers(
    message: EmailMessage, findings: Findings, sender: str, recipients: Sequence[str], identity: str
) -> None:
    author = _address(sender)
    message["Subject"] = _subject(findings)
    message["From"] = author
    message["To"] = [_address(recipient) for recipient in recipients]
    message["Date"] = format_datetime(_as_of(findings))
    message["Message-ID"] = f"<{identity}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"


def _identity(findings: Findings, recipients: Sequence[str]) -> str:
    """Name a mail by all it says: mail systems drop a second mail of one name, so a revised one needs its own."""
    return "closeloop-" + _short_hash("\x1f".join((dumps(findings), *sorted(recipients))))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _address(text: str) -> Address:
    found = getaddresses([lines(text)])
    if len(found) != 1 or found[0][1].count("@") != 1:
        raise ValueError(f"{text!r} is not one mail address; write 'name@example.com' or 'Name <name@example.com>'")
    name, spec = found[0]
    return Address(display_name=name, addr_spec=spec)


def _as_of(findings: Findings) -> datetime:
    try:
        when = datetime.fromisoformat(findings.provenance.as_of)
    except ValueError as error:
        raise ValueError(
            f"provenance.as_of is {findings.provenance.as_of!r}; it must be an ISO date or time such as"
            " 2026-11-22T06:00:00+00:00, for it dates the mail"
        ) from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _subject(findings: Findings) -> str:
    headline = next(iter(findings.bottom_line), NOTHING)
    name = words.shortened(lines(findings.merchant), 40)
    return f"{name} {findings.iso_week}: {words.shortened(lines(headline), 90)}"


def _said(findings: Findings, identity: str, attached: bool) -> dict[str, object]:
    """Everything the mail says, in words: HTML and text are both written from this."""
    words.speak_of(findings.currency)
    bottom_line = [lines(sentence) for sentence in findings.bottom_line] or [NOTHING]
    rest = len(findings.patterns) - MOST_PATTERNS
    return {
        "subject": _subject(findings),
        "preheader": words.shortened(" ".join(bottom_line[1:] or bottom_line), 120),
        "merchant": lines(findings.merchant),
        "iso_week": findings.iso_week,
        "bottom_line": bottom_line,
        "decisions": [lines(decision) for decision in findings.decisions],
        "kpis": [_kpi(kpi) for kpi in findings.kpis if kpi.state != "no data"][:MOST_KPIS],
        "patterns": [_pattern(pattern) for pattern in findings.patterns[:MOST_PATTERNS]],
        "more": f"{words.plural(rest, 'more pattern')} on the page." if rest > 0 else "",
        "resolved": [_pattern(pattern) for pattern in findings.resolved[:MOST_PATTERNS]],
        "verdicts": [_verdict(verdict) for verdict in findings.verdicts[:MOST_VERDICTS]],
        "ledger": [lines(sentence) for sentence in findings.ledger.sentences] if findings.ledger else [],
        **pictures.of(findings, identity),
        "closing": _closing(findings, attached),
    }


def _kpi(kpi: Kpi) -> dict[str, object]:
    point, unit = own_week(kpi), words.unit_of(kpi.metric)
    return {
        "label": lines(kpi.label),
        "value": words.measured(kpi.value, unit),
        "state": STATES[kpi.state] + words.scale(unit),
        "provisional": point is not None and not point.final,
    }


def _pattern(pattern: Pattern) -> dict[str, object]:
    return {
        "id": pattern.id,
        "status": STATUS_WORDS[pattern.status],
        "sentence": lines(pattern.sentence),
        "excess": lines(words.excess(pattern.excess, pattern.unit)),
        "sure": words.how_sure(pattern.q),
        "small": words.small(pattern),
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    change, told = lines(verdict.change.change_shipped).rstrip("."), lines(verdict.sentence)
    return {
        "decision": DECISIONS[verdict.decision],
        "change": "" if told.startswith(change) else change,
        "sentence": told,
        "next_step": lines(verdict.next_step),
    }


def _closing(findings: Findings, attached: bool) -> str:
    where = "The full report is attached: open it in any browser. " if attached else ""
    source = f"{lines(findings.provenance.source)}, data as of {words.moment(findings.provenance.as_of)}"
    return f"{where}Made by closeloop from {source}."


def _text(said: dict[str, object]) -> str:
    return environment(escaped=False).get_template("mail.txt.j2").render(said)


def _html(said: dict[str, object]) -> str:
    mjml = environment(escaped=True).get_template("mail.mjml.j2").render(said)
    html = mjml2html(mjml, disable_comments=False, fonts={})
    html = html.replace('role="article"', 'role="main"', 1)  # a landmark by which screen readers jump to the text
    html = re.sub(r'(<img [^>]*style="[^"]*)height:\d+px', r"\1height:auto", html)  # else phones squash it
    size = len(html.encode())
    if size > MOST_HTML_BYTES:
        raise ValueError(
            f"the mail's HTML is {size} bytes, more than {MOST_HTML_BYTES}: mail programs would cut it off;"
            " shorten the sentences of the findings or the list of verdicts"
        )
    return html


def _add_pictures(message: EmailMessage, said: dict[str, object]) -> None:
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    for picture in (said[name] for name in pictures.NAMES):
        if isinstance(picture, pictures.Picture):
            name = picture.cid.split(".")[0] + ".png"
            html.add_related(picture.png, "image", "png", cid=f"<{picture.cid}>", filename=name, disposition="inline")


def _set_boundaries(message: EmailMessage, identity: str) -> None:
    parts = (part for part in message.walk() if part.is_multipart())
    for number, part in enumerate(parts):
        part.set_boundary(f"=={identity}-{number}==")
