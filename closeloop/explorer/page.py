"""The explorer and the log's form as HTML: everything that comes from data is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.dates import date2num

from closeloop import metrics, words
from closeloop.changes import asked
from closeloop.charts import milestone_split
from closeloop.explorer import form as forms
from closeloop.explorer import lasting
from closeloop.explorer.desk import Desk
from closeloop.explorer.screen import Screen
from closeloop.explorer.view import View
from closeloop.pictures import Shown, shown

STATIC = Path(__file__).parent / "static"
MOST_PARTS = 12
"""Parts of a split that are shown at once; the others stand folded below them."""


@dataclass(frozen=True)
class Strip:
    """Where a week stands in the chart, in percent of its width."""

    week: str
    left: float
    width: float
    chosen: bool


def page(view: View) -> str:
    """Return a view as it stands in a notebook without a widget: chart, parts and steps."""
    return f"<style>{(STATIC / 'explorer.css').read_text(encoding='utf-8')}</style>" + _drawn("still", view=view)


def explorer(screen: Screen) -> str:
    """Return the explorer as it stands."""
    return _drawn("explorer", screen=screen, view=screen.view, groups=_groups(screen), form=screen.form)


def desk(log: Desk) -> str:
    """Return the log with its form as it stands."""
    return _drawn("desk", desk=log, form=log.form)


def _drawn(name: str, **given: object) -> str:
    return getattr(_templates().get_template("explorer.html.j2").module, name)(**given)


def _groups(screen: Screen) -> list[tuple[str, list[tuple[str, str]]]]:
    """Group the metrics to choose from: those of every week, those to ask for, and not those the data lacks."""
    lacking = dict(screen.opened.cube.missing)
    groups = (
        ("Every week", metrics.WEEKLY),
        ("On request", metrics.ON_REQUEST),
        ("How long it takes", metrics.TIMES),
    )
    return [(name, [(m.id, m.label) for m in found if m.id not in lacking]) for name, found in groups]


@lru_cache(maxsize=8)  # opening a panel does not draw again
def _charted(view: View | lasting.TimeView) -> tuple[Shown, list[Strip]]:
    """Draw a view's chart, and say where each week stands in it."""
    drawing = view.chart
    picture = shown(drawing, f"{view.metric.label} of {view.state.where.spoken}, by week: {view.sentence}")
    if isinstance(view, lasting.TimeView):
        return picture, []
    axes = drawing.figure.axes[0]
    box, (first, last) = axes.get_position(), axes.get_xlim()
    day = 100 * box.width / (last - first)
    strips = [
        Strip(point.week.isoformat(), round(100 * box.x0 + day * (float(date2num(point.week)) - 3.5 - first), 2),
              round(7 * day, 2), view.state.start <= point.week <= view.state.end)
        for point in view.history
    ]  # fmt: skip
    return picture, strips


@lru_cache(maxsize=8)
def _stage_chart(view: View | lasting.TimeView) -> Shown | None:
    if not view.stages:
        return None
    most = max(view.stages, key=lambda stage: stage.excess)
    alt = f"Mean hours in each step: most was added in {most.name}, {words.number(most.excess, 1)} hours."
    return shown(milestone_split(view.stages), alt)


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{words.number(value)}"


def _named(dim: str) -> str:
    """Say a dimension to people."""
    return dim.removeprefix("segment_").replace("_", " ")


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(STATIC), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    filters: dict[str, Any] = {
        "measured": words.measured, "number": words.number, "day": words.day, "plural": words.plural,
        "label": words.label, "named": _named, "signed": _signed,
    }  # fmt: skip
    made.filters.update(filters)
    names: dict[str, Any] = {
        "charted": _charted, "stage_chart": _stage_chart, "most_parts": MOST_PARTS, "choices": forms.CHOICES,
        "shares": lasting.SHARES, "span": lasting.span, "days": forms.DAYS,
        "long": forms.LONG, "asked": asked.FIELDS | asked.OUTCOME,
    }  # fmt: skip
    made.globals.update(names)
    return made
