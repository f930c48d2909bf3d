"""How long things take, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter

from closeloop import words
from closeloop.charts.drawing import ACROSS, BLUE, ORANGE, SOFT, STYLE, axes_of, figure_of
from closeloop.pictures import Drawing
from closeloop.times import Duration


def lasting(durations: Sequence[Duration], by: str, label: str, unit: str) -> Drawing:
    """Draw how long half and nine in ten take, by week or for each value of a dimension."""
    frame = pd.DataFrame(
        [(d.group, d.quantiles[0.5].value, d.quantiles[0.9].value) for d in durations],
        columns=["group", "half", "most"],
    )
    finite = frame.replace(float("inf"), float("nan"))
    with mpl.rc_context(STYLE if by == "week" else ACROSS):
        axes = axes_of(2.9 if by == "week" else 0.9 + 0.34 * len(frame))
        (_lines if by == "week" else _ranges)(axes, finite)
        axes.set_title(words.shortened(f"{label}, {unit}", 48))
        axes.legend(loc="best")
    rows = tuple((d.group[:10], *(words.number(d.quantiles[q].value, 1) for q in (0.5, 0.9))) for d in durations)
    return Drawing(figure_of(axes), ("Group", "Half within", "9 in 10 within"), rows)


def by_day(axes: Axes) -> None:
    """Set days at a distance along the lower edge."""
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=6))
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))


def _lines(axes: Axes, frame: pd.DataFrame) -> None:
    weeks = pd.to_datetime(frame["group"])
    axes.plot(weeks, frame["half"], color=BLUE, marker="o", ms=3, label="half within")
    axes.plot(weeks, frame["most"], color=ORANGE, marker="o", ms=3, label="9 in 10 within")
    axes.set_ylim(bottom=0)
    by_day(axes)


def _ranges(axes: Axes, frame: pd.DataFrame) -> None:
    rows = range(len(frame))
    axes.hlines(rows, frame["half"], frame["most"], color=SOFT, lw=4)
    axes.plot(frame["half"], rows, "o", color=BLUE, label="half within")
    axes.plot(frame["most"], rows, "D", color=ORANGE, label="9 in 10 within")
    axes.set_yticks(rows, list(frame["group"]))
    axes.invert_yaxis()
    axes.set_xlim(left=0)
