"""The Jinja environments of the report: templates beside it, numbers put in words, all data escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from closeloop import words
from closeloop.model import ALARM_KINDS, CHANGE_KINDS, Cause, Kpi, Point
from closeloop.percent import MINUS, interval

JOINER = "\u2060"
LOOSE_MINUS = re.compile(rf"{MINUS}(?=[^\w\s{JOINER}])")

TEMPLATES = Path(__file__).parent / "template"
DECISIONS = {
    "improved": "Improved",
    "worsened": "Got worse",
    "no clear change": "No clear change",
    "too early": "Too early to tell",
    "not comparable": "Cannot be told",
}
STATES = {
    "normal": "Within normal variation",
    "better": "Better than normal variation",
    "worse": "Worse than normal variation",
    "no data": "No data",
}
MOST_FOLDED, MOST_TOLD, MOST_REASONS = 4, 4, 3
"""What a list shows at once; the rest opens at a touch, to keep the page short."""

NOTHING = "No pattern stands out this week."


@cache
def environment(escaped: bool) -> Environment:
    """Return the environment for HTML (`escaped`) or for plain text, with the same words in both."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=unbroken if escaped else None,
    )
    made.filters.update(FILTERS)
    made.globals.update(NAMES)
    return made


def unbroken(value: object) -> object:
    """Keep a minus sign with the currency behind it: where a line breaks between them, a loss reads as a gain."""
    return type(value)(LOOSE_MINUS.sub(MINUS + JOINER, value)) if isinstance(value, str) else value


def own_week(kpi: Kpi) -> Point | None:
    """The point of the week that a headline metric is about: the newest final one, as a rule."""
    return next((point for point in kpi.history if point.week == kpi.week), None)


def marked_down(text: str) -> str:
    """A text inside Markdown: no sign of it means anything, nor any of HTML or of a formula."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|~$&^-])", r"\\\1", text)


def lines(text: object) -> str:
    """One line: whatever breaks or controls a line becomes a space."""
    printable = "".join(c if c.isprintable() or c == words.SPACE else " " for c in str(text))
    return re.sub(" +", " ", printable).strip()


def began(cause: Cause) -> str:
    """The day on which a cause began, with the days between which it surely did."""
    when = words.day(cause.onset)
    if cause.onset_low is None or cause.onset_high is None or cause.onset_low == cause.onset_high:
        return when
    return f"{when} ({interval(words.day(cause.onset_low), words.day(cause.onset_high))})"


def once_in(p: float) -> str:
    """How rarely chance alone would do this: `once in 2,000 weeks`."""
    return "less than once in 10,000 weeks" if p < 1e-4 else f"once in {words.number(round(1 / p), 0)} weeks"


FILTERS: dict[str, Any] = {
    "day": words.day,
    "moment": words.moment,
    "number": words.number,
    "measured": words.measured,
    "excess": words.excess,
    "relative": words.relative,
    "avoided": words.avoided,
    "chance": words.chance,
    "how_sure": words.how_sure,
    "plural": words.plural,
    "label": words.label,
    "once_in": once_in,
    "scale": words.scale,
    "own_week": own_week,
    "began": began,
}
NAMES: dict[str, Any] = {
    "kinds": CHANGE_KINDS,
    "verdict_words": DECISIONS,
    "states": STATES,
    "alarm_words": ALARM_KINDS,
    "nothing": NOTHING,
    "is_small": words.small,
    "most_folded": MOST_FOLDED,
    "most_told": MOST_TOLD,
    "most_reasons": MOST_REASONS,
}
