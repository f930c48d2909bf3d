"""A mail taken apart as a mail program does it: headers, parts, and the elements of its HTML with their looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import cached_property
from html.parser import HTMLParser
from typing import NamedTuple, cast

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"))
INHERITED = ("color", "background-color", "font-size", "font-family", "line-height")
WORD = re.compile(r"[^\W_]+")


class Element(NamedTuple):
    """An element: its attributes, its inline style with what it inherits, its own text, and whether it is seen."""

    tag: str
    attributes: dict[str, str]
    own: dict[str, str]
    style: dict[str, str]
    text: str
    seen: bool


@dataclass
class _Open:
    """An element whose end has not come yet."""

    tag: str
    attributes: dict[str, str]
    own: dict[str, str]
    style: dict[str, str]
    seen: bool
    text: list[str] = field(default_factory=list[str])

    def closed(self) -> Element:
        return Element(self.tag, self.attributes, self.own, self.style, "".join(self.text), self.seen)


class _Reader(HTMLParser):
    """Collects elements in the order in which they end; comments, which only old Outlook reads, are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Element] = []
        self._open = [_Open("", {}, {}, {"background-color": "#ffffff"}, True)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        own, above = declarations(given.get("style", "")), self._open[-1]
        style = {name: above.style[name] for name in INHERITED if name in above.style} | own
        above.text.append(" ")
        seen = above.seen and own.get("display") != "none" and tag not in ("head", "style", "title", "script")
        self._open.append(_Open(tag, given, own, style, seen))
        if tag in VOID:
            self._close()

    def handle_endtag(self, tag: str) -> None:
        if tag in (one.tag for one in self._open[1:]):
            while self._close() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].text.append(data)

    def finished(self) -> tuple[Element, ...]:
        while len(self._open) > 1:
            self._close()
        return tuple(self.found)

    def _close(self) -> str:
        ended = self._open.pop()
        self.found.append(ended.closed())
        return ended.tag


@dataclass(frozen=True)
class Mail:
    """A mail as bytes, and what a mail program makes of it."""

    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        """The mail, parsed."""
        return message_from_bytes(self.raw, policy=default)

    @cached_property
    def head(self) -> list[tuple[str, str]]:
        """The headers as they stand in the bytes, unfolded but not decoded."""
        text = re.sub(rb"\r?\n[ \t]+", b" ", re.split(rb"\r?\n\r?\n", self.raw, maxsplit=1)[0])
        named = (line.partition(":") for line in text.decode("ascii", "replace").splitlines())
        return [(name.strip().lower(), value.strip()) for name, _, value in named]

    @cached_property
    def html(self) -> str:
        """The HTML part, or nothing."""
        return self._body("html")

    @cached_property
    def text(self) -> str:
        """The plain-text part, or nothing."""
        return self._body("plain")

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """Every element of the HTML part, in the order in which they end."""
        reader = _Reader()
        reader.feed(self.html)
        reader.close()
        return reader.finished()

    @cached_property
    def preheader(self) -> str:
        """What lists of mails show beside the subject: the hidden text at the start of the body."""
        body = self.html.partition("<body")[2]
        found = re.search(r"<div[^>]*display:\s*none[^>]*>(.*?)</div>", body, re.DOTALL)
        return found[1].strip() if found else ""

    @cached_property
    def styles(self) -> str:
        """What stands in the style elements."""
        return "".join(re.findall(r"<style[^>]*>(.*?)</style>", self.html, re.DOTALL))

    def of(self, *tags: str) -> list[Element]:
        """Return the elements of these kinds."""
        return [one for one in self.elements if one.tag in tags]

    def header(self, name: str) -> list[str]:
        """Return every value of a header as it stands in the bytes."""
        return [value for own, value in self.head if own == name.lower()]

    def pictures(self) -> dict[str, EmailMessage]:
        """Return the parts that the HTML can show, by Content-ID."""
        return {part["Content-ID"].strip("<> "): part for part in self.parts() if part["Content-ID"]}

    def parts(self) -> Iterator[EmailMessage]:
        """Return every part, the whole first."""
        return cast("Iterator[EmailMessage]", self.message.walk())

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if isinstance(part, EmailMessage) else ""


def declarations(style: str) -> dict[str, str]:
    """Read an inline style: property to value, in lower case."""
    pairs = (one.partition(":") for one in style.split(";") if ":" in one)
    return {name.strip().lower(): value.strip().lower() for name, _, value in pairs}


def pixels(size: str) -> float:
    """Return a length in CSS pixels; 0 for what is none."""
    found = re.fullmatch(r"([\d.]+)px", size)
    return float(found[1]) if found else 0.0


def contrast(first: str, second: str) -> float:
    """Return the contrast of two `#rrggbb` colours (WCAG 2.2, 1.4.3); 1 for what is no such colour."""
    known = [one for one in (first, second) if re.fullmatch(r"#[0-9a-f]{6}", one)]
    if len(known) < 2:
        return 1.0
    low, high = sorted(map(_luminance, known))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
