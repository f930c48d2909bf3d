"""One metric by week: in its band of normal variation, around a change, or as a small line."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator, WeekdayLocator, date2num
from matplotlib.ticker import MaxNLocator

from closeloop import words
from closeloop.charts.drawing import BAND, BLUE, INK, ORANGE, STYLE, axes_of, entitle, figure_of
from closeloop.model import Point, Verdict
from closeloop.pictures import Drawing

WEEK_COLUMNS = ("Week from", "Value", "Normal variation", "Counted over", "State")


def control_chart(
    history: Sequence[Point], label: str, unit: str, mark: date | None = None, mark_label: str = "since"
) -> Drawing:
    """Draw weekly values in their band of normal variation.

    Weeks outside the band are diamonds, weeks that are not final yet are hollow; `mark` is the day a
    pattern began or a change was shipped. Raises ValueError when there is no week to draw.
    """
    frame = _frame(history)
    with mpl.rc_context(STYLE):
        axes = axes_of(2.9)
        _band(axes, frame)
        _weeks(axes, frame)
        _mark(axes, frame, mark, f"{mark_label} {words.day(mark)}" if mark else "")
        _finish_weekly(axes, frame, f"{label}, by week", unit)
    return Drawing(figure_of(axes), WEEK_COLUMNS, _week_rows(history, unit))


def before_after(verdict: Verdict, label: str = "") -> Drawing:
    """Draw the weeks around a shipped change, with the average before and after it.

    Raises ValueError when the verdict has no history.
    """
    frame = _frame(verdict.history)
    shipped = verdict.change.shipped_on
    title = label or words.label(verdict.change.metric)
    with mpl.rc_context(STYLE):
        axes = axes_of(2.9)
        _band(axes, frame)
        _weeks(axes, frame)
        _mark(axes, frame, shipped, f"shipped {words.day(shipped)}")
        _averages(axes, frame, verdict)
        _finish_weekly(axes, frame, f"{title}, by week", verdict.unit, columns=2)
    return Drawing(figure_of(axes), WEEK_COLUMNS, _week_rows(verdict.history, verdict.unit))


def _frame(history: Sequence[Point]) -> pd.DataFrame:
    if not history:
        raise ValueError("this chart needs at least one week; leave the chart out when the history is empty")
    frame = pd.DataFrame([vars(point) for point in sorted(history, key=lambda point: point.week)])
    frame["week"] = [float(date2num(day)) for day in frame["week"]]
    frame["outside"] = (frame.value > frame.high) | (frame.value < frame.low)
    return frame


def _band(axes: Axes, frame: pd.DataFrame) -> None:
    axes.fill_between(frame.week, frame.low, frame.high, color=BAND, lw=0, label="normal variation")


def _weeks(axes: Axes, frame: pd.DataFrame) -> None:
    settled = frame[frame.final]
    sns.lineplot(settled, x="week", y="value", color=BLUE, lw=1.8, estimator=None, ax=axes)
    open_from = max(len(settled) - 1, 0)
    axes.plot(frame.week[open_from:], frame.value[open_from:], "--", color=BLUE, lw=1.2)
    inside, outside = settled[~settled.outside], settled[settled.outside]
    axes.plot(inside.week, inside.value, "o", ms=4, color=BLUE)
    axes.plot(outside.week, outside.value, "D", ms=7, color=ORANGE, label="outside it")
    hollow = frame[~frame.final]
    axes.plot(hollow.week, hollow.value, "o", ms=7, mfc="white", mec=BLUE, mew=1.6, label="not final yet")


def _mark(axes: Axes, frame: pd.DataFrame, when: date | None, text: str) -> None:
    first, last = float(frame.week.min()), float(frame.week.max())
    if when is None or not first <= date2num(when) <= last + 6:
        return
    place = float(date2num(when))
    left = place > (first + last) / 2
    axes.axvline(place, color=INK, lw=1.1, ls=(0, (4, 3)))
    axes.annotate(
        text, (place, 1.0), (-5 if left else 5, -2), ("data", "axes fraction"), "offset points",
        ha="right" if left else "left", va="top", fontsize=11,
        bbox={"fc": "white", "ec": "none", "alpha": 0.85, "pad": 1.5},
    )  # fmt: skip


def _averages(axes: Axes, frame: pd.DataFrame, verdict: Verdict) -> None:
    first, last = float(frame.week.min()), float(frame.week.max()) + 6
    shipped = float(date2num(verdict.change.shipped_on))
    levels = [words.measured(level, verdict.unit) for level in (verdict.before, verdict.after)]
    text = f"average {levels[0]}, then {levels[1]}"
    for level, start, end in ((verdict.before, first, shipped), (verdict.after, shipped, last)):
        if not math.isnan(level) and start < end:
            axes.plot([start, end], [level, level], color=INK, lw=2.4, solid_capstyle="butt", label=text)
            text = ""


def _finish_weekly(axes: Axes, frame: pd.DataFrame, title: str, unit: str, columns: int = 3) -> None:
    axes.set(xlabel="", ylabel="", xlim=(frame.week.min() - 4, frame.week.max() + 9))
    axes.margins(y=0.18)
    if min(frame.low.min(), frame.value.min()) >= 0:
        axes.set_ylim(bottom=max(axes.get_ylim()[0], 0))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(lambda value, _: re.sub(r"\.0+(?=\D|$)", "", words.measured(value, unit)))
    long = len(frame) > 9
    months = MonthLocator(interval=1 if len(frame) <= 30 else 2)
    axes.xaxis.set_major_locator(months if long else WeekdayLocator(byweekday=0, interval=2))
    axes.xaxis.set_major_formatter(DateFormatter("%b" if long else "%d %b"))
    entitle(axes, words.shortened(title, 44), columns)


def _week_rows(history: Sequence[Point], unit: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_week_row(point, unit) for point in sorted(history, key=lambda point: point.week))


def _week_row(point: Point, unit: str) -> tuple[str, ...]:
    limits = f"{words.measured(point.low, unit)} to {words.measured(point.high, unit)}"
    outside = "outside" if point.value > point.high or point.value < point.low else "inside"
    state = outside if point.final else "not final yet"
    value = words.measured(point.value, unit)
    return (words.day(point.week), value, limits, words.number(point.total, 0), state)
