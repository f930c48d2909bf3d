"""Patterns, causes and verdicts -> the findings of a week: headline numbers, bottom line, decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import duckdb
import numpy as np

from closeloop import metrics, patterns, prices
from closeloop.cube import Cube, Series
from closeloop.model import (
    ORIGINS,
    Cause,
    Kpi,
    KpiState,
    Metric,
    Pattern,
    Point,
    Quality,
    Quarantine,
    TableCount,
    Verdict,
)
from closeloop.observed import PATTERN_LASTED
from closeloop.slices import EVERYTHING
from closeloop.sources import levels, prepared
from closeloop.sources.source import Source
from closeloop.words import day, measured, number, plural, share, shortened

LEAD = "on_time_delivery"
"""The metric that opens the report where the data gives it."""


def kpis(con: duckdb.DuckDBPyConnection, cube: Cube) -> tuple[Kpi, ...]:
    """Return each metric's newest final week beside its own past: the lead first, then what is not normal.

    What is foreseen only is left out: what came of it stands beside it.
    """
    found = [
        _price(con, series) if series.metric.kind == "index" else _kpi(series)
        for series in cube.series
        if series.metric in metrics.WEEKLY and not series.metric.foreseen
    ]
    return tuple(sorted(found, key=lambda kpi: (kpi.metric != LEAD, kpi.state == "normal")))


def _price(con: duckdb.DuckDBPyConnection, series: Series) -> Kpi:
    """Give the price by Fisher's index, and say how many parcels it compares and what the mix did beside it."""
    fisher, index = prices.as_fisher(con, series.only(np.arange(len(series.slices)) == series.row(EVERYTHING)))
    kpi = _kpi(fisher)
    told = index.get(kpi.week)
    return replace(kpi, sentence=f"{kpi.sentence.rstrip('.')}; {prices.beside(told)}.") if told else kpi


def _kpi(series: Series) -> Kpi:
    metric = series.metric
    points = patterns.history(series, 0, mark=_last_final(series))
    final = [point for point in points if point.final]
    last = final[-1] if final else points[-1]
    state = _state(metric, last) if len(final) > patterns.WINDOWS[-1] else "no data"
    return Kpi(metric.id, metric.label, last.value, last.week, points, state, _kpi_sentence(metric, last, state))


def _last_final(series: Series) -> date | None:
    """Return the newest final week, which is compared with the weeks before it."""
    final = np.flatnonzero(series.final)
    return series.weeks[int(final[-1])] if len(final) else None


def _state(metric: Metric, point: Point) -> KpiState:
    said = {measured(value, metric.shown_unit) for value in (point.value, point.low, point.high)}
    if point.low <= point.value <= point.high or len(said) == 1:
        return "normal"
    above = point.value > point.high
    return "better" if above == (metric.better == "higher") else "worse"


def _kpi_sentence(metric: Metric, point: Point, state: KpiState) -> str:
    shown = f"{metric.label}: {measured(point.value, metric.shown_unit)} in the week of {day(point.week)}"
    said: dict[KpiState, str] = {
        "normal": "within normal variation",
        "better": "better than normal variation",
        "worse": "worse than normal variation",
        "no data": "too short a history to say what is normal",
    }
    return f"{shown}, {said[state]}."


def bottom_line(
    source: Source,
    headline: Sequence[Kpi],
    found: patterns.Found,
    causes: Sequence[Cause],
    verdicts: Sequence[Verdict],
) -> tuple[str, ...]:
    """Say in three to five sentences what a manager must know; every number comes from a record."""
    lines = [_opening(headline, found), *_about_patterns(found, causes)]
    lines += [p.sentence for p in found.waiting[:1] if len(lines) < 3]
    lines += [v.sentence for v in verdicts if _is_news(v, headline)][:2]
    if found.resolved:
        lines.append(f"No longer standing out: {', '.join(p.slice.spoken for p in found.resolved[:2])}.")
    if len(lines) < 4 and (rest := _the_rest(headline)):
        calm = any(k.metric == LEAD and k.state == "normal" for k in headline)
        lines.insert(1 if calm else len(lines), f"Within normal variation{' too' if calm else ''}: {rest}.")
    return (*lines[:4], *([source.caveat] if source.caveat else lines[4:5]))


def _the_rest(headline: Sequence[Kpi]) -> str:
    rest = [k for k in headline if k.metric != LEAD and k.state == "normal"]
    return ", ".join(f"{k.label.lower()} ({measured(k.value, metrics.by_id(k.metric).shown_unit)})" for k in rest[:3])


def _is_news(verdict: Verdict, headline: Sequence[Kpi]) -> bool:
    """A verdict is news in the week of its review; harm is news every week."""
    week = max((k.week for k in headline), default=verdict.change.review_date)
    return verdict.decision == "worsened" or 0 <= (verdict.change.review_date - week).days < 7


def _opening(headline: Sequence[Kpi], found: patterns.Found) -> str:
    lead = next((k for k in headline if k.metric == LEAD), headline[0] if headline else None)
    count, new = len(found.patterns), sum(p.status == "new" for p in found.patterns)
    stand = f"{plural(count, 'pattern')} {'stands' if count == 1 else 'stand'} out"
    fresh = (
        ""
        if not count
        else ", none of them new"
        if not new
        else ", new this week"
        if new == count
        else f", {new} of them new"
    )
    what = f"{stand}{fresh}" if count else "no pattern stands out"
    return f"{lead.sentence.rstrip('.')}; {what}." if lead else f"{what.capitalize()}."


def _about_patterns(found: patterns.Found, causes: Sequence[Cause]) -> list[str]:
    by_pattern = {cause.pattern: cause for cause in causes}
    top = sorted(found.patterns, key=lambda p: (p.status not in ("new", "worse"), p.p))[:2]
    return [f"{p.sentence} {_because(by_pattern.get(p.id))}".strip() for p in top]


def _because(cause: Cause | None) -> str:
    return f"Candidate cause: {ORIGINS[cause.origin]}." if cause and cause.origin in ORIGINS else ""


def decisions(
    week: date, found: patterns.Found, causes: Sequence[Cause], verdicts: Sequence[Verdict]
) -> tuple[str, ...]:
    """Return what a person should decide this week: a change for each pattern, a step for each review."""
    by_pattern = {cause.pattern: cause for cause in causes}
    open_changes = {v.change.pattern: v.change.id for v in verdicts if v.decision == "too early"}
    asked: list[str] = []
    for pattern in found.patterns:
        cause = by_pattern.get(pattern.id)
        if pattern.id in open_changes:
            asked.append(f"{pattern.id}: wait for the review of change {open_changes[pattern.id]}.")
        elif cause:
            asked.append(f"{pattern.id}: {cause.proposal}{_when(week, pattern, cause)}")
    asked += [f"{v.change.id}: {v.next_step}" for v in verdicts if not v.change.decided_on and _is_due(v, week)]
    return tuple(asked)


def _when(week: date, pattern: Pattern, cause: Cause) -> str:
    """Say from when on the change could be judged, if that is not this week."""
    tellable = pattern.onset + PATTERN_LASTED
    if cause.remedy is None or tellable <= week + timedelta(days=8):
        return ""
    return f" If it can wait until {day(tellable)}, a review can tell it from a spell that ends by itself."


def _is_due(verdict: Verdict, week: date) -> bool:
    return 0 <= (week - verdict.change.review_date).days + 7 <= 13 or verdict.decision == "worsened"


def quality(
    con: duckdb.DuckDBPyConnection,
    source: Source,
    cube: Cube,
    counts: tuple[TableCount, ...],
    quarantined: tuple[Quarantine, ...],
) -> Quality:
    """Say what was read and set aside, and what this data can and cannot tell."""
    held = levels.held(counts)
    level = f"{held[-1].code}: {', '.join(one.named for one in held)}" if held else "none"
    can = tuple(f"{s.metric.label}: {s.metric.definition}." for s in cube.series)
    cannot = tuple(f"{metrics.by_id(name).label}: {reason}." for name, reason in cube.missing)
    notes = (*source.notes, *prepared.assumed(con), *_match_notes(con), *_unknown_codes(con), *_immature(cube))
    return Quality(counts, quarantined, level, can, (*source.cannot_say, *cannot), notes)


def _match_notes(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [f"{share(m.found / m.total)} of {number(m.total)} {m.what}." for m in prepared.matches(con) if m.total]


def _unknown_codes(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute(
        """
        SELECT coalesce(source_code, source_status) AS code, count(*) AS n FROM tracking_events_known
        WHERE source_status NOT IN (SELECT code FROM vocabulary)
           OR source_code NOT IN (SELECT code FROM vocabulary)
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5
        """
    ).fetchall()
    return [
        f"Unknown tracking code {shortened(str(code), 40)!r} on {number(n)} scans; kept, not counted as an exception."
        for code, n in rows
    ]


def _immature(cube: Cube) -> list[str]:
    return [
        f"{s.metric.label}: the last {plural(int((~s.final).sum()), 'week')} can still change and"
        f" {'is' if (~s.final).sum() == 1 else 'are'} not tested."
        for s in cube.series
        if (~s.final).any()
    ]
