"""One pattern -> a candidate cause: where in the process, since when, with evidence both ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

import duckdb
import numpy as np

from closeloop import alerts, clues, comparisons, metrics, narrowing, origins, proposals, triggers
from closeloop.coincidences import Window, coincidences
from closeloop.cube import Cube
from closeloop.mixes import Mix, mix_or_rate
from closeloop.model import ORIGINS, Cause, Evidence, Metric, Origin, Pattern, Stage
from closeloop.slices import filter_sql
from closeloop.stages import BEFORE_WEEKS, MILESTONES, final_span, milestone_split
from closeloop.stats.change_point import EDGE, change_point
from closeloop.uneven import uneven
from closeloop.words import day, share

WATCHED: dict[str, triggers.Waiting] = {
    "label": "label",
    "first scan": "first scan",
    "destination": "destination",
    "first attempt": "destination",
}
"""What an alert waits for when the step that ends so grew."""

WORTH_CATCHING = 0.2
"""The share of missed promises that an alert must surely catch to be told."""


class _Looked(NamedTuple):
    """What was looked up for the part of a pattern's slice that rose."""

    focus: Pattern
    stages: tuple[Stage, ...]
    spreads: tuple[comparisons.Spread, ...]
    promise: clues.Promise | None
    named: clues.Named | None
    mix: Mix
    part: narrowing.Narrowed

    @property
    def known(self) -> origins.Clues:
        """What of it bears on the origin."""
        to_blame = bool(self.promise and self.promise.to_blame)
        return origins.Clues(self.spreads, to_blame, self.named, self.mix.part, self.part)


def review(con: duckdb.DuckDBPyConnection, cube: Cube, pattern: Pattern, today: triggers.Rule | None = None) -> Cause:
    """Work through the evidence for one pattern and name the candidate that it favours.

    Where the finest cells show that a part of the slice alone rose, all that follows is asked of that part. `today`
    is the alert that the shop runs, which a better one is held against.
    """
    metric = metrics.by_id(pattern.metric)
    seen = _look(con, metric, pattern)
    steps = origins.grown(metric, seen.stages)
    weights = origins.weigh(metric, pattern, steps, seen.known)
    origin = origins.decided(weights)
    stage = "price" if metric.kind == "index" else max(steps, key=lambda name: steps[name], default="")
    began, watch = onset(con, metric, seen.focus, stage), alerts_of(con, seen.focus, stage, today)
    alert = watch.best if watch and watch.best and watch.best.caught_share.low >= WORTH_CATCHING else None
    worse = next((s.worse[0] for s in seen.spreads if s.dim == "carrier" and seen.known.only_one("carrier")), "")
    why = proposals.Why(origin, stage, seen.promise, seen.named, alert, worse)
    remedy = proposals.propose(con, seen.focus, why)
    told = (*_evidence(con, metric, pattern, seen), _load(cube, pattern, origin), _nobody_named(stage, seen))
    return Cause(
        pattern=pattern.id, origin=origin, weight=round(weights[origin], 2), stage=stage, onset=began.day,
        recent=pattern.weeks <= 8, sentence=_sentence(seen, weights, stage, began),
        evidence=tuple(e for e in told if e), stages=seen.stages,
        proposal=proposals.sentence(remedy) if remedy else proposals.undecided(seen.focus),
        onset_low=began.low, onset_high=began.high, coincidences=coincidences(con, seen.focus, began),
        earlier=watch.sentence if watch and alert else "", alert=alerts.written(alert.rule) if alert else "",
        origins=tuple(sorted(weights.items(), key=lambda told: (-told[1], told[0]))), remedy=remedy,
    )  # fmt: skip


def _look(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> _Looked:
    part = narrowing.narrow(con, metric, pattern)
    focus = replace(pattern, slice=part.part)
    return _Looked(
        focus, milestone_split(con, focus), tuple(comparisons.spreads(con, metric, focus)),
        clues.promise(con, metric, focus),
        clues.named_by_rows(con, metric, focus) or clues.pickup(con, metric, focus), mix_or_rate(con, metric, focus),
        part,
    )  # fmt: skip


def _evidence(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, seen: _Looked
) -> tuple[Evidence | None, ...]:
    return (
        *comparisons.siblings(con, metric, pattern),
        *seen.part.evidence,
        *(comparisons.told(spread) for spread in seen.spreads),
        *uneven(con, metric, seen.focus),
        origins.elsewhere(metric, seen.stages),
        seen.promise and seen.promise.evidence,
        seen.named and seen.named.evidence,
        seen.mix.evidence,
    )


def _nobody_named(stage: str, seen: _Looked) -> Evidence | None:
    """Say when a rise under way cannot be laid at one carrier's door, because the data names none."""
    if not stage.endswith(("to destination", "to first attempt")) or seen.known.asked("carrier") > 1:
        return None
    if set(seen.focus.slice.dims) & {"carrier", "service"}:
        return None
    return Evidence("No two carriers can be compared here: a carrier and a cause outside look alike.", False)


def onset(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, stage: str) -> Window:
    """Date a step to the day, by the day on which each row entered the stage that grew; a drift to its weeks."""
    if pattern.began:
        return Window(pattern.began[0], pattern.onset, pattern.began[1] + timedelta(days=6))
    clock = _clock(metric, stage)
    condition, values = filter_sql(pattern.slice)
    span = final_span(pattern)
    rows = con.execute(
        f"""
        SELECT {clock}::DATE - $start::DATE AS at, coalesce(sum(({metric.bad})::DOUBLE), 0) AS bad,
               coalesce(sum(({metric.total})::DOUBLE), 0) AS total
        FROM {metric.view} WHERE ({metric.rows}) AND ({condition}) AND {metric.at} < $end::DATE + 1
          AND {clock}::DATE BETWEEN $start AND $end GROUP BY 1 ORDER BY 1
        """,
        {**values, "start": span["start"], "end": span["end"]},
    ).fetchall()
    at = np.array([row[0] for row in rows], dtype=np.int_)
    if not len(at) or at[-1] - at[0] < 4 * EDGE:
        return Window(pattern.onset, pattern.onset, pattern.onset + timedelta(days=6))
    bad, total = (np.bincount(at - at[0], [float(row[i]) for row in rows]) for i in (1, 2))
    step = change_point(bad, total, binomial=metric.kind == "share", season=7)
    low, first, high = (span["start"] + timedelta(days=int(at[0]) + i) for i in (step.low, step.first, step.high))
    return Window(low, first, high)


def _clock(metric: Metric, stage: str) -> str:
    """Return the column with the moment at which a row enters a stage; else the metric's own."""
    begins = {name: column for column, name in MILESTONES}.get(stage.split(" to ", maxsplit=1)[0])
    return begins if begins and metric.view != "line_facts" else metric.at


def _load(cube: Cube, pattern: Pattern, origin: Origin) -> Evidence | None:
    """Say whether the slice's part of the whole changed with the onset: a mix or load change beside it."""
    series = cube.of(pattern.metric)
    if not pattern.slice.where or pattern.metric in ("cost_index", "return_rate"):
        return None
    part, whole = series.total[series.row(pattern.slice)], series.total[0]
    onset = next((i for i, week in enumerate(series.weeks) if week >= pattern.onset), len(series.weeks))
    span = slice(max(0, onset - BEFORE_WEEKS - 4), max(1, onset - 4))
    before = part[span].sum() / max(whole[span].sum(), 1e-9)
    since = part[onset:].sum() / max(whole[onset:].sum(), 1e-9)
    load_matters = origin in ("workflow", "warehouse")
    if before <= 0 or not 0.67 <= since / before <= 1.5:
        moved = f"Its share of volume went from {share(before)} to {share(since)} around that time:"
        return Evidence(f"{moved} a change of mix or load coincides.", load_matters)
    steady = f"Its share of volume stayed at about {share(since)}, so load does not explain it."
    return Evidence(steady, not load_matters)


def alerts_of(
    con: duckdb.DuckDBPyConnection, pattern: Pattern, stage: str, today: triggers.Rule | None = None
) -> alerts.Alerts | None:
    """Replay alerts on a step's wait since the onset, today's rule beside them; None where no promise was due."""
    waits_for = WATCHED.get(stage.rpartition(" to ")[2])
    if not waits_for:
        return None
    try:
        return alerts.compare(con, waits_for, pattern.slice, (pattern.onset, pattern.week + timedelta(days=6)), today)
    except ValueError:  # no promise fell due in that time
        return None


def _sentence(seen: _Looked, weights: origins.Weights, stage: str, began: Window) -> str:
    step = next((s for s in seen.stages if s.name == stage), None)
    where = f"{_who(weights)} for {seen.focus.slice.spoken}, {_since(began, seen.focus)}"
    if seen.promise and seen.promise.to_blame:
        return f"{where}: {seen.promise.shorter}."
    if step is None or step.excess <= 0:
        return f"{where}."
    hours = f"{where}: {stage} takes {step.since:.0f} hours instead of {step.before:.0f}"
    if not seen.focus.slice.where:
        return f"{hours}."
    return f"{hours}, while elsewhere it takes {step.elsewhere_since:.0f} ({step.elsewhere_before:.0f} before)."


def _since(began: Window, pattern: Pattern) -> str:
    """Say the first day, and why the pattern's week is a later one where it is: a week counts what fell due in it."""
    due = f"; first counted in the week of {day(pattern.onset)}, when their answers fell due"
    counted_later = metrics.by_id(pattern.metric).estimator == "due cohort"
    later = due if counted_later and began.high < pattern.onset else ""
    if began.low == began.high:
        return f"since {day(began.day)}{later}"
    return f"since about {day(began.day)} ({day(began.low)} to {day(began.high)}{later})"


def _who(weights: origins.Weights) -> str:
    """Name the origin, or the two of which it is one, as far as the evidence goes."""
    origin = origins.decided(weights)
    if origin != "undecided":
        return f"The candidate is {ORIGINS[origin]}"
    names: list[Origin] = [name for name in ORIGINS if name in weights]
    known = sorted(names, key=lambda name: (-weights[name], name))[:2]
    if sum(weights[name] for name in known) < origins.DECIDED:
        return "No origin stands out"
    return f"It is {' or '.join(ORIGINS[name] for name in known)}, which cannot be told apart,"
