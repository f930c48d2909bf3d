"""Somebody who takes the report at its word: its top pattern, the change it proposes, the verdict it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.loop import world
from benchmarks.loop.world import World
from benchmarks.loop.year import Mending, Trouble, Year
from closeloop import causes, changes
from closeloop.cube import Cube
from closeloop.model import Cause, Change, Pattern, Verdict
from closeloop.problems import one_delay
from closeloop.slices import Slice

SETTLING = {"slow_transit": 7, "on_time_delivery": 7}
"""Days left out after shipping: parcels that fall due in them left before the change. Two for all other metrics."""

TOP = 3
"""Patterns of a report that the operator has time to look into."""

LOOKS = 2
"""How often a pattern of which no origin stood out is looked at again."""

PATIENCE = timedelta(weeks=4)
"""How long after its review date a change that is still too early to judge stays open."""


class Way(NamedTuple):
    """How patterns are found, when a change is reviewed, and how it is judged.

    `lasts` is how long a pattern must have lasted before something is changed, and with `any_week` a change is closed
    in the first week in which the report calls it improved or worsened, be it before the review date.
    """

    name: str
    look: Callable[[World, Cube, Sequence[Change]], list[Pattern]]
    review: Callable[[World, Cube, Change], date]
    judge: Callable[[World, Cube, Change, Sequence[Change]], Verdict]
    lasts: timedelta = timedelta(0)
    any_week: bool = False


@dataclass
class Diary:
    """What happened in one merchant's year: read by `score.py`."""

    found: dict[int, date] = field(default_factory=dict[int, date])
    named: dict[int, tuple[bool, bool]] = field(default_factory=dict[int, tuple[bool, bool]])
    shown: dict[str, bool] = field(default_factory=dict[str, bool])
    right: dict[str, int] = field(default_factory=dict[str, int])
    mendings: dict[str, Mending] = field(default_factory=dict[str, Mending])
    withheld: int = 0


def live(merchant: Year, base: World, way: Way, log: Path) -> tuple[World, Diary]:
    """Live through the year week by week; return the world as it became, and what happened."""
    here, diary, looked = base, Diary(), dict[str, list[Cause]]()
    for monday in merchant.mondays:
        seen = here.cube(monday)
        patterns = way.look(here, seen, changes.read(log))
        before = dict(diary.mendings)
        _note(merchant, patterns, diary, seen.week)
        _review(here, seen, way, log, (patterns, diary))
        _act(merchant, here, seen, way, (log, patterns, looked, diary))
        if diary.mendings != before:
            here = world.of(merchant.scenario(tuple(diary.mendings.values())))
    return here, diary


def about(pattern: Pattern, trouble: Trouble) -> bool:
    """Whether a metric can show a problem, a slice could hold it, and the pattern began with it."""
    overlaps = pattern.slice.overlaps(Slice.of(trouble.slice.items()))
    since = trouble.start - timedelta(weeks=3)
    return pattern.metric in trouble.metrics and overlaps and since <= pattern.onset


def extra(scope: Slice, trouble: Trouble) -> tuple[tuple[str, str], ...] | None:
    """Return the condition that a slice has beyond the planted one, or None where it is not that slice."""
    spoken: list[tuple[str, str]] = []
    for dim, value in scope.where:
        lane = zip(("warehouse", "region"), value.split(" to "), strict=False)
        spoken += lane if dim == "lane" else [(dim, value)]
    rest = tuple(pair for pair in spoken if pair not in trouble.slice.items())
    implied = {("carrier", value.split(" ", maxsplit=1)[0]) for dim, value in rest if dim == "service"}
    whole = trouble.slice.items() <= {*spoken, *implied}
    return rest if whole and len(rest) <= 1 and all(dim in trouble.dims for dim, _ in rest) else None


def _note(merchant: Year, patterns: Sequence[Pattern], diary: Diary, week: date) -> None:
    for pattern in patterns:
        mine = [i for i, trouble in enumerate(merchant.problems) if about(pattern, trouble)]
        diary.shown[pattern.id] = diary.shown.get(pattern.id, False) or bool(mine)
        for i in mine:
            diary.found.setdefault(i, week)


def _review(here: World, seen: Cube, way: Way, log: Path, state: tuple[Sequence[Pattern], Diary]) -> None:
    """Close each change that the report has decided; what does not stay is taken back."""
    patterns, diary = state
    today = seen.week + timedelta(days=7)
    made = changes.read(log)
    for change in made:
        due = change.review_date <= today
        if change.decided_on or change.shipped_on >= seen.week or not (due or way.any_week):
            continue
        verdict = way.judge(here, seen, change, made)
        late = today >= change.review_date + PATIENCE
        if verdict.decision == "too early" and not late:
            continue
        if not due and verdict.decision not in ("improved", "worsened"):
            continue
        outcome = changes.outcome_of(verdict) if verdict.decision != "too early" else {"verdict": "not comparable"}
        signed = changes.Signed("operator", today)
        changes.close(log, change.id, {**outcome, "decided_on": today.isoformat()}, signed)
        if not _stays(verdict, patterns) and change.id in diary.mendings:
            ended = replace(diary.mendings[change.id], end=today + timedelta(days=1))
            diary.mendings[change.id] = ended


def _stays(verdict: Verdict, patterns: Sequence[Pattern]) -> bool:
    """What improved stays; where the verdict leaves it to judgement, what is no longer in the report stays too."""
    if verdict.decision not in ("not comparable", "too early"):
        return verdict.decision == "improved"
    return not any(_related(pattern, verdict.change) for pattern in patterns)


def _act(merchant: Year, here: World, seen: Cube, way: Way, state: Any) -> None:
    """Make the first change of the report that can be made: one a week."""
    log, patterns, looked, diary = state
    known = changes.read(log)
    ripe = [pattern for pattern in patterns if pattern.onset + way.lasts <= seen.week + timedelta(days=8)]
    free = [pattern for pattern in ripe if not any(_taken(pattern, change) for change in known)]
    for pattern in free[:TOP]:
        cause = _cause(here, seen, pattern, looked)
        _judge_cause(merchant, pattern, cause, diary)
        if cause is None or cause.remedy is None or cause.origin == "undecided":
            diary.withheld += 1
            continue
        change = _log(here, seen, way, log, (pattern, cause))
        if change:
            _ship(merchant, change, pattern, cause, diary)
            return


def _taken(pattern: Pattern, change: Change) -> bool:
    """Whether a change of the log is about this pattern: still under review, or it has not helped."""
    if change.decided_on is None:
        same = pattern.metric == change.metric and pattern.slice.overlaps(change.scope)
        return same or _related(pattern, change)
    return change.verdict != "improved" and (pattern.metric, pattern.slice) == (change.metric, change.scope)


def _related(pattern: Pattern, change: Change) -> bool:
    """Whether a pattern can be another view of what a change is about."""
    return pattern.slice.nests(change.scope) and one_delay(pattern.metric, change.metric)


def _cause(here: World, seen: Cube, pattern: Pattern, looked: dict[str, list[Cause]]) -> Cause | None:
    """Review a pattern, again where no origin stood out, a few times in all."""
    told = looked.setdefault(pattern.id, [])
    undecided = all(cause.origin == "undecided" for cause in told)
    if undecided and len(told) < LOOKS:
        told.append(causes.review(here.con, seen, pattern))
    return told[-1]


def _judge_cause(merchant: Year, pattern: Pattern, cause: Cause | None, diary: Diary) -> None:
    for i, trouble in enumerate(merchant.problems):
        if cause and about(pattern, trouble) and i not in diary.named:
            diary.named[i] = (extra(pattern.slice, trouble) is not None, cause.origin == trouble.origin)


def _log(here: World, seen: Cube, way: Way, log: Path, what: tuple[Pattern, Cause]) -> Change | None:
    """Write a change into the log with its review date; None where the log refuses it."""
    today = seen.week + timedelta(days=7)
    cells = {
        "review_date": (today + timedelta(weeks=6)).isoformat(),
        "shipped_on": (today + timedelta(days=1)).isoformat(),
        "written_on": today.isoformat(),
        "owner": "operator",
        **changes.from_pattern(*what),
    }
    cells["settling_days"] = str(SETTLING.get(cells["metric"], 2))
    try:
        when = way.review(here, seen, changes.draft({"id": "C0", **cells}, beside=changes.read(log)))
        return changes.add(log, {**cells, "review_date": when.isoformat()})
    except ValueError:
        return None


def _ship(merchant: Year, change: Change, pattern: Pattern, cause: Cause, diary: Diary) -> None:
    """The right origin in the right slice: the change has its effect from the day it ships; any other has none."""
    running = {m.trouble for m in diary.mendings.values() if m.end is None or m.end > change.shipped_on}
    for i, trouble in enumerate(merchant.problems):
        part = extra(change.scope, trouble)
        if part is not None and about(pattern, trouble) and cause.origin == trouble.origin and i not in running:
            diary.right[change.id] = i
            diary.mendings[change.id] = Mending(i, part, change.shipped_on)
            return
