"""A view of a time: how long half, nine in ten and more take, week by week and in each part, over all weeks."""

from __future__ import annotations

from dataclasses import dataclass

from closeloop import times, words
from closeloop.charts import Drawing, lasting
from closeloop.explorer.opened import Opened
from closeloop.explorer.state import State
from closeloop.model import Stage, TimeMetric
from closeloop.times import Duration

SHARES = ((0.5, "Half within"), (0.85, "85 % within"), (0.9, "9 in 10 within"), (0.95, "95 % within"))


@dataclass(frozen=True, eq=False)
class TimeView:
    """What a reader sees of a time; what has not ended yet counts as running."""

    state: State
    metric: TimeMetric
    weeks: tuple[Duration, ...]
    whole: Duration
    parts: tuple[Duration, ...]
    stages: tuple[Stage, ...] = ()
    unfinished: int = 0

    @property
    def chart(self) -> Drawing:
        """Half and nine in ten, by the week of their start."""
        return lasting(self.weeks, "week", self.metric.label, self.metric.unit)

    @property
    def sentence(self) -> str:
        """The view in one sentence."""
        half, most = (span(self.whole, share) for share in (0.5, 0.9))
        running = f"; {words.number(self.whole.open, 0)} still run" if self.whole.open else ""
        return (
            f"Half within {half} {self.metric.unit}, nine in ten within {most}: {words.number(self.whole.n, 0)}"
            f" counted{running}."
        )


def measure(opened: Opened, state: State) -> TimeView:
    """Measure a time in a slice. Raises ValueError when the data has no such rows."""
    metric = state.timed
    assert metric is not None
    by_week, (whole,) = (times.durations(opened.con, metric, state.where, by) for by in ("week", "all"))
    parts = times.durations(opened.con, metric, state.where, state.by) if state.by else ()
    return TimeView(state, metric, by_week, whole, tuple(sorted(parts, key=_slowest)))


def span(duration: Duration, share: float) -> str:
    """Say by when a share has ended."""
    value = duration.quantiles[share].value
    return "not yet" if value == float("inf") else words.number(value, 1)


def _slowest(duration: Duration) -> tuple[float, int, str]:
    return (-duration.quantiles[0.9].value, -duration.n, duration.group)
