"""One metric week by week, and the same split by a dimension: what a slice adds, and since when."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from closeloop import crossed, prices, words
from closeloop.charts import Shown, control_chart, shown
from closeloop.cube import Series
from closeloop.loop import Loop
from closeloop.model import Metric, Point
from closeloop.patterns import history
from closeloop.stats.control_chart import control_chart as plot_the_dots
from closeloop.workbench import names, pictures
from closeloop.workbench.answers import Answer, Column
from closeloop.workbench.asked import Period, Subject

MEDIAN_RANGES = 3.145
"""Median moving ranges from the median to a limit: three sigma over 0.954."""

BEFORE_WEEKS = 8
"""Weeks before a period that say what is usual."""


@dataclass(frozen=True, eq=False, repr=False)
class Weeks(Answer):
    """A metric in a slice, week by week; `series` has its sums."""

    series: Series
    points: tuple[Point, ...]
    about: Subject

    def chart(self) -> Shown:
        """Draw the weeks in their band of normal variation."""
        metric, pattern = self.series.metric, self.about.pattern
        drawn = control_chart(self.points, metric.label, metric.unit, pattern.onset if pattern else None)
        return shown(drawn, self.says)

    def dots(self, *rebased: date) -> pd.DataFrame:
        """Judge the final weeks by the rules of "plot the dots" (NHS, XmR): `signal` is the first that marks a week.

        From each day in `rebased` on, such as that of a change in the log, new limits begin. The rules know neither
        seasons nor how many series are looked at: the weekly scan does. Raises ValueError where a part of the chart
        would have fewer than two weeks.
        """
        points = [p for p in self.points if p.final and not math.isnan(p.value)]
        starts = [sum(p.week < day for p in points) for day in rebased]
        chart = plot_the_dots([p.value for p in points], rebase=starts)
        return pd.DataFrame({"week": [p.week for p in points], **chart._asdict()})


@dataclass(frozen=True, eq=False, repr=False)
class Split(Answer):
    """A metric in the parts of a slice over some weeks; `series` has a row for each part."""

    series: Series
    by: str

    def chart(self) -> Shown:
        """Draw the largest parts, now and before."""
        metric = self.series.metric
        return shown(pictures.split(self.frame, self.by, metric), self.says)


def by_week(run: Loop, metric: Metric, about: Subject, period: Period | None) -> Weeks:
    """Return the weeks of a metric in a slice. Raises ValueError when the data has neither."""
    names.check(run.con, metric.id, metric.view, about.where)
    sums = crossed.series_of(run.con, run.cube, metric, about.where)
    series, beside = _priced(run, sums)
    points = history(series, 0, about.pattern.onset if about.pattern else None, len(series.weeks))
    points = points if about.pattern else _usual(points, metric)
    told = tuple(p for p in points if period is None or period.first <= p.week <= period.last)
    if not told:
        raise ValueError(
            f"{metric.id}: nothing of {about.where} fell due in {period};"
            f" there are {series.weeks[0]} to {series.weeks[-1]}"
        )
    bad = dict(zip(sums.weeks, sums.bad[0], strict=True))
    rows = [(p.week, p.value, p.low, p.high, bad[p.week], p.total, p.final) for p in told]
    frame = pd.DataFrame(rows, columns=["week", "value", "low", "high", "counted", "of", "final"])
    say = partial(words.measured, unit=metric.unit)
    columns = (
        Column("week", "Week from"), Column("value", metric.label, say, bar=True), Column("low", "Usually from", say),
        Column("high", "to", say), Column("counted", metric.unit.capitalize()),
        Column("of", "Of"), Column("final", "Final"),
    )  # fmt: skip
    question = f"{metric.question} {_where(about)}"
    return Weeks(
        question,
        _weeks_say(metric, told) + (f" In the last week {beside[told[-1].week]}." if told[-1].week in beside else ""),
        frame,
        columns,
        then=_next(metric, about),
        newest_first=True,
        series=sums,
        points=told,
        about=about,
    )


def _priced(run: Loop, series: Series) -> tuple[Series, dict[date, str]]:
    """Return the price by Fisher's index with what stands beside it by week; any other metric is what it was."""
    if series.metric.kind != "index":
        return series, {}
    fisher, index = prices.as_fisher(run.con, series)
    return fisher, {week: prices.beside(one) for week, one in index.items()}


def split(run: Loop, metric: Metric, about: Subject, by: str, period: Period) -> Split:
    """Return a metric in each part of a slice, what is most above its own past first.

    What is usual is a part's own level in the weeks before the period, up to `BEFORE_WEEKS`.
    """
    names.check(run.con, metric.id, metric.view, about.where)
    if by not in crossed.dimensions(run.con, metric.view):
        raise ValueError(f"{metric.id}: {names.nearest('dimension', by, crossed.dimensions(run.con, metric.view))}")
    if by in about.where.dims:
        raise ValueError(f"{metric.id}: {about.where} has one {by} only; split it by another dimension")
    series = crossed.split_of(run.con, run.cube, metric, about.where, by)
    frame = _parts(series, by, period)
    say = partial(words.measured, unit=metric.unit)
    columns = (
        Column(by, by.replace("_", " ").capitalize()), Column("value", metric.label, say),
        Column("before", "Before", say),
        Column("counted", metric.unit.capitalize()), Column("of", "Of"),
        Column("added", "More than before", bar=True),
    )  # fmt: skip
    sparks = tuple(tuple(row) for row in _ratios(series, frame["row"].tolist()))
    frame = frame.drop(columns="row")
    question = f"{metric.question} {_where(about)}, by {by.replace('_', ' ')}, {period}"
    first = _filter(about, by, str(frame[by].iloc[0])) if len(frame) else ""
    then = (
        f'loop.measure("{metric.id}", "{first}")',
        f'loop.shipments("{first}", "{metric.id}", period="{_typed(period)}")',
    )
    return Split(
        question,
        _split_says(metric, frame, by, period),
        frame,
        columns,
        sparks=sparks,
        then=then if first else (),
        series=series,
        by=by,
    )


def _usual(points: tuple[Point, ...], metric: Metric) -> tuple[Point, ...]:
    """Set the band around the median, as no week is known to be out of line yet, and one that is must not widen it.

    Median +- 3.145 median moving ranges (Wheeler 2000, Understanding Variation, for individual values).
    """
    values = np.array([p.value for p in points if p.final])
    if len(values) < 2:
        return points
    middle, half = float(np.median(values)), MEDIAN_RANGES * float(np.median(np.abs(np.diff(values))))
    low, high = middle - half, middle + half
    if metric.kind == "share":
        low, high = max(0.0, low), min(1.0, high)
    return tuple(replace(p, low=low, high=high) for p in points)


def _parts(series: Series, by: str, period: Period) -> pd.DataFrame:
    week = np.array(series.weeks, dtype="datetime64[D]")
    now = (week >= np.datetime64(period.first)) & (week <= np.datetime64(period.last))
    past = (week < np.datetime64(period.first)) & (
        week >= np.datetime64(period.first) - np.timedelta64(7 * BEFORE_WEEKS, "D")
    )
    rows: list[tuple[object, ...]] = []
    for row, where in enumerate(series.slices):
        bad, total = float(series.bad[row, now].sum()), float(series.total[row, now].sum())
        usual = _ratio(float(series.bad[row, past].sum()), float(series.total[row, past].sum()))
        value, before = (_shown(series.metric, ratio) for ratio in (_ratio(bad, total), usual))
        rows.append((dict(where.where)[by], value, before, bad, total, bad - usual * total, row))
    frame = pd.DataFrame(rows, columns=[by, "value", "before", "counted", "of", "added", "row"])
    told = frame[frame["of"] > 0]
    return told.sort_values(["added", "counted", by], ascending=[False, False, True], na_position="last").reset_index(
        drop=True
    )


def _ratio(bad: float, total: float) -> float:
    return bad / total if total > 0 else math.nan


def _shown(metric: Metric, ratio: float) -> float:
    return math.nan if math.isnan(ratio) else metric.shown(ratio)


def _ratios(series: Series, rows: list[int]) -> list[list[float]]:
    weeks = slice(-26, None)
    return [
        [
            _shown(series.metric, _ratio(b, t))
            for b, t in zip(series.bad[row, weeks], series.total[row, weeks], strict=True)
        ]
        for row in rows
    ]


def _where(about: Subject) -> str:
    named = f" ({about.pattern.id})" if about.pattern else ""
    return f"For {about.where}{named}" if about.where.where else "For all"


def _filter(about: Subject, by: str, value: str) -> str:
    parts = [*about.where.where, (by, value)]
    return " & ".join(f"{dim} = {name}" for dim, name in parts)


def _typed(period: Period) -> str:
    return str(period).replace(" to ", "..")


def _weeks_say(metric: Metric, told: tuple[Point, ...]) -> str:
    final = [p for p in told if p.final] or list(told)
    last, outside = final[-1], [p for p in final if not p.low <= p.value <= p.high]
    value, low, high = (words.measured(v, metric.unit) for v in (last.value, last.low, last.high))
    away = f"{len(outside)} of {len(final)} weeks lie outside it." if outside else "No week lies outside it."
    return f"{value} in the week from {words.day(last.week)}; usual is {low} to {high}. {away}"


def _split_says(metric: Metric, frame: pd.DataFrame, by: str, period: Period) -> str:
    if frame.empty:
        return f"Nothing fell due in {period}."
    added = frame["added"].dropna()
    more, top = float(added[added > 0].sum()), frame.iloc[0]
    if not more > 0:
        return f"No {by.replace('_', ' ')} lies above its own past."
    return (
        f"{top[by]}: {words.added(float(top['added']), metric.unit)} beyond its own past in {period},"
        f" {words.share(float(top['added']) / more)} of all that lies above."
    )


def _next(metric: Metric, about: Subject) -> tuple[str, ...]:
    name = about.pattern.id if about.pattern else str(about.where)
    dim = next(dim for dim in metric.dims if dim not in about.where.dims)
    ask = f'"{name}"' if about.pattern else f'"{metric.id}", "{name}"'
    named = f"{ask}" if not about.pattern else f'where="{name}"'
    rows = f'"{name}"' if about.pattern else f'"{name}", "{metric.id}"'
    return (f'loop.measure({named}, by="{dim}")', f"loop.shipments({rows})")
