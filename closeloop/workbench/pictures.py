"""Charts of answers: parts side by side, what waits, and what an alert would have done."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from closeloop import words
from closeloop.charts.drawing import ACROSS, BLUE, INK, ORANGE, SOFT, STYLE, axes_of, figure_of
from closeloop.charts.lasting import by_day
from closeloop.model import Metric
from closeloop.pictures import Drawing
from closeloop.stocks import Stock
from closeloop.triggers import Replay

MOST_BARS = 12


def split(frame: pd.DataFrame, by: str, metric: Metric) -> Drawing:
    """Draw the parts that add most, as bars, with a mark where each was before."""
    told = frame.head(MOST_BARS)
    with mpl.rc_context(ACROSS):
        axes = axes_of(0.9 + 0.34 * len(told))
        sns.barplot(told, x="value", y=by, color=SOFT, errorbar=None, order=list(told[by]), ax=axes)
        axes.plot(told["before"], range(len(told)), "|", color=INK, ms=14, mew=2, label="before")
        axes.set(xlabel="", ylabel="")
        axes.set_title(words.shortened(f"{metric.label}, by {by.replace('_', ' ')}", 48))
        axes.legend(loc="lower right")
        axes.xaxis.set_major_formatter(lambda value, _: words.measured(value, metric.unit))
    rows = tuple(
        (str(r[by]), *(words.measured(float(r[n]), metric.unit) for n in ("value", "before")))
        for r in told.to_dict("records")
    )
    return _drawing(axes, (by, "Now", "Before"), rows)


def waiting(days: Sequence[Stock], label: str) -> Drawing:
    """Draw what waits at the end of each day, by how long it has waited."""
    parts = [[d.old for d in days], [d.middle for d in days], [d.young for d in days]]
    names = ("over 3 days", "1 to 3 days", "up to 1 day")
    with mpl.rc_context(STYLE):
        axes = axes_of(2.9)
        axes.stackplot(
            np.array([d.day for d in days], dtype="datetime64[D]"), *parts, colors=[ORANGE, BLUE, SOFT], labels=names
        )
        axes.set_title(words.shortened(f"{label}: waiting at the end of the day", 48))
        by_day(axes)
        axes.legend(loc="upper left")
    rows = tuple((words.day(d.day), *(words.number(n) for n in (d.old, d.middle, d.young))) for d in days)
    return _drawing(axes, ("Day", *names), rows)


def alerts(replays: Sequence[Replay], today: Replay | None = None) -> Drawing:
    """Draw what each threshold catches against the false alarms that it makes, and today's alert as a point."""
    told = [_traded(r, f"{r.rule.hours:g} h") for r in replays]
    now = [_traded(today, "today's alert")] if today else []
    with mpl.rc_context(STYLE):
        axes = axes_of(2.9)
        axes.plot([row[0] for row in told], [row[1] for row in told], color=BLUE, marker="o")
        axes.plot([row[0] for row in now], [row[1] for row in now], color=ORANGE, marker="D", linestyle="")
        for false, caught, name in (*told, *now):
            axes.annotate(name, (false, caught), (5, 5), textcoords="offset points", fontsize=10.5)
        axes.set(xlabel="false alarms a week", ylabel="caught, %")
        axes.set_ylim(bottom=0)
        axes.set_title("What each threshold catches")
    rows = tuple((name, words.number(caught, 0), words.number(false, 0)) for false, caught, name in (*told, *now))
    return _drawing(axes, ("Threshold", "Caught, %", "False alarms a week"), rows)


def _traded(one: Replay, name: str) -> tuple[float, float, str]:
    return one.false_alarms_a_week, 100 * one.caught_share.value, name


def _drawing(axes: Axes, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Drawing:
    return Drawing(figure_of(axes), columns, rows)
