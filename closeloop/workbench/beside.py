"""Two sides next to each other: carriers on like parcels, and the steps of a slice beside those of the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from closeloop import charts, rates, stages, words
from closeloop.charts import Shown, shown
from closeloop.loop import Loop
from closeloop.model import Estimate, Pattern, Slice, Stage
from closeloop.workbench import names
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.asked import Subject

MEASURES = {
    "cost": "Cost of a parcel", "p50": "Half arrive within, days", "p90": "Nine in ten arrive within, days",
    "on_time": "On time", "exceptions": "With an exception",
}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Answer):
    """What one side's parcels cost and took, and what like parcels cost and took on the other."""

    options: tuple[rates.Option, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Milestones(Answer):
    """Mean hours in each step of a slice and of the rest, before and since a day."""

    stages: tuple[Stage, ...]

    def chart(self) -> Shown:
        """Draw the hours of each step before and since, with what was added beyond the rest."""
        return shown(charts.milestone_split(self.stages), self.says)


def compare(run: Loop, a: Slice, b: Slice | None, where: Slice, since: date | None) -> Comparison:
    """Hold the parcels of `a` against like parcels of `b`, or of every other value of the same dimension.

    Raises ValueError unless `a` and `b` differ in the value of one dimension.
    """
    dim, reference, others, common = _sides(a, b)
    inside = Slice.of(dict([*where.where, *common.where]).items())
    names.check(run.con, "parcels", "parcel_facts", a)
    if b is not None:
        names.check(run.con, "parcels", "parcel_facts", b)
    found = tuple(
        o for o in rates.compare(run.con, dim, reference, inside, since=since) if not others or o.name in others
    )
    rows = [
        (o.name, name, *_told(o.measures[name]), o.n, o.matched)
        for o in found
        for name in MEASURES
        if name in o.measures
    ]
    frame = pd.DataFrame(
        rows, columns=["other", "measure", "own_value", "other_value", "difference", "low", "high", "n", "matched"]
    )
    frame["label"] = frame["measure"].map(MEASURES)
    for name in ("own_value", "other_value", "difference", "between"):
        frame[f"{name}_said"] = [_cell(name, row) for row in frame.to_dict("records")]
    columns = (
        Column("other", dim.capitalize()), Column("label", "Measure"), Column("own_value_said", reference),
        Column("other_value_said", "There"), Column("difference_said", "Difference"),
        Column("between_said", "95 % interval"),
        Column("matched", "Alike", words.share),
    )  # fmt: skip
    question = f"What would the parcels of {reference} have cost and taken elsewhere? For {inside}"
    return Comparison(question, _compared(found, reference), frame, columns, options=found)


def _sides(a: Slice, b: Slice | None) -> tuple[str, str, tuple[str, ...], Slice]:
    if b is None:
        if not a.where:
            raise ValueError("compare: name a side, such as 'carrier = FedEx'")
        (dim, value), *rest = sorted(a.where, key=lambda pair: pair[0] not in ("carrier", "service"))
        return dim, value, (), Slice.of(rest)
    mine, theirs = dict(a.where), dict(b.where)
    apart = [dim for dim in mine if mine[dim] != theirs.get(dim)]
    if len(apart) != 1 or set(mine) != set(theirs):
        raise ValueError(
            f"compare {str(a)!r} with {str(b)!r}: both sides name the same dimensions and differ in one,"
            " such as 'carrier = FedEx' and 'carrier = UPS'; what both share goes into where="
        )
    return apart[0], mine[apart[0]], (theirs[apart[0]],), Slice.of((d, v) for d, v in mine.items() if d != apart[0])


def _told(sides: rates.Sides) -> tuple[float, ...]:
    gap = sides.difference
    return sides.own.value, sides.other.value, gap.value, gap.low, gap.high


def _cell(name: str, row: Mapping[Any, Any]) -> str:
    measure = str(row["measure"])
    if name == "between":
        return " to ".join(_said(measure, float(row[end]), sign=True) for end in ("low", "high"))
    return _said(measure, float(row[name]), sign=name == "difference")


def _said(measure: str, value: float, *, sign: bool) -> str:
    if math.isnan(value):
        return "no data"
    plus = "+" if sign and value > 0 else ""
    if measure == "cost":
        return plus + words.measured(value, "dollars")
    return plus + (words.number(value, 1) if measure in ("p50", "p90") else words.share(value))


def _compared(found: tuple[rates.Option, ...], reference: str) -> str:
    if not found:
        return "Nothing else carried parcels like these."
    better = [o.name for o in found if _clear(o, "cost", -1) or _clear(o, "p90", -1)]
    worse = {o.name for o in found if _clear(o, "cost", 1) and _clear(o, "p90", 1)}
    if not better:
        return f"Nothing is clearly cheaper or clearly faster than {reference} on like parcels."
    gains = [f"{o.name} is {_gain(o)}" for o in found if o.name in better and o.name not in worse]
    caution = "Nobody assigned parcels by chance: what they do not share can differ."
    return f"On parcels alike, {'; '.join(gains[:3])}. {caution}"


def _gain(option: rates.Option) -> str:
    said: list[str] = []
    for name, less, more, ending in (
        ("cost", "cheaper", "dearer", ""),
        ("p90", "faster", "slower", " days, nine in ten"),
    ):
        gap = option.measures[name].difference if name in option.measures else Estimate(0, 0, 0)
        if gap.is_clear:
            size = _said(name, abs(gap.value), sign=False)
            said.append(f"{size}{ending} {less if gap.value < 0 else more}")
    return " and ".join(said)


def _clear(option: rates.Option, name: str, sign: int) -> bool:
    if name not in option.measures:
        return False
    gap = option.measures[name].difference
    return gap.is_clear and gap.value * sign > 0


def milestones(run: Loop, about: Subject, metric: str, since: date) -> Milestones:
    """Return where parcels of a slice lose time beyond what the rest lost, before and since a day.

    Raises ValueError when the data has no two moments to tell steps by, or no parcel there.
    """
    names.check(run.con, "parcels", "parcel_facts", about.where)
    asked = about.pattern or _as_pattern(metric, about.where, since, run.week)
    found = stages.milestone_split(run.con, asked)
    if not found:
        raise ValueError(
            f"{asked.metric} is not told by the steps of parcels; name another metric, such as 'on_time_delivery'"
        )
    heads = ["step", "before", "since", "elsewhere_before", "elsewhere_since", "added"]
    rows = [(s.name, s.before, s.since, s.elsewhere_before, s.elsewhere_since, s.excess) for s in found]
    labels = (
        "Step",
        "Before",
        f"Since {words.day(asked.onset)}",
        "Elsewhere before",
        "Elsewhere since",
        "Added beyond",
    )
    columns = tuple(
        Column(n, label, _hours if i else str, bar=n == "added")
        for i, (n, label) in enumerate(zip(heads, labels, strict=True))
    )
    most = max(found, key=lambda stage: stage.excess)
    says = f"Most was added in {most.name}: {words.number(most.excess, 1)} hours beyond what was added elsewhere."
    question = f"In which step does {about.where} lose its time?"
    return Milestones(question, says, pd.DataFrame(rows, columns=heads), columns, stages=found)


def _hours(value: float) -> str:
    return words.measured(value, words.HOURS)


def _as_pattern(metric: str, where: Slice, since: date, week: date) -> Pattern:
    """Name the slice and the day as the split of a pattern takes them."""
    none = Estimate(math.nan, math.nan, math.nan)
    return Pattern(metric, where, "step", since, week, math.nan, math.nan, none, "", 1.0, 1.0, math.nan)
