"""The recent weeks as one small line, written as SVG itself: a page has ten of them, so each must cost nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from closeloop.charts.drawing import BAND, BLUE
from closeloop.model import Point
from closeloop.pictures import Shown

WIDTH, HEIGHT, EDGE = 158.0, 36.0, 4.0
SVG = Markup(
    '<svg role="img" aria-label="{}" viewBox="0 0 158 36"><polygon points="{}" fill="{}"/>'
    '<polyline points="{}" fill="none" stroke="{}" stroke-width="1.6" stroke-linejoin="round"/>'
    '<circle cx="{}" cy="{}" r="3" fill="{}" stroke="{}"/></svg>'
)

Place = Callable[[int, float], tuple[str, str]]


def sparkline(history: Sequence[Point], alt: str) -> Shown:
    """Draw the recent weeks in their band, the last week marked; `alt` states in words what it shows.

    Weeks that can still change are left out once one is final: a count that is still growing looks like an
    improvement. Raises ValueError when there is no week to draw, or `alt` is empty.
    """
    if not history or not alt.strip():
        raise ValueError("sparkline: give at least one week, and in alt a sentence that says what it shows")
    weeks = sorted(history, key=lambda point: point.week)
    told = [point for point in weeks if point.final] or weeks
    place = _placed(told)
    highs = [place(row, p.high) for row, p in enumerate(told) if _known(p.low, p.high)]
    lows = [place(row, p.low) for row, p in enumerate(told) if _known(p.low, p.high)]
    line = [place(row, p.value) for row, p in enumerate(told) if _known(p.value)] or [place(0, 0.0)]
    last = next((p for p in reversed(told) if _known(p.value)), told[-1])
    face = BLUE if last.final else "#ffffff"
    drawn = SVG.format(alt, _points([*highs, *lows[::-1]]), BAND, _points(line), BLUE, *line[-1], face, BLUE)
    return Shown(alt, drawn, Markup(""))


def _placed(told: Sequence[Point]) -> Place:
    """Say where a value of a week stands in the picture."""
    known = [v for p in told for v in (p.value, p.low, p.high) if _known(v)] or [0.0]
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (WIDTH - 2 * EDGE) / max(len(told) - 1, 1)

    def place(row: int, value: float) -> tuple[str, str]:
        return f"{EDGE + step * row:.1f}", f"{HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / span:.1f}"

    return place


def _known(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _points(places: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)
