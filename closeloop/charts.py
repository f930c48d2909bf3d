"""Charts: one function for each, from a record to a drawing that page, mail and notebook can show."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from datetime import date
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator, WeekdayLocator, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from closeloop import words
from closeloop.model import Pattern, Point, Stage, Verdict
from closeloop.pictures import Drawing, Shown, png, shown

__all__ = ["Drawing", "Shown", "png", "shown"]

WIDTH = 5.6
INK, BLUE, ORANGE, BAND, SOFT = "#1f2933", "#0b5c8a", "#b8400e", "#dfe5ea", "#9fb3c1"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 12.5,
    "axes.titlesize": 13.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.grid.axis": "y",
    "grid.color": "#edf0f3",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "figure.facecolor": "white",
}

ACROSS: dict[Any, Any] = {**STYLE, "axes.grid.axis": "x"}


def control_chart(
    history: Sequence[Point], label: str, unit: str, mark: date | None = None, mark_label: str = "since"
) -> Drawing:
    """Draw weekly values in their band of normal variation.

    Weeks outside the band are diamonds, weeks that are not final yet are hollow; `mark` is the day a
    pattern began or a change was shipped. Raises ValueError when there is no week to draw.
    """
    frame = _frame(history)
    with mpl.rc_context(STYLE):
        axes = _axes(2.9)
        _band(axes, frame)
        _weeks(axes, frame)
        _mark(axes, frame, mark, f"{mark_label} {words.day(mark)}" if mark else "")
        _finish_weekly(axes, frame, f"{label}, by week", unit)
    return Drawing(_figure(axes), WEEK_COLUMNS, _week_rows(history, unit))


def before_after(verdict: Verdict, label: str = "") -> Drawing:
    """Draw the weeks around a shipped change, with the average before and after it.

    Raises ValueError when the verdict has no history.
    """
    frame = _frame(verdict.history)
    shipped = verdict.change.shipped_on
    title = label or words.label(verdict.change.metric)
    with mpl.rc_context(STYLE):
        axes = _axes(2.9)
        _band(axes, frame)
        _weeks(axes, frame)
        _mark(axes, frame, shipped, f"shipped {words.day(shipped)}")
        _averages(axes, frame, verdict)
        _finish_weekly(axes, frame, f"{title}, by week", verdict.unit, columns=2)
    return Drawing(_figure(axes), WEEK_COLUMNS, _week_rows(verdict.history, verdict.unit))


def milestone_split(stages: Sequence[Stage]) -> Drawing:
    """Draw the mean hours of each step in the slice, before and since, with the hours added beyond elsewhere.

    Raises ValueError when there is no step to draw.
    """
    if not stages:
        raise ValueError("milestone_split: no stages were given; a cause without stages has no such chart")
    frame = pd.DataFrame(
        [(str(row), when, hours) for row, s in enumerate(stages) for when, hours in _hours(s)],
        columns=["stage", "when", "hours"],
    )
    with mpl.rc_context(ACROSS):
        axes = _axes(0.95 + 0.62 * len(stages))
        palette = {"before": SOFT, "since": BLUE}
        sns.barplot(frame, x="hours", y="stage", hue="when", palette=palette, errorbar=None, ax=axes)
        _stage_labels(axes, stages)
        axes.set(ylabel="")
        axes.set_xlabel("hours (+ or −: added beyond elsewhere)", loc="left", fontsize=11)
        axes.tick_params(axis="y", length=0)
        axes.set_yticks(range(len(stages)), [_step_name(stage) for stage in stages])
        _title(axes, "Mean hours in each step", columns=2)
    return Drawing(_figure(axes), STAGE_COLUMNS, tuple(_stage_row(stage) for stage in stages))


def ranking(patterns: Sequence[Pattern]) -> Drawing:
    """Draw the excess a week of each pattern with its interval, one panel for each unit.

    Raises ValueError when there is no pattern to draw.
    """
    if not patterns:
        raise ValueError("ranking: no patterns were given; say in words that nothing stands out")
    units = sorted({p.unit for p in patterns}, key=lambda unit: (-sum(p.unit == unit for p in patterns), unit))
    groups = [sorted((p for p in patterns if p.unit == u), key=lambda p: -p.excess.value) for u in units]
    with mpl.rc_context(ACROSS):
        figure = Figure(figsize=(WIDTH, 0.3 + sum(0.85 + 0.55 * len(group) for group in groups)))
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[1.2 + len(group) for group in groups])
        for axes, group in zip(panels[:, 0], groups, strict=True):
            _excess_panel(axes, group)
        figure.tight_layout(pad=0.4, h_pad=1.0)
    rows = tuple((p.id, str(p.slice), words.excess(p.excess, p.unit)) for group in groups for p in group)
    return Drawing(figure, ("Pattern", "Where", "Excess"), rows)


def sparkline(history: Sequence[Point]) -> Drawing:
    """Draw the recent weeks as one small line in its band, the last week marked.

    Weeks that can still change are left out once one is final: a count that is still growing looks like
    an improvement. Raises ValueError when there is no week to draw.
    """
    frame = _frame(history)
    frame = frame[frame.final] if frame.final.any() else frame
    with mpl.rc_context(STYLE):
        axes = Figure(figsize=(2.2, 0.5)).add_axes((0.01, 0.04, 0.97, 0.92))
        axes.fill_between(frame.week, frame.low, frame.high, color=BAND, lw=0)
        sns.lineplot(frame, x="week", y="value", color=BLUE, lw=1.6, estimator=None, ax=axes)
        last = frame.dropna(subset="value").tail(1)
        face = BLUE if bool(last.final.all()) else "white"
        axes.plot(last.week, last.value, "o", ms=5.5, mfc=face, mec=BLUE, clip_on=False)
        axes.set_axis_off()
    return Drawing(_figure(axes), WEEK_COLUMNS, ())


WEEK_COLUMNS = ("Week from", "Value", "Normal variation", "Counted over", "State")
STAGE_COLUMNS = ("Step", "Before", "Since", "Elsewhere before", "Elsewhere since", "Added beyond elsewhere")


def _axes(height: float) -> Axes:
    return Figure(figsize=(WIDTH, height), layout="constrained").add_subplot()


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    return figure


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
    _title(axes, words.shortened(title, 44), columns)


def _title(axes: Axes, title: str, columns: int) -> None:
    """Set the title over the legend, which stands in rows of `columns` above the plot."""
    handles, labels = axes.get_legend_handles_labels()
    drawn = [(h, text) for h, text in zip(handles, labels, strict=True) if not _empty(h)]
    axes.set_title(title, pad=11 + 18 * -(-len(drawn) // columns))
    axes.legend(
        *zip(*drawn, strict=True),
        loc="lower left",
        bbox_to_anchor=(-0.015, 0.985),
        ncols=columns,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.4,
        borderpad=0.2,
    )


def _empty(handle: Any) -> bool:
    return hasattr(handle, "get_xdata") and len(handle.get_xdata()) == 0


def _step_name(stage: Stage) -> str:
    return textwrap.fill(words.shortened(stage.name, 34), 17)


def _hours(stage: Stage) -> tuple[tuple[str, float], ...]:
    return (("before", stage.before), ("since", stage.since))


def _stage_labels(axes: Axes, stages: Sequence[Stage]) -> None:
    longest = max(max(stage.before, stage.since) for stage in stages) or 1.0
    largest = max(stage.excess for stage in stages)
    for row, stage in enumerate(stages):
        text = f"{'+' if stage.excess > 0 else ''}{words.number(stage.excess, 1)}{words.SPACE}h"
        weight = "bold" if stage.excess == largest > 0 else "normal"
        place = max(stage.before, stage.since) + 0.02 * longest
        axes.text(place, row, text, va="center", fontsize=11, fontweight=weight)
    axes.set_xlim(0, longest * 1.3)


def _excess_panel(axes: Axes, group: Sequence[Pattern]) -> None:
    frame = pd.DataFrame({"name": [p.id for p in group], "excess": [p.excess.value for p in group]})
    sns.pointplot(frame, x="excess", y="name", color=ORANGE, linestyle="none", markers="D", ax=axes)
    for row, pattern in enumerate(group):
        axes.plot([pattern.excess.low, pattern.excess.high], [row, row], color=ORANGE, lw=2)
        place = words.shortened(str(pattern.slice), 52)
        axes.annotate(place, (0, row), (4, 9), textcoords="offset points", fontsize=10.5, va="bottom")
    axes.axvline(0, color=SOFT, lw=1)
    axes.set(
        title=words.shortened(f"Excess {group[0].unit} a week", 48),
        xlabel="",
        ylabel="",
        ylim=(len(group) - 0.5, -0.75),
    )
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: words.number(value))


def _week_rows(history: Sequence[Point], unit: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_week_row(point, unit) for point in sorted(history, key=lambda point: point.week))


def _week_row(point: Point, unit: str) -> tuple[str, ...]:
    limits = f"{words.measured(point.low, unit)} to {words.measured(point.high, unit)}"
    outside = "outside" if point.value > point.high or point.value < point.low else "inside"
    state = outside if point.final else "not final yet"
    value = words.measured(point.value, unit)
    return (words.day(point.week), value, limits, words.number(point.total, 0), state)


def _stage_row(stage: Stage) -> tuple[str, ...]:
    hours = (stage.before, stage.since, stage.elsewhere_before, stage.elsewhere_since, stage.excess)
    return (stage.name, *(words.measured(value, "hours") for value in hours))
