"""One pattern -> a candidate cause: where in the process, since when, with evidence both ways."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import numpy as np

from closeloop import clues, comparisons, metrics, origins, proposals, triggers
from closeloop.coincidences import Window, coincidences
from closeloop.cube import Cube
from closeloop.mixes import mix_or_rate
from closeloop.model import Cause, Evidence, Metric, Origin, Pattern, Stage
from closeloop.stages import BEFORE_WEEKS, MILESTONES, filter_sql, milestone_split, span_of
from closeloop.stats.change_point import EDGE, change_point
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


def review(con: duckdb.DuckDBPyConnection, cube: Cube, pattern: Pattern) -> Cause:
    """Work through the evidence for one pattern and name the candidate that it favours."""
    metric = metrics.by_id(pattern.metric)
    stages = milestone_split(con, pattern)
    spreads = comparisons.spreads(con, metric, pattern)
    promise = clues.promise(con, pattern) if metric.id == "on_time_delivery" else None
    named, mix = clues.named_by_rows(con, metric, pattern), mix_or_rate(con, metric, pattern)
    steps = origins.grown(metric, stages)
    known = origins.Clues(tuple(spreads), bool(promise and promise.to_blame), named, mix.part)
    weights = origins.weigh(metric, pattern, steps, known)
    origin = origins.decided(weights)
    stage = "price" if metric.kind == "index" else max(steps, key=lambda name: steps[name], default="")
    began, alert = onset(con, metric, pattern, stage), _earlier(con, pattern, stage)
    worse = next((s.worse[0] for s in spreads if s.dim == "carrier" and known.only_one("carrier")), "")
    remedy = proposals.propose(con, pattern, proposals.Why(origin, stage, promise, named, alert, worse))
    evidence = [
        *comparisons.siblings(con, metric, pattern),
        *(told for spread in spreads if (told := comparisons.told(spread))),
        _load(cube, pattern, origin), promise and promise.evidence, named and named.evidence, mix.evidence,
        _nobody_named(pattern, stage, known),
    ]  # fmt: skip
    return Cause(
        pattern=pattern.id, origin=origin, weight=round(weights[origin], 2), stage=stage, onset=began.day,
        recent=pattern.weeks <= 8, sentence=_sentence(pattern, origin, stage, stages, began),
        evidence=tuple(e for e in evidence if e), stages=stages,
        proposal=proposals.sentence(remedy) if remedy else proposals.undecided(pattern),
        onset_low=began.low, onset_high=began.high, coincidences=coincidences(con, pattern, began),
        earlier=triggers.sentence(alert) if alert else "",
        origins=tuple(sorted(weights.items(), key=lambda told: (-told[1], told[0]))), remedy=remedy,
    )  # fmt: skip


def _nobody_named(pattern: Pattern, stage: str, known: origins.Clues) -> Evidence | None:
    """Say when a rise under way cannot be laid at one carrier's door, because the data names none."""
    if not stage.endswith(("to destination", "to first attempt")) or known.asked("carrier") > 1:
        return None
    if set(pattern.slice.dims) & {"carrier", "service"}:
        return None
    return Evidence("No two carriers can be compared here: a carrier and a cause outside look alike.", False)


def onset(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, stage: str) -> Window:
    """Date a step to the day, by the day on which each row entered the stage that grew; a drift to its weeks."""
    if pattern.began:
        return Window(pattern.began[0], pattern.onset, pattern.began[1] + timedelta(days=6))
    clock = _clock(metric, stage)
    condition, values = filter_sql(pattern.slice)
    span = span_of(pattern)
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


def _earlier(con: duckdb.DuckDBPyConnection, pattern: Pattern, stage: str) -> triggers.Replay | None:
    """Return the alert that, replayed since the onset, would have seen the pattern's missed promises first."""
    waits_for = WATCHED.get(stage.rpartition(" to ")[2])
    if not waits_for:
        return None
    rules = triggers.sweep(triggers.Rule(waits_for, 24, scope=pattern.slice))
    try:
        found = triggers.best(triggers.replay(con, rules, pattern.onset, pattern.week + timedelta(days=6)))
    except ValueError:  # no promise fell due in that time
        return None
    return found if found and found.caught_share.low >= WORTH_CATCHING else None


def _sentence(pattern: Pattern, origin: Origin, stage: str, stages: tuple[Stage, ...], began: Window) -> str:
    step = next((s for s in stages if s.name == stage), None)
    who = "No origin stands out" if origin == "undecided" else f"The candidate is {_article(origin)}"
    where = f"{who} for {pattern.slice.spoken}, {_since(began)}"
    if step is None or step.excess <= 0:
        return f"{where}."
    hours = f"{where}: {stage} takes {step.since:.0f} hours instead of {step.before:.0f}"
    if not pattern.slice.where:
        return f"{hours}."
    return f"{hours}, while elsewhere it takes {step.elsewhere_since:.0f} ({step.elsewhere_before:.0f} before)."


def _since(began: Window) -> str:
    if began.low == began.high:
        return f"since {day(began.day)}"
    return f"since about {day(began.day)} ({day(began.low)} to {day(began.high)})"


def _article(origin: Origin) -> str:
    return f"the {origin}" if origin in ("carrier", "warehouse", "workflow", "recipient") else origin
