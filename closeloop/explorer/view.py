"""A view measured: its weeks with limits, its parts before and in the period, and where the time goes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closeloop import causes, crossed, patterns, stages, words
from closeloop.charts import Drawing, control_chart
from closeloop.cube import Cube, Series, build
from closeloop.explorer.opened import Opened
from closeloop.explorer.state import State, as_pattern
from closeloop.model import Cause, Metric, Point, Slice, Stage

MOST_WEEKS = 52
"""Weeks that a chart shows, at most."""

FEWEST = 6
"""Weeks before a period from which limits can be had."""


@dataclass(frozen=True)
class Level:
    """One metric in one slice: in the period, in the eight weeks before it, and what that makes in a week.

    `excess` is what came in a week of the period beyond the level before, in the metric's own unit; `size` is the
    denominator a week.
    """

    where: Slice
    before: float
    now: float
    excess: float
    size: float


@dataclass(frozen=True)
class View:
    """What a reader sees; it shows itself in a notebook."""

    state: State
    metric: Metric
    history: tuple[Point, ...]
    whole: Level
    parts: tuple[Level, ...]
    stages: tuple[Stage, ...]
    unfinished: int
    """Weeks of the period that are not final yet."""

    @property
    def chart(self) -> Drawing:
        """The weeks in their band of normal variation, with the start of the period."""
        return control_chart(self.history, self.metric.label, self.metric.unit, self.state.start, "from")

    @property
    def sentence(self) -> str:
        """The view in one sentence."""
        now, before = (words.measured(value, self.metric.unit) for value in (self.whole.now, self.whole.before))
        span = f"the {words.plural(self.state.weeks, 'week')} from {words.day(self.state.start)}"
        span = span if self.state.weeks > 1 else f"the week of {words.day(self.state.start)}"
        more = words.added(self.whole.excess, self.metric.unit)
        return f"{now} in {span}, {before} in the {stages.BEFORE_WEEKS} weeks before: {more} a week."

    @property
    def widest(self) -> float:
        """The largest excess of a part, either way."""
        return max((abs(part.excess) for part in self.parts if part.excess == part.excess), default=1.0) or 1.0

    def _repr_html_(self) -> str:
        from closeloop.explorer.page import page  # noqa: PLC0415  (a view shows itself only where it is looked at)

        return page(self)


def holding(opened: Opened, cube: Cube, metric: Metric) -> Cube:
    """Return the cube with a metric in it, which is summed now if it was not yet."""
    if any(series.metric.id == metric.id for series in cube.series):
        return cube
    alone = build(opened.con, cube.week, [replace(metric, dims=())]).of(metric.id)  # its slices are summed when asked
    return replace(cube, series=(*cube.series, replace(alone, metric=metric)))


def measure(opened: Opened, cube: Cube, state: State) -> View:
    """Measure a view.

    Raises ValueError when the data has no such metric, slice or period, and says what it has.
    """
    metric = state.declared
    series = crossed.series_of(opened.con, cube, metric, state.where)
    period = _period(series, state)
    parts = crossed.split_of(opened.con, cube, metric, state.where, state.by) if state.by else None
    return View(
        state=state, metric=metric,
        history=_history(series, state),
        whole=_level(series, 0, period),
        parts=_ranked(parts, period) if parts else (),
        stages=stages.milestone_split(opened.con, as_pattern(state)),
        unfinished=int((period & ~series.final).sum()),
    )  # fmt: skip


def candidates(opened: Opened, cube: Cube, state: State) -> Cause:
    """Ask why the metric of a view is what it has been since its period began: seconds of work."""
    return causes.review(opened.con, cube, as_pattern(state))


def latest(cube: Cube, metric: str, weeks: int = 4) -> State:
    """Return the view of everything in the last final weeks of a metric."""
    series = cube.of(metric)
    final = [week for week, is_final in zip(series.weeks, series.final, strict=True) if is_final] or [*series.weeks]
    return State(metric, Slice(), "", final[-min(weeks, len(final))], final[-1])


def dims_of(opened: Opened, state: State) -> tuple[str, ...]:
    """Return the dimensions by which the metric of a view can be sliced, those with one value only left out."""
    view = state.table
    dims = crossed.dimensions(opened.con, view)
    counts = ", ".join(f"count(DISTINCT {dim})" for dim in dims)
    [row] = opened.con.execute(f"SELECT {counts} FROM {view}").fetchall()
    return tuple(dim for dim, count in zip(dims, row, strict=True) if count > 1)


def _history(series: Series, state: State) -> tuple[Point, ...]:
    """Return the weeks with limits from those before the period, or from all where those are too few."""
    enough = sum(week < state.start for week, n in zip(series.weeks, series.total[0], strict=True) if n) >= FEWEST
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few points give provisional limits, better than none here
        return patterns.history(series, 0, mark=state.start if enough else None, weeks=MOST_WEEKS)


def _period(series: Series, state: State) -> np.ndarray[Any, np.dtype[np.bool_]]:
    inside = np.array([state.start <= week <= state.end for week in series.weeks], dtype=bool)
    if not inside.any():
        raise ValueError(
            f"{series.metric.id} from {state.start} to {state.end}: its weeks run from {series.weeks[0]} to"
            f" {series.weeks[-1]}"
        )
    return inside


def _level(series: Series, row: int, period: np.ndarray[Any, np.dtype[np.bool_]]) -> Level:
    first = int(np.flatnonzero(period)[0])
    earlier = slice(max(0, first - stages.BEFORE_WEEKS), first)
    x, n = float(series.bad[row, period].sum()), float(series.total[row, period].sum())
    x0, n0 = float(series.bad[row, earlier].sum()), float(series.total[row, earlier].sum())
    weeks, nothing = int(period.sum()), float("nan")
    return Level(
        where=series.slices[row],
        before=series.metric.shown(x0 / n0) if n0 else nothing,
        now=series.metric.shown(x / n) if n else nothing,
        excess=(x - x0 / n0 * n) / weeks if n0 else nothing,
        size=n / weeks,
    )


def _ranked(parts: Series, period: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[Level, ...]:
    """Rank the parts by what they add to the excess, the most first."""
    levels = [_level(parts, row, period) for row in range(len(parts.slices))]
    here = [level for level in levels if level.size > 0]
    return tuple(sorted(here, key=lambda level: (-np.nan_to_num(level.excess), -level.size, level.where)))
