"""One pattern -> a candidate cause: where in the process, since when, with evidence both ways."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, get_args

import duckdb
import numpy as np

from closeloop import comparisons, metrics, origins, triggers
from closeloop.coincidences import coincidences
from closeloop.cube import Cube
from closeloop.model import Cause, Evidence, Metric, Origin, Pattern, Stage
from closeloop.stages import BEFORE_WEEKS, MILESTONES, filter_sql, milestone_split, span_of
from closeloop.stats.change_point import EDGE, change_point
from closeloop.words import day, share

PROMISE_SHARE = 0.5
"""The part of the added late parcels that an unchanged promise must spare to be the candidate."""


WATCHED: dict[str, triggers.Waiting] = {
    "label": "label",
    "first scan": "first scan",
    "destination": "destination",
    "first attempt": "destination",
}
"""What an alert waits for when the step that ends so grew."""

WORTH_CATCHING = 0.2
"""The share of missed promises that an alert must surely catch to be told."""

ORIGINS = frozenset(get_args(Origin))


class Onset(NamedTuple):
    """The day on which the step that grew began to, and the interval that holds it with 95 %."""

    day: date
    low: date
    high: date


def review(con: duckdb.DuckDBPyConnection, cube: Cube, pattern: Pattern) -> Cause:
    """Work through the evidence for one pattern and name the candidate that it favours."""
    metric = metrics.by_id(pattern.metric)
    stages = milestone_split(con, pattern)
    spreads = comparisons.spreads(con, metric, pattern)
    promise = _promise(con, pattern) if metric.id == "on_time_delivery" else None
    named = _named_by_rows(con, metric, pattern)
    steps = origins.grown(metric, stages)
    clues = origins.Clues(tuple(spreads), bool(promise and promise.to_blame), named.origin if named else None)
    weights = origins.weigh(metric, pattern, steps, clues)
    origin = origins.decided(weights)
    stage = "price" if metric.kind == "index" else max(steps, key=lambda name: steps[name], default="")
    began = onset(con, metric, pattern, stage)
    evidence = [
        *comparisons.siblings(con, metric, pattern),
        *(told for spread in spreads if (told := comparisons.told(spread))),
        *(e for e in (_load(cube, pattern, origin), promise and promise.evidence, named and named.evidence) if e),
    ]
    return Cause(
        pattern=pattern.id, origin=origin, weight=round(max(weights.values()), 2), stage=stage, onset=began.day,
        recent=pattern.weeks <= 8, sentence=_sentence(pattern, origin, stage, stages, began),
        evidence=tuple(evidence), stages=stages, proposal=_proposal(pattern, origin, stage),
        onset_low=began.low, onset_high=began.high, coincidences=coincidences(con, pattern, began.day),
        earlier=_earlier(con, pattern, stage),
        origins=tuple(sorted(weights.items(), key=lambda told: (-told[1], told[0]))),
    )  # fmt: skip


def onset(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, stage: str) -> Onset:
    """Date the step to the day, by the day on which each row entered the stage that grew."""
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
        return Onset(pattern.onset, pattern.onset, pattern.onset + timedelta(days=6))
    bad, total = (np.bincount(at - at[0], [float(row[i]) for row in rows]) for i in (1, 2))
    step = change_point(bad, total, binomial=metric.kind == "share", season=7)
    first, low, high = (span["start"] + timedelta(days=int(at[0]) + i) for i in (step.first, step.low, step.high))
    return Onset(first, low, high)


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


@dataclass(frozen=True)
class Promise:
    """Whether a shorter promise, rather than slower parcels, makes parcels late."""

    to_blame: bool
    evidence: Evidence


def _promise(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Promise:
    """Tell a shortened promise from slower parcels: who would be late had it stayed."""
    condition, values = filter_sql(pattern.slice)
    row = con.execute(
        f"""
        WITH due AS (
            SELECT *, promised_date >= $onset AS since, promised_date - ordered_at::DATE AS promise
            FROM parcel_facts WHERE ({condition}) AND promised_date BETWEEN $start AND $end
        ), usual AS (SELECT avg(promise) FILTER (NOT since) AS before, avg(promise) FILTER (since) AS now FROM due)
        SELECT any_value(before), any_value(now),
               avg((attempt_at IS NULL OR attempt_at::DATE > promised_date)::INT) FILTER (NOT since),
               avg((attempt_at IS NULL OR attempt_at::DATE > promised_date)::INT) FILTER (since),
               avg((attempt_at IS NULL
                    OR attempt_at::DATE > promised_date + greatest(0, round(before - now))::INT)::INT) FILTER (since)
        FROM due, usual
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    before, now, late_before, late, late_if_kept = (float(v) if v is not None else 0.0 for v in row or (None,) * 5)
    spared = (late - late_if_kept) / max(late - late_before, 1e-9)
    lengths = f"{before:.1f} days before, {now:.1f} since"
    if spared >= PROMISE_SHARE:
        told = f"The promise itself became shorter ({lengths}); had it stayed, {share(late_if_kept)} would be late."
        return Promise(True, Evidence(told, True))
    kept = f"The promise ({lengths}) does not explain it: had it stayed, {share(late_if_kept)} would still be late."
    return Promise(False, Evidence(kept, True))


def _earlier(con: duckdb.DuckDBPyConnection, pattern: Pattern, stage: str) -> str:
    """Say which alert, replayed since the onset, would have seen the pattern's missed promises first."""
    waits_for = WATCHED.get(stage.rpartition(" to ")[2])
    if not waits_for:
        return ""
    rules = triggers.sweep(triggers.Rule(waits_for, 24, scope=pattern.slice))
    try:
        found = triggers.best(triggers.replay(con, rules, pattern.onset, pattern.week + timedelta(days=6)))
    except ValueError:  # no promise fell due in that time
        return ""
    return triggers.sentence(found) if found and found.caught_share.low >= WORTH_CATCHING else ""


class Named(NamedTuple):
    """What the rows of a pattern say of themselves: a reason or an exception, and whose it usually is."""

    origin: Origin | None
    evidence: Evidence


def _named_by_rows(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Named | None:
    if metric.id == "return_rate":
        return _return_reason(con, pattern)
    return _exception(con, pattern) if metric.id == "exception_rate" else None


def _return_reason(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Named | None:
    sku = dict(pattern.slice.where).get("sku")
    row = con.execute(
        """
        SELECT reason, count(*) * 1.0 / sum(count(*)) OVER () AS share FROM returns_known
        WHERE ($sku IS NULL OR sku = $sku) AND requested_at::DATE >= $onset
        GROUP BY reason ORDER BY share DESC, reason LIMIT 1
        """,
        {"sku": sku, "onset": pattern.onset},
    ).fetchone()
    if not row:
        return None
    return Named(None, Evidence(f"Since then {share(row[1])} of its returns give the reason {row[0]}.", True))


def _exception(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Named | None:
    """Name the exception that rose most, and whose it usually is."""
    condition, values = filter_sql(pattern.slice)
    row = con.execute(
        f"""
        WITH told AS (
            SELECT exception_category AS category, label_at::DATE >= $onset AS since, count(*) AS n FROM parcel_facts
            WHERE ({condition}) AND label_at::DATE BETWEEN $start AND $end AND exception_category IS NOT NULL
            GROUP BY ALL
        ), days AS (SELECT $onset::DATE - $start::DATE AS before, $end::DATE - $onset::DATE + 1 AS now),
        risen AS (
            SELECT category, coalesce(sum(n) FILTER (since), 0) / any_value(now)
                           - coalesce(sum(n) FILTER (NOT since), 0) / any_value(before) AS rise
            FROM told, days GROUP BY category
        )
        SELECT category, rise / sum(greatest(rise, 0)) OVER (),
               (SELECT any_value(origin) FROM vocabulary WHERE exception_category = category)
        FROM risen WHERE rise > 0 ORDER BY rise DESC, category LIMIT 1
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    if not row:
        return None
    category, part, origin = row
    told = f"{share(part)} of the added exceptions are {str(category).replace('_', ' ')}."
    return Named(origin if part >= PROMISE_SHARE and origin in ORIGINS else None, Evidence(told, True))


def _sentence(pattern: Pattern, origin: Origin, stage: str, stages: tuple[Stage, ...], began: Onset) -> str:
    step = next((s for s in stages if s.name == stage), None)
    who = "No origin stands out" if origin == "undecided" else f"The candidate is {_article(origin)}"
    where = f"{who} for {pattern.slice.spoken}, {_since(began)}"
    if step is None or step.excess <= 0:
        return f"{where}."
    hours = f"{where}: {stage} takes {step.since:.0f} hours instead of {step.before:.0f}"
    if not pattern.slice.where:
        return f"{hours}."
    return f"{hours}, while elsewhere it takes {step.elsewhere_since:.0f} ({step.elsewhere_before:.0f} before)."


def _since(began: Onset) -> str:
    if began.low == began.high:
        return f"since {day(began.day)}"
    return f"since about {day(began.day)} ({day(began.low)} to {day(began.high)})"


def _article(origin: Origin) -> str:
    return f"the {origin}" if origin in ("carrier", "warehouse", "workflow", "recipient") else origin


def _proposal(pattern: Pattern, origin: Origin, stage: str) -> str:
    """Name one targeted change of the five kinds, to be weighed by a person."""
    where = pattern.slice.spoken
    if pattern.metric == "cost_index":
        return (
            f"Carrier allocation: compare rates for {where} and move the part that another service carries for less."
        )
    if pattern.metric == "return_rate":
        return f"Packaging or listing instruction: check the listing and packing of {where} against the reason given."
    if origin == "workflow":
        return f"Automation condition: flag {where} as soon as they are ready, and give them a queue of their own."
    if origin == "warehouse":
        return f"Filter update: show waiting orders of {where} at the start of each shift, oldest first."
    if origin == "carrier":
        return f"Carrier allocation: send {where} with the next best service until its {stage or 'transit'} recovers."
    return f"Filter update: surface {where} every morning and look at ten of its parcels before changing anything."
