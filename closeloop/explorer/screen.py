"""What the explorer shows, and what each press of a reader makes of it: no browser, no widget, all of it tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from closeloop import metrics, project, segments
from closeloop.cube import Cube
from closeloop.explorer import form as forms
from closeloop.explorer import lasting
from closeloop.explorer.form import Form
from closeloop.explorer.opened import Opened
from closeloop.explorer.state import State, as_pattern, code, of_change, of_pattern, quoted, save_filter
from closeloop.explorer.view import View, candidates, dims_of, holding, latest, measure
from closeloop.model import Cause, Pattern, Slice
from closeloop.sources import source
from closeloop.weeks import iso

Panel = Literal["", "code", "filter", "log", "why"]
Pressed = Mapping[str, str]


@dataclass(frozen=True)
class Screen:
    """All that is on the screen: the view, what can be chosen, the open panel, and what was last said."""

    opened: Opened
    cube: Cube
    view: View | lasting.TimeView
    dims: tuple[str, ...]
    panel: Panel = ""
    said: str = ""
    fault: str = ""
    cause: Cause | None = None
    form: Form | None = None

    @property
    def state(self) -> State:
        """What is looked at."""
        return self.view.state

    @property
    def code(self) -> str:
        """The cell that gives this view."""
        return code(self.state, call_of(self.opened))

    @property
    def pattern(self) -> Pattern | None:
        """The pattern of the week that is looked at, if it is one."""
        return next((p for p in self.opened.patterns.patterns if of_pattern(p) == replace(self.state, by="")), None)

    @property
    def weeks(self) -> tuple[str, ...]:
        """The weeks that a period can begin and end with."""
        known = self.cube.series[0] if self.state.timed else self.cube.of(self.state.metric)
        return tuple(week.isoformat() for week in known.weeks)

    @property
    def splits(self) -> tuple[str, ...]:
        """The dimensions that the view could be split by."""
        return tuple(dim for dim in self.dims if dim not in self.state.where.dims)


def begin(opened: Opened, what: str = "") -> Screen:
    """Open the screen on a pattern or a change by its id, on a metric, or on the first pattern of the week.

    Raises ValueError that names what there is when `what` is none of them.
    """
    found = {pattern.id: pattern for pattern in opened.patterns.patterns}
    if what in found or (not what and found):
        return showing(opened, opened.cube, of_pattern(found[what] if what else next(iter(found.values()))))
    if change := next((one for one in opened.changes if one.id == what), None):
        return showing(opened, opened.cube, of_change(change, opened.week))
    known = {series.metric.id for series in opened.cube.series}
    if any(what == one.id for one in metrics.TIMES):
        return showing(
            opened, opened.cube, replace(latest(opened.cube, opened.cube.series[0].metric.id), metric=what)
        )
    if what and what not in known | {metric.id for metric in metrics.METRICS}:
        raise ValueError(f"{what!r} is neither a pattern of {iso(opened.week)} ({', '.join(found) or 'none'}),"
                         f" nor a change, nor a metric ({', '.join(sorted(known))})")  # fmt: skip
    metric = metrics.by_id(what) if what else opened.cube.series[0].metric
    cube = holding(opened, opened.cube, metric)
    return showing(opened, cube, latest(cube, metric.id))


def showing(opened: Opened, cube: Cube, state: State, dims: tuple[str, ...] = ()) -> Screen:
    """Measure a view and say what can be chosen beside it, by the dimensions of its metric if they are known."""
    if state.timed:
        return Screen(opened, cube, lasting.measure(opened, state), dims or dims_of(opened, state))
    whole = holding(opened, cube, state.declared)
    return Screen(opened, whole, measure(opened, whole, state), dims or dims_of(opened, state))


def press(screen: Screen, pressed: Pressed) -> Screen:
    """Do what a reader asked for; what cannot be done is said, and the view stays as it is."""
    calm = replace(screen, said="", fault="")
    try:
        return ACTIONS[pressed.get("do", "")](calm, pressed)
    except KeyError as error:
        return replace(calm, fault=f"{error}: there is nothing of that name to press or choose")
    except (ValueError, OSError) as error:
        return replace(calm, fault=str(error))


def call_of(opened: Opened) -> str:
    """Write the call that opens this week again."""
    where = opened.folder
    own = source.read(where).folder
    folder = where.relative_to(project.root()).as_posix() if where.is_relative_to(project.root()) else str(where)
    given = [quoted(folder), quoted(iso(opened.week))]
    if opened.source.folder.resolve() != own.resolve():
        given.append(f"data={quoted(str(opened.source.folder))}")
    return f"open_week({', '.join(given)})"


def _turn(screen: Screen, state: State, said: str = "") -> Screen:
    if state == screen.state:
        return screen
    same = state.table == screen.state.table
    return replace(showing(screen.opened, screen.cube, state, screen.dims if same else ()), said=said)


def _metric(screen: Screen, pressed: Pressed) -> Screen:
    asked = replace(screen.state, metric=pressed["value"])
    metric = asked.timed or asked.declared
    known = asked.sliceable(dims_of(screen.opened, asked))
    lost = [dim for dim in screen.state.where.dims if dim not in known.where.dims]
    said = f"Left out: {', '.join(lost)}, by which {metric.label} cannot be sliced." if lost else ""
    if asked.timed:
        return _turn(screen, known, said)
    cube = holding(screen.opened, screen.cube, asked.declared)
    weeks = cube.of(metric.id).weeks
    fits = replace(known, start=max(known.start, weeks[0]), end=min(known.end, weeks[-1]))
    return _turn(replace(screen, cube=cube), fits, said)


def _pattern(screen: Screen, pressed: Pressed) -> Screen:
    return begin(screen.opened, pressed["value"]) if pressed["value"] else screen


def _split(screen: Screen, pressed: Pressed) -> Screen:
    return _turn(screen, replace(screen.state, by=pressed["value"]))


def _narrow(screen: Screen, pressed: Pressed) -> Screen:
    return _turn(screen, screen.state.narrowed(pressed["dim"], pressed["value"]))


def _widen(screen: Screen, pressed: Pressed) -> Screen:
    return _turn(screen, screen.state.widened(pressed["dim"]))


def _everything(screen: Screen, _: Pressed) -> Screen:
    return _turn(screen, replace(screen.state, where=Slice()))


def _period(screen: Screen, pressed: Pressed) -> Screen:
    one, other = (date.fromisoformat(pressed[name]) for name in ("start", "end"))
    return _turn(screen, screen.state.brushed(one, other))


def _panel(screen: Screen, pressed: Pressed) -> Screen:
    name = pressed["value"]
    if name == screen.panel or name not in ("code", "filter", "log", "why"):
        return replace(screen, panel="")
    asked = _with_cause(screen) if name in ("why", "log") else screen
    return replace(asked, panel=name, form=_form(asked) if name == "log" else asked.form)


def _with_cause(screen: Screen) -> Screen:
    if screen.cause:
        return screen
    pattern = screen.pattern
    if pattern:
        found = next(cause for cause in screen.opened.causes if cause.pattern == pattern.id)
    else:
        found = candidates(screen.opened, screen.cube, screen.state)
    return replace(screen, cause=found)


def _form(screen: Screen) -> Form:
    if pattern := screen.pattern:
        return forms.drafted(pattern, screen.cause)
    seen = f"{screen.view.metric.label}, {screen.state.where.spoken}: {screen.view.sentence}"
    made = forms.drafted(replace(as_pattern(screen.state), sentence=seen), screen.cause)
    return replace(made, cells={**made.cells, "pattern": seen})


def _save(screen: Screen, pressed: Pressed) -> Screen:
    folder = project.root() / "params" / "segments"
    path = save_filter(screen.state, pressed["name"].strip(), pressed["title"], folder)
    screen.opened.forget_filters()
    said = (
        f"Saved as params/segments/{path.name}: {segments.PREFIX}{path.stem} = yes now stands wherever a slice does."
    )
    kept = replace(showing(screen.opened, screen.cube, screen.state), cause=screen.cause)
    return replace(kept, said=said)


def _propose(screen: Screen, pressed: Pressed) -> Screen:
    return replace(screen, form=forms.proposed(screen.opened, screen.form or forms.blank(), pressed))


def _submit(screen: Screen, pressed: Pressed) -> Screen:
    force = pressed.get("force", "") == "on"
    done = forms.submitted(screen.opened, screen.form or forms.blank(), pressed, force=force)
    if done.is_done:
        return replace(screen, panel="", form=None, said=" ".join(done.said))
    return replace(screen, form=done)


ACTIONS: dict[str, Callable[[Screen, Pressed], Screen]] = {
    "metric": _metric,
    "pattern": _pattern,
    "split": _split,
    "narrow": _narrow,
    "widen": _widen,
    "everything": _everything,
    "period": _period,
    "panel": _panel,
    "save": _save,
    "propose": _propose,
    "submit": _submit,
}
"""What a reader can press or choose, by name."""
