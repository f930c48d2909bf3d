"""What a reader looks at: a metric, a slice, a split and a period; and the same as code, pattern or filter."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import yaml

from closeloop import metrics, segments
from closeloop.model import Change, Estimate, Metric, Pattern, Slice, TimeMetric

DAYS = timedelta(days=7)


@dataclass(frozen=True)
class State:
    """A view: `metric` in `where`, split by `by` or not at all, from the week of `start` to that of `end`."""

    metric: str
    where: Slice
    by: str
    start: date
    end: date

    def narrowed(self, dim: str, value: str) -> State:
        """Look only at one value of a dimension, instead of the one before if there was one."""
        rest = [pair for pair in self.where.where if pair[0] != dim]
        return replace(self, where=Slice.of([*rest, (dim, value)]), by="" if self.by == dim else self.by)

    def widened(self, dim: str) -> State:
        """Look at all values of a dimension again."""
        return replace(self, where=Slice.of(pair for pair in self.where.where if pair[0] != dim))

    def brushed(self, one: date, other: date) -> State:
        """Look at the weeks between two days, whichever of them comes first."""
        first, last = sorted((one, other))
        return replace(self, start=first - timedelta(first.weekday()), end=last - timedelta(last.weekday()))

    def sliceable(self, dims: tuple[str, ...]) -> State:
        """Leave out the conditions and the split that rows without these dimensions cannot answer."""
        where = Slice.of(pair for pair in self.where.where if pair[0] in dims)
        return replace(self, where=where, by=self.by if self.by in dims else "")

    @property
    def declared(self) -> Metric:
        """The metric itself. Raises ValueError for a time, which has no cases of its own."""
        if self.timed:
            raise ValueError(f"{self.timed.label} is a time: choose a metric that counts cases, such as slow_transit")
        return metrics.by_id(self.metric)

    @property
    def timed(self) -> TimeMetric | None:
        """The time that is looked at, if it is one."""
        return next((one for one in metrics.TIMES if one.id == self.metric), None)

    @property
    def table(self) -> str:
        """The fact table of what is looked at."""
        return self.timed.view if self.timed else self.declared.view

    @property
    def weeks(self) -> int:
        """How many weeks the period has."""
        return (self.end - self.start) // DAYS + 1


def of_pattern(pattern: Pattern) -> State:
    """Return the view of a pattern: its metric in its slice, since it began."""
    start = pattern.onset - timedelta(pattern.onset.weekday())
    return State(pattern.metric, pattern.slice, "", start, pattern.week)


def of_change(change: Change, last: date) -> State:
    """Return the view of a change: its metric in its scope, since it shipped, up to the week of `last`.

    Raises ValueError for one that is judged by a time, or has not shipped by then.
    """
    start = change.shipped_on - timedelta(change.shipped_on.weekday())
    if start > last:
        raise ValueError(f"change {change.id} ships on {change.shipped_on}, after the week that is open")
    return State(metrics.by_id(change.metric).id, change.scope, "", start, last)


def call(state: State) -> str:
    """Write a view as the call that shows it: texts are quoted, so that no value from data can become code."""
    given = [quoted(state.metric), quoted(str(state.where))] + ([f"by={quoted(state.by)}"] if state.by else [])
    if state.timed:
        return f"loop.measure({', '.join(given)})"
    return f"loop.view({', '.join(given)}, start={quoted(str(state.start))}, end={quoted(str(state.end))})"


def quoted(text: str) -> str:
    """Write a text as Python does, in double quotes: every text of JSON is one of Python too."""
    return json.dumps(text, ensure_ascii=False)


def code(state: State, opened: str) -> str:
    """Write the whole cell that gives a view; `opened` is the call that opens the week."""
    return f"from closeloop.workbench import open_week\n\nloop = {opened}\n{call(state)}\n"


def as_pattern(state: State, name: str = "") -> Pattern:
    """Return the view as a pattern that began with its period, so that its causes can be asked for."""
    nothing = Estimate(0.0, 0.0, 0.0)
    metric = state.declared
    return Pattern(
        metric=metric.id, slice=state.where, kind="spike" if state.weeks == 1 else "step", onset=state.start,
        week=state.end, value=float("nan"), expected=float("nan"), excess=nothing, unit=metric.unit, p=1.0, q=1.0,
        total=0.0, id=name,
    )  # fmt: skip


def save_filter(state: State, name: str, title: str, folder: Path) -> Path:
    """Save the slice of a view as `<name>.yml`, as a segment that stands wherever a slice does, and return the file.

    Raises ValueError when there is nothing to save, the name is no file's name, or it is taken by another filter.
    """
    if not state.where.where:
        raise ValueError("the view is of everything: narrow it before you save it as a filter")
    if not segments.NAME.fullmatch(name):
        raise ValueError(f"filter name {name!r}: write small letters, digits and _, such as heavy_far")
    nested = [dim for dim in state.where.dims if segments.is_dimension(dim)]
    if nested:
        raise ValueError(f"{nested[0]}: a filter cannot be made of another one; copy its conditions into a new file")
    path, text = folder / f"{name}.yml", _filter(state.where, title.strip() or state.where.spoken)
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        raise ValueError(f"filter {name!r} is there already ({path.name}): choose another name, or edit that file")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    segments.read(folder)
    return path


def _filter(where: Slice, title: str) -> str:
    conditions = [{"field": dim, "is": [value]} for dim, value in where.where]
    told = {"title": " ".join(title.split()), "match": "all", "groups": [{"match": "all", "conditions": conditions}]}
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=110)
