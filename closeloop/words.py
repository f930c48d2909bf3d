"""How numbers and dates read to people: one place, for sentences, charts, page, mail and text."""

from __future__ import annotations

import math
from datetime import date, datetime

from closeloop.metrics import METRICS
from closeloop.model import Estimate, MetricKind, Pattern
from closeloop.percent import MINUS, SPACE, interval, percent, signed

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
"""Signs that name one currency to their readers; any other is told by its code, such as `CAD 8.40`."""

_spoken = {"currency": "USD"}
HOURS = "hours"
MANY = 20
"""From this amount on decimals are noise."""

SMALL_TOTAL = 50
"""Below this many a week, one or two cases more or less change the picture."""

KINDS: dict[str, MetricKind] = {
    **{metric.unit: metric.kind for metric in METRICS},
    **{metric.shown_unit: metric.kind for metric in METRICS},
}
"""What kind of number a unit announces, be it the unit of the excess or of the value."""

LABELS = {metric.id: metric.label for metric in METRICS}
UNITS = {metric.id: metric.unit for metric in METRICS}


def speak_of(currency: str) -> None:
    """Tell money in this ISO 4217 currency from now on; a process makes the report of one merchant at a time."""
    _spoken["currency"] = currency.upper()


def day(when: date) -> str:
    """A date as `16 Nov 2026`."""
    return f"{when.day} {when:%b %Y}"


def moment(iso: str) -> str:
    """A moment written in ISO 8601 as `22 Nov 2026, 06:00 UTC`; any other text stays as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    zone = f" {when:%Z}" if when.tzinfo else ""
    return day(when) if len(iso) <= 10 else f"{day(when)}, {when:%H:%M}{zone}"


def number(value: float, digits: int | None = None) -> str:
    """A number with thousands separated; small ones keep one decimal, unless `digits` says otherwise."""
    if math.isnan(value):
        return "no data"
    places = (0 if abs(value) >= MANY or value == round(value) else 1) if digits is None else digits
    text = f"{abs(value):,.{places}f}"
    return f"{MINUS}{text}" if value < 0 and float(text.replace(",", "")) else text


def share(value: float) -> str:
    """A fraction as a percentage with one decimal."""
    return "no data" if math.isnan(value) else percent(value, 1)


def change(value: float) -> str:
    """A relative change as a signed whole percentage: `−21 %`."""
    return "no data" if math.isnan(value) else signed(value)


def measured(value: float, unit: str) -> str:
    r"""A metric's value as people read it: a share, money, hours, or an index that is 100 at the reference.

    `unit` is the metric's own or that of its excess.

    >>> measured(0.123, "late parcels"), measured(8.4, "dollars"), measured(110.0, "index")
    ('12.3\xa0%', '$8.40', '110.0')
    """
    if math.isnan(value):
        return "no data"
    if unit == HOURS:
        return f"{number(value, 1)}{SPACE}h"
    kind = KINDS.get(unit, "share")
    if kind in ("index", "rate"):
        return number(value, 1)
    return share(value) if kind == "share" else _money(value, 2)


def counted(value: float, unit: str) -> str:
    """An amount of the things people count, such as `111 late parcels` or `$1,240 in shipping cost`."""
    return f"{_bare(value, unit)} {unit}"


def added(value: float, unit: str) -> str:
    """A counted amount with its sign: `+111 late parcels`."""
    return f"{_sign(value)}{counted(value, unit)}"


def excess(estimate: Estimate, unit: str) -> str:
    """Excess with its interval: `+111 late parcels (95 % interval +80 to +142)`."""
    value, low, high = _alike(estimate, unit, signed_too=True)
    return f"{value} {unit} ({interval(low, high)})"


def relative(estimate: Estimate) -> str:
    """A relative effect with its interval: `−21 % (95 % interval −30 % to −11 %)`."""
    return f"{change(estimate.value)} ({interval(change(estimate.low), change(estimate.high))})"


def avoided(estimate: Estimate, unit: str) -> str:
    """What a change spares, with its interval."""
    value, low, high = _alike(estimate, unit)
    return f"{value} {unit} ({interval(low, high)})"


def chance(value: float) -> str:
    """A probability for the small print."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def how_sure(q: float) -> str:
    """The false discovery rate as a plain judgement."""
    if q <= 0.01:
        return "Very likely real"
    return "Likely real" if q <= 0.05 else "Could still be chance"


def small(pattern: Pattern) -> bool:
    """Whether so little was counted that one or two cases more or less would change the picture."""
    return pattern.total < SMALL_TOTAL


def label(metric: str) -> str:
    """The name of a metric for people; an unknown id is spelled out."""
    return LABELS.get(metric, metric.replace("_", " ").capitalize())


def unit_of(metric: str) -> str:
    """The unit in which a metric's excess is counted."""
    return UNITS.get(metric, "cases")


def scale(unit: str) -> str:
    """What a reader must know about an index; nothing for other values."""
    return " (100 is the reference price)" if KINDS.get(unit) == "index" else ""


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: `1 week`, `3 weeks`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def shortened(text: str, width: int) -> str:
    """One line of at most `width` characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[:width].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def _sign(value: float) -> str:
    return "+" if value > 0 else ""


def _money(value: float, places: int) -> str:
    text, code = number(value, places), _spoken["currency"]
    sign = SYMBOLS.get(code, f"{code}{SPACE}")
    return f"{MINUS}{sign}{text[1:]}" if text.startswith(MINUS) else f"{sign}{text}"


def _alike(estimate: Estimate, unit: str, *, signed_too: bool = False) -> tuple[str, ...]:
    """An amount and its ends, all with the decimals that the largest of them needs."""
    amounts = (estimate.value, estimate.low, estimate.high)
    known = [abs(v) for v in amounts if not math.isnan(v)]
    whole = max(known, default=0.0) >= MANY or (not _is_money(unit) and all(v == round(v) for v in known))
    return tuple(f"{_sign(v) if signed_too else ''}{_bare(v, unit, whole)}" for v in amounts)


def _is_money(unit: str) -> bool:
    return KINDS.get(unit, "share") not in ("share", "rate")


def _bare(value: float, unit: str, whole: bool | None = None) -> str:
    if not _is_money(unit) or math.isnan(value):
        return number(value, None if whole is None else 0 if whole else 1)
    return _money(value, 0 if (abs(value) >= MANY if whole is None else whole) else 2)
