"""What every mail must keep, so that it reads well in any mail program: one entry each, checked before sending.

The facts about mail programs are those of https://www.caniemail.com; the others stand in RFC 5322, 2369 and 8058
and in WCAG 2.2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import pairwise
from typing import Any

from closeloop.report.mail_parts import WORD, Element, Mail, contrast, pixels

CLIPPED_AT = 102_000
MOST_STYLE = 16_000
MOST_BYTES = 10_000_000
LONGEST_LINE = 998
SMALLEST_TEXT_PX, SMALLEST_TARGET_PX, LEAST_CONTRAST, WIDEST_PX = 14, 24, 4.5, 640

FORMS = ("form", "input", "button", "select", "textarea", "option")
FOREIGN = ("svg", "iframe", "object", "embed", "video", "audio", "canvas", "picture", "base", "link", "math")
ONCE = ("from", "to", "subject", "date", "message-id", "mime-version")
DISGUISES = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
UNREAD_UNITS = re.compile(r"var\(|calc\(|clamp\(|min\(|max\(|[\d.](rem|vw|vh|ch)\b")

Faults = list[str]


@dataclass(frozen=True)
class Rule:
    """One rule: its name, what goes wrong without it, and what in a mail breaks it."""

    name: str
    why: str
    broken: Callable[[Mail], Faults]


def faults(raw: bytes) -> list[str]:
    """Return what in a mail breaks a rule, as `rule: what was found (why it matters)`."""
    mail = Mail(raw)
    return [f"{rule.name}: {found} ({rule.why})" for rule in RULES for found in rule.broken(mail)]


def _if(wrong: Any, told: str) -> Faults:
    return [told] if wrong else []


def _named(elements: Iterable[Element]) -> Faults:
    return [f"<{one.tag}> {one.text.strip()[:40]!r}" if one.text.strip() else f"<{one.tag}>" for one in elements]


def _texts(mail: Mail) -> list[Element]:
    return [one for one in mail.elements if one.seen and WORD.search(one.text)]


def _scripts(mail: Mail) -> Faults:
    handlers = [e for e in mail.elements if any(name.startswith("on") for name in e.attributes)]
    urls = [e for e in mail.elements if any("script:" in v.lower() for n, v in e.attributes.items() if n in LINKING)]
    return _named([*mail.of("script"), *handlers, *urls])


LINKING = ("src", "href", "background", "srcset", "action", "poster", "data")


def _outside(mail: Mail) -> Faults:
    named = [v for e in mail.elements for n, v in e.attributes.items() if n in LINKING and n != "href"]
    inline = [e.attributes.get("style", "") for e in mail.elements]
    fetched = [v for v in named if not v.startswith(("cid:", "data:"))]
    return [v[:60] for v in (*fetched, *(s for s in (mail.styles, *inline) if re.search(r"url\(|@import", s)))]


def _data_uris(mail: Mail) -> Faults:
    return _named(e for e in mail.elements if any(v.startswith("data:") for v in e.attributes.values()))


def _cids(mail: Mail) -> Faults:
    asked = {
        e.attributes.get("src", "")[4:] for e in mail.of("img") if e.attributes.get("src", "").startswith("cid:")
    }
    return sorted(asked ^ set(mail.pictures()))


def _picture_kinds(mail: Mail) -> Faults:
    kinds = {name: part.get_content_type() for name, part in mail.pictures().items()}
    return [
        f"{name} is {kind}" for name, kind in kinds.items() if kind not in ("image/png", "image/jpeg", "image/gif")
    ]


def _sizes(mail: Mail) -> Faults:
    return _named(
        e for e in mail.of("img") if not all(e.attributes.get(n, "").isdigit() for n in ("width", "height"))
    )


def _alts(mail: Mail) -> Faults:
    return _named(e for e in mail.of("img") if not WORD.search(e.attributes.get("alt", "")))


def _bare(mail: Mail) -> Faults:
    needed = ("color", "font-size", "font-family")
    return _named(e for e in _texts(mail) if any(name not in e.style for name in needed))


def _layout(mail: Mail) -> Faults:
    return _named(e for e in mail.of("table") if e.attributes.get("role") != "presentation")


def _modern_layout(mail: Mail) -> Faults:
    found = [f"{n}: {v}" for e in mail.elements for n, v in e.own.items() if n in ("position", "float")]
    return found + [v for e in mail.elements if (v := e.own.get("display", "")) in ("flex", "grid", "inline-flex")]


def _units(mail: Mail) -> Faults:
    return [v[:60] for e in mail.elements for v in e.own.values() if UNREAD_UNITS.search(v)]


def _metas(mail: Mail) -> dict[str, str]:
    return {e.attributes.get("name", "").lower(): e.attributes.get("content", "") for e in mail.of("meta")}


def _dark(mail: Mail) -> Faults:
    said = all("dark" in _metas(mail).get(name, "") for name in ("color-scheme", "supported-color-schemes"))
    return _if(not said or "prefers-color-scheme: dark" not in mail.styles, "no dark colours")


def _headings(mail: Mail) -> Faults:
    levels = [int(e.tag[1]) for e in mail.of("h1", "h2", "h3", "h4", "h5", "h6")]
    skipped = any(b > a + 1 for a, b in pairwise(levels))
    return _if(levels[:1] != [1] or levels.count(1) != 1 or skipped, f"levels {levels}")


def _pale(mail: Mail) -> Faults:
    seen = ((e, contrast(e.style.get("color", ""), e.style.get("background-color", ""))) for e in _texts(mail))
    return [f"{ratio:.1f}:1 {e.text.strip()[:40]!r}" for e, ratio in seen if ratio < LEAST_CONTRAST]


def _tiny(mail: Mail) -> Faults:
    return _named(e for e in _texts(mail) if pixels(e.style.get("font-size", "")) < SMALLEST_TEXT_PX)


def _targets(mail: Mail) -> Faults:
    return _named(e for e in mail.of("a") if _height(e) < SMALLEST_TARGET_PX)


def _height(link: Element) -> float:
    size, spacing = pixels(link.style.get("font-size", "")), link.style.get("line-height", "1.2")
    line = pixels(spacing) or size * (float(spacing) if re.fullmatch(r"[\d.]+", spacing) else 1.2)
    around = link.own.get("padding", "0").split()
    return line + (2 * pixels(around[0]) if link.own.get("display") == "inline-block" else 0)


def _links(mail: Mail) -> Faults:
    return [
        h[:60] for e in mail.of("a") if not (h := e.attributes.get("href", "")).startswith(("https://", "mailto:"))
    ]


def _wide(mail: Mail) -> Faults:
    widths = [pixels(e.own.get("width", "")) or pixels(e.own.get("min-width", "")) for e in mail.elements]
    plain = [float(w) for e in mail.elements if (w := e.attributes.get("width", "")).isdigit()]
    return [f"{w:.0f} px" for w in (*widths, *plain) if w > WIDEST_PX]


def _unequal(mail: Mail) -> Faults:
    """Compare the words of both parts; the numbers of a list are drawn by the mail program and stand in no text."""
    shown = Counter(w.lower() for e in mail.elements if e.seen for w in WORD.findall(e.text))
    said = Counter(w.lower() for w in WORD.findall(re.sub(r"(?m)^\d+\. ", "", mail.text)))
    odd = [*(shown - said), *(said - shown)]
    return _if(odd, f"not as often in one part as in the other: {' '.join(odd[:5])}")


def _repeated(mail: Mail) -> Faults:
    counted = {name: len(mail.header(name)) for name in ONCE}
    return [f"{name} stands {n} times" for name, n in counted.items() if n != 1] + _if(mail.header("bcc"), "Bcc")


def _subject(mail: Mail) -> Faults:
    subject = str(mail.message["Subject"] or "")
    return _if(not subject.strip() or len(subject) > 150 or DISGUISES.search(subject), f"{subject[:60]!r}")


def _date(mail: Mail) -> Faults:
    when = getattr(mail.message["Date"], "datetime", None)
    return _if(when is None or when.tzinfo is None, f"{mail.header('date')}")


def _message_id(mail: Mail) -> Faults:
    return [one for one in mail.header("message-id") if not re.fullmatch(r"<[\w.+-]+@[\w.-]+>", one)]


def _unsubscribe(mail: Mail) -> Faults:
    for header in mail.header("list-unsubscribe"):
        if not re.fullmatch(r"<(mailto:|https://)[^\s<>]+>(, ?<(mailto:|https://)[^\s<>]+>)*", header):
            return [header]
    return []


def _one_click(mail: Mail) -> Faults:
    by_web = any("<https:" in one for one in mail.header("list-unsubscribe"))
    wanted = ["List-Unsubscribe=One-Click"] if by_web else []
    return _if(mail.header("list-unsubscribe-post") != wanted, f"{mail.header('list-unsubscribe-post')}")


def _long_lines(mail: Mail) -> Faults:
    return [f"{n} octets" for line in mail.raw.split(b"\n") if (n := len(line.rstrip(b"\r"))) > LONGEST_LINE]


def _encodings(mail: Mail) -> Faults:
    leaves = [part for part in mail.parts() if not part.is_multipart()]
    found = [str(part["Content-Transfer-Encoding"] or "7bit").lower() for part in leaves]
    odd = [one for one in found if one not in ("7bit", "quoted-printable", "base64")]
    return odd + _if(not mail.raw.isascii(), "octets above 127")


def _order(mail: Mail) -> Faults:
    kinds = [p.get_content_type() for p in mail.parts() if not p.is_multipart() and not p.is_attachment()]
    return _if(kinds[:2] != ["text/plain", "text/html"], " before ".join(kinds[:2]))


def _attachments(mail: Mail) -> Faults:
    named = [str(part.get_filename()) for part in mail.parts() if part.is_attachment()]
    return [name for name in named if not re.fullmatch(r"[\w.-]+\.(html|png|csv|xlsx|pdf)", name, re.ASCII)]


def _charsets(mail: Mail) -> Faults:
    texts = [part for part in mail.parts() if part.get_content_maintype() == "text"]
    return [_charset(part) for part in texts if _charset(part) != "utf-8"]


def _charset(part: EmailMessage) -> str:
    return str(part.get_content_charset("none")).lower()


RULES = (
    Rule("size", "Gmail cuts off what is longer", lambda m: _if(len(m.html.encode()) > CLIPPED_AT, "too long")),
    Rule("weight", "servers refuse heavier mails", lambda m: _if(len(m.raw) > MOST_BYTES, "too heavy")),
    Rule("style size", "Gmail drops longer style elements", lambda m: _if(len(m.styles) > MOST_STYLE, "too long")),
    Rule("no script", "mail programs take it for an attack", _scripts),
    Rule("no form", "mail programs warn of it or strip it", lambda m: _named(m.of(*FORMS))),
    Rule("no foreign element", "most mail programs drop it", lambda m: _named(m.of(*FOREIGN))),
    Rule("nothing from outside", "it is blocked, and tells others who reads", _outside),
    Rule("no data address", "Gmail shows nothing in its place", _data_uris),
    Rule("pictures by Content-ID", "one without its part is a broken picture", _cids),
    Rule("picture formats", "Outlook and Gmail show no others", _picture_kinds),
    Rule("picture sizes", "Outlook draws each pixel as a point", _sizes),
    Rule("alternative texts", "pictures are often blocked, and not everybody sees them", _alts),
    Rule("inline looks", "Gmail on phones drops style elements", _bare),
    Rule("layout tables", "screen readers take them for data", _layout),
    Rule("old layout", "Outlook knows no other", _modern_layout),
    Rule("plain units", "Outlook and Gmail ignore others", _units),
    Rule("dark mode", "mail programs invert what says nothing", _dark),
    Rule("phone width", "phones shrink it", lambda m: _if("viewport" not in _metas(m), "no viewport")),
    Rule("narrow", "phones cut it", _wide),
    Rule("language", "screen readers guess it", lambda m: _if('<html lang="' not in m.html, "none")),
    Rule("title", "browsers and readers say it first", lambda m: _if(not any(e.text for e in m.of("title")), "none")),
    Rule("preheader", "lists of mails show it", lambda m: _if(not 20 <= len(m.preheader) <= 900, m.preheader[:40])),
    Rule("headings", "screen readers jump by them", _headings),
    Rule("contrast", "pale text cannot be read", _pale),
    Rule("text size", "small text cannot be read on a phone", _tiny),
    Rule("tap targets", "a finger misses them", _targets),
    Rule("links", "they lead nowhere or can be spied on", _links),
    Rule("text part", "some read nothing else", _unequal),
    Rule("headers once", "programs choose differently among several", _repeated),
    Rule("subject", "it is cut, empty or in disguise", _subject),
    Rule("date", "mails are sorted by it", _date),
    Rule("message id", "a mail without one counts as spam", _message_id),
    Rule("unsubscribe", "nobody can follow it", _unsubscribe),
    Rule("one click", "RFC 8058 wants both headers or none", _one_click),
    Rule("from a machine", "else holiday answers come back",
         lambda m: _if(m.header("auto-submitted") != ["auto-generated"], "not said")),
    Rule("line length", "servers break longer lines (RFC 5322, 2.1.1)", _long_lines),
    Rule("encoding", "not every server takes 8 bits", _encodings),
    Rule("charset", "umlauts break", _charsets),
    Rule("order of parts", "the last one that a program knows is shown", _order),
    Rule("attachment names", "programs block or misread others", _attachments),
)  # fmt: skip
