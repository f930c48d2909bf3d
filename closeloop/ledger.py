"""Verdicts + facts -> the ledger: what all changes together spare, each case counted once.

All reviewed changes are added, also those without a clear effect: the winners alone are the lucky ones and exaggerate
(Gelman and Carlin 2014, Perspectives on Psychological Science 9:641). What each spares a week is drawn from its
interval.

Effects multiply: where the scopes of several changes overlap, y cases seen stand for y * exp(-sum of the log ratios)
without them, so that nothing is spared twice; over the days those are spread by volume, not by what was seen. The
intervals come from 4,000 draws with a fixed seed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from closeloop.changes.marks import overlapping
from closeloop.cube import Cube
from closeloop.model import Change, Estimate, Ledger, Metric, Point, Saving, Verdict
from closeloop.observed import final_until, metric_of, too_young
from closeloop.words import avoided, label, number, plural

Array = npt.NDArray[np.float64]

DRAWS = 4000
SEED = 50
PACE = 50
"""Gaps to close in a year."""

RECENT = 28
"""Days that tell what is spared a week now."""

GRACE = timedelta(days=7)
"""How long after its date a review may be closed before the loop counts as open."""

REVIEWED = ("improved", "worsened", "no clear change")
ENDS = ("worsened", "no clear change", "not comparable")
"""Verdicts with which a change is closed that does not stay."""


_Acting = tuple[tuple[bool, ...], tuple[tuple[str, bool], ...]]
"""The scopes that rows lie in, and the changes that act on them, each with whether its effect has turned."""


class Effect(NamedTuple):
    """Log ratios of one change: one draw each, before and since it faded, and the days between which it acts."""

    change: Change
    first: Array
    later: Array
    start: date
    turn: date
    end: date


def build(
    con: duckdb.DuckDBPyConnection, cube: Cube, changes: Sequence[Change], verdicts: Sequence[Verdict]
) -> Ledger:
    """Add up what the reviewed changes of a log spare; those too early to judge or not comparable add nothing.

    Nor does one without a clear effect whose pattern was young: what would have come without it is not known. What
    surely spares something comes before what cannot be told from nothing.

    A change that was closed as anything but improved counts until that day, as it does not stay.
    """
    today = cube.week + timedelta(days=6)
    reviewed = [v for v in verdicts if v.decision in REVIEWED and v.effect is not None]
    counted = [v for v in reviewed if not _unknown(v)]
    counted.sort(key=lambda v: (v.change.metric, v.change.shipped_on, v.change.id))
    groups = groupby(counted, key=lambda v: v.change.metric)
    summed = [_saving(con, cube, tuple(group), today) for _, group in groups]
    savings = tuple(sorted(summed, key=lambda saving: saving.weekly.low <= 0))
    first = min((c.written_on for c in changes), default=today)
    weeks = min(52, max(1, (today - first).days // 7 + 1))
    closed = [v for v in verdicts if _improved(v) and v.change.shipped_on > today - timedelta(weeks=52)]
    due = tuple(c.id for c in changes if c.review_date <= today and not c.decided_on)
    ledger = Ledger(today, savings, len(closed), PACE * weeks / 52, weeks, weeks_in_a_row(changes, today), due, ())
    return replace(ledger, sentences=sentences(ledger, [v.change.id for v in reviewed if _unknown(v)]))


def _unknown(verdict: Verdict) -> bool:
    """Whether nothing clear was found, against weeks most of which came before the pattern.

    Had the pattern lasted, such a change spared what came back to normal; had it ended by itself, nothing.
    """
    return verdict.decision == "no clear change" and too_young(verdict.change)


def _improved(verdict: Verdict) -> bool:
    return (verdict.change.verdict or verdict.decision) == "improved"


def weeks_in_a_row(changes: Sequence[Change], today: date) -> int:
    """Count back the weeks in which some change was at work and no review lay open longer than a week."""
    count, end = 0, today
    first = min((c.written_on for c in changes), default=today + timedelta(days=1))
    while end >= first and not any(_left_lying(c, end) for c in changes) and any(_at_work(c, end) for c in changes):
        count, end = count + 1, end - timedelta(days=7)
    return count


def _left_lying(change: Change, end: date) -> bool:
    known = change.written_on <= end
    return known and change.review_date + GRACE <= end and (change.decided_on is None or change.decided_on > end)


def _at_work(change: Change, end: date) -> bool:
    """Whether a change was planned, under review or closed in the week that ends on a day."""
    return change.written_on <= end and (change.decided_on or date.max) > end - timedelta(days=7)


def _saving(con: duckdb.DuckDBPyConnection, cube: Cube, verdicts: tuple[Verdict, ...], today: date) -> Saving:
    metric = metric_of(con, verdicts[0].change)
    until = min(final_until(cube, metric), today + timedelta(days=1))
    seen = _seen(con, metric, [v.change for v in verdicts], until)
    rng = np.random.default_rng(SEED)
    effects = tuple(_effect(rng, v, until, _weekly(seen, f"c{i}", v.change, until)) for i, v in enumerate(verdicts))
    alone = {e.change.id: _twins(e, effects) for e in effects}
    day_by_day = _spared(seen, effects, alone)
    recent = [v for day, v in day_by_day.items() if day >= until - timedelta(days=RECENT)]
    span = max(1, min(RECENT, (until - min(e.start for e in effects)).days))
    return Saving(
        metric.id, metric.unit, tuple(e.change.id for e in effects),
        _estimate(sum(recent, np.zeros(DRAWS)) * 7 / span), _estimate(sum(day_by_day.values(), np.zeros(DRAWS))),
        tuple(v.change.id for v in verdicts if v.faded), tuple(name for name, twins in alone.items() if twins),
        _history(day_by_day),
    )  # fmt: skip


def _weekly(seen: pd.DataFrame, flag: str, change: Change, until: date) -> float:
    """Cases seen a week in the scope of a change since it settled."""
    start = change.settled
    since = seen[seen[flag] & (seen["day"] >= pd.Timestamp(start))]
    return float(since["x"].sum()) * 7 / max(1, (until - start).days)


def _effect(rng: np.random.Generator, verdict: Verdict, until: date, weekly: float) -> Effect:
    change, faded = verdict.change, verdict.faded
    first = _ratios(rng, verdict, weekly)
    later = _logs(rng, faded.effect) if faded else first
    leaves = change.decided_on if change.decided_on and change.verdict in ENDS else until
    return Effect(change, first, later, change.settled, faded.since if faded else date.max, min(leaves, until))


def _ratios(rng: np.random.Generator, verdict: Verdict, weekly: float) -> Array:
    """Draw log ratios from what a change spares a week, or from its effect where only that is remembered."""
    if verdict.avoided is None:
        assert verdict.effect is not None
        return _logs(rng, verdict.effect)
    return -np.log1p(np.maximum(_draws(rng, verdict.avoided) / max(weekly, 1e-9), -0.999))


def _logs(rng: np.random.Generator, effect: Estimate) -> Array:
    return np.log1p(np.maximum(_draws(rng, effect), -0.999))


def _draws(rng: np.random.Generator, estimate: Estimate) -> Array:
    """Draw from an estimate whose interval may reach farther to one side than to the other."""
    normal = rng.normal(size=DRAWS) / 1.96
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    return estimate.value + np.where(normal < 0, below, above) * normal


def _twins(effect: Effect, effects: Sequence[Effect]) -> frozenset[str]:
    """Changes under review at the same time in the same scope that were told more sharply: they count instead."""
    near = {c.id for c in overlapping(effect.change, [e.change for e in effects])}
    rank = {e.change.id: (float(e.first.std()), i) for i, e in enumerate(effects)}
    return frozenset(name for name in near if rank[name] < rank[effect.change.id])


def _seen(con: duckdb.DuckDBPyConnection, metric: Metric, made: Sequence[Change], until: date) -> pd.DataFrame:
    """Cases by day and by the scopes that they are in: columns day, x, n and one flag for each change.

    n is what the metric is a share of, as a rule the rows.
    Half a case is spread over all rows, so that a change which left none is still one that spared some.
    """
    values: dict[str, Any] = {"start": min(change.settled for change in made), "until": until}
    flags: list[str] = []
    for i, change in enumerate(made):
        parts = [f"{dim} = $v{i}_{j}" for j, (dim, _) in enumerate(change.scope.where)]
        values |= {f"v{i}_{j}": value for j, (_, value) in enumerate(change.scope.where)}
        flags.append(f"coalesce({' AND '.join(parts) or 'true'}, false) AS c{i}")
    found = con.execute(
        f"""
        SELECT {metric.at}::DATE AS day, sum(({metric.bad})::DOUBLE) AS x,
               sum(({metric.total})::DOUBLE) AS n,
               {", ".join(flags)}
        FROM {metric.view} WHERE ({metric.rows}) AND {metric.at}::DATE >= $start AND {metric.at}::DATE < $until
        GROUP BY ALL ORDER BY ALL
        """,
        values,
    ).df()
    return found.assign(x=found["x"] + 0.5 / max(1, len(found)))


def _spared(seen: pd.DataFrame, effects: Sequence[Effect], alone: dict[str, frozenset[str]]) -> dict[date, Array]:
    """Cases spared on each day, a draw each: those to be expected less those seen.

    As long as the same changes act on the same rows, the cases seen stand for as many times more as the effects say,
    and those come in proportion to the rows. A change that takes hold slowly then spares more and more.
    """
    spells = defaultdict[_Acting, list[tuple[date, float, float]]](list)
    for day, x, n, *inside in seen.itertuples(index=False):
        when = pd.Timestamp(day).date()
        if acting := _acting(when, inside, effects, alone):
            spells[acting].append((when, x, n))
    found = defaultdict[date, Array](lambda: np.zeros(DRAWS))
    by_id = {effect.change.id: effect for effect in effects}
    for (_, logs), days in spells.items():
        log = sum(by_id[name].later if turned else by_id[name].first for name, turned in logs)
        cases, rows = sum(x for _, x, _ in days), sum(n for _, _, n in days)
        for when, x, n in days:
            found[when] = found[when] + cases * np.exp(-log) * (n / rows if rows else 1 / len(days)) - x
    return found


def _acting(
    when: date, inside: Sequence[bool], effects: Sequence[Effect], alone: dict[str, frozenset[str]]
) -> _Acting | None:
    """Which effects act on a day's rows, each with whether it has turned; None where none does."""
    acting = [e for e, flag in zip(effects, inside, strict=True) if flag and e.start <= when < e.end]
    names = {e.change.id for e in acting}
    counted = tuple((e.change.id, when >= e.turn) for e in acting if not alone[e.change.id] & names)
    return (tuple(inside), counted) if counted else None


def _estimate(draws: Array) -> Estimate:
    low, value, high = np.quantile(draws, [0.025, 0.5, 0.975]).tolist()
    return Estimate(value, low, high)


def _history(day_by_day: dict[date, Array]) -> tuple[Point, ...]:
    """What had been saved by the end of each week."""
    total, points = np.zeros(DRAWS), list[Point]()
    for week, days in groupby(sorted(day_by_day), key=_monday):
        total = total + sum((day_by_day[day] for day in days), np.zeros(DRAWS))
        points.append(Point(week, *vars(_estimate(total)).values(), total=0.0))
    return tuple(points)


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def sentences(ledger: Ledger, unknown: Sequence[str] = ()) -> tuple[str, ...]:
    """Say the ledger in words: what is spared, what faded, what is not known, the pace, and what waits."""
    said = [f"{label(s.metric)}: {_words(s)}" for s in ledger.savings] or [
        "No reviewed change adds to the ledger yet."
    ]
    if unknown:
        said.append(
            f"Not counted, as the pattern was younger than three weeks and may have ended by itself:"
            f" {', '.join(unknown)}."
        )
    said.append(
        f"{plural(ledger.gaps_closed, 'gap')} closed in {plural(ledger.weeks, 'week')}; 50 a year would be"
        f" {number(ledger.pace, 1)} by now."
    )
    if ledger.weeks_in_a_row:
        said.append(f"The loop has been closed for {plural(ledger.weeks_in_a_row, 'week')} in a row.")
    if ledger.due:
        said.append(f"Due for a decision: {', '.join(ledger.due)}.")
    return tuple(said)


def _words(saving: Saving) -> str:
    faded = f" {', '.join(saving.faded)} faded: what is gone is taken off." if saving.faded else ""
    shared = f" {', '.join(saving.shared)} overlap with another change and are counted once." if saving.shared else ""
    return (
        f"{avoided(saving.weekly, saving.unit)} spared a week now, and {avoided(saving.so_far, saving.unit)} so far"
        f" ({plural(len(saving.changes), 'change')}).{faded}{shared}"
    )
