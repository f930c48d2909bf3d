"""What else changed when a pattern began: facts in the data, each dated, and ranked by date, scope and dose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from closeloop.days_off import days_off
from closeloop.model import Coincidence, Pattern, Slice
from closeloop.slices import filter_sql
from closeloop.stages import span_of
from closeloop.stats.change_point import EDGE, ChangePoint, change_point
from closeloop.words import day, number, share

NEAR_DAYS = 7
"""Days by which the dates of two changes may differ and still coincide."""

DOSE = 1.2
"""How many times its old level a fact must be (or the inverse) to be worth telling."""

SURE = 10.0
"""Log-likelihood that a step must gain, per its own scatter, to be a change at all (about 3 sigma squared)."""

DOUBLE = 0.7
"""The log of the dose from which a fact fits fully: about twice its old level."""

FAINT = 0.25
"""How well the scope and dose fit of what has neither: a day off, a word that scans say since then."""

MOST_TOLD = 4


class Fact(NamedTuple):
    """A daily series that could explain a pattern: what is `counted` in the rows of `view`, among how many.

    `scope` are the dimensions that it keeps of the pattern's slice. Where `inside` is set, the slice is
    what is counted, among all rows.
    """

    name: str
    view: str
    day: str
    counted: str
    among: str
    is_share: bool
    scope: tuple[str, ...]
    said: str
    inside: bool = False


FACTS = (
    Fact("volume", "order_facts", "ordered_at", "count(*)", "1", False,
         ("warehouse", "region", "state"), "Orders a day"),
    Fact("share of volume", "order_facts", "ordered_at", "count(*) FILTER ({where})", "count(*)", True,
         ("channel", "complexity", "campaign"), "Its part of all orders", inside=True),
    Fact("large orders", "order_facts", "ordered_at", "count(*) FILTER (complexity = '4+ lines')", "count(*)", True,
         ("channel", "warehouse"), "The share of orders with four lines or more"),
    Fact("late labels", "parcel_facts", "label_at", "count(*) FILTER (hour(label_at) >= 15)", "count(*)", True,
         ("warehouse", "carrier", "channel"), "The share of labels made after three in the afternoon"),
    Fact("heavy parcels", "parcel_facts", "label_at", "count(*) FILTER (weight_band IN ('5-10 lb', '10+ lb'))",
         "count(*)", True, ("service", "carrier", "warehouse"), "The share of parcels over 5 lb"),
    Fact("share of parcels", "parcel_facts", "sent_at", "count(*) FILTER ({where})",
         "count(*)", True, ("carrier", "service"), "Its part of all parcels", inside=True),
    Fact("promise", "order_facts", "ordered_at", "sum(promised_date - ordered_at::DATE)", "count(promised_date)",
         False, ("channel", "region", "state"), "The promised time in days"),
)  # fmt: skip
"""What is looked at beside every pattern."""


@dataclass(frozen=True)
class Daily:
    """A fact by day, with a row for each day of the span."""

    first: date
    count: NDArray[np.float64]
    exposure: NDArray[np.float64]


class Window(NamedTuple):
    """The days in which a pattern may have begun, and the likeliest of them."""

    low: date
    day: date
    high: date

    def gap(self, when: date) -> int:
        """Days by which a date lies outside."""
        return max(0, (self.low - when).days, (when - self.high).days)

    def fit(self, when: date) -> float:
        """How well a date fits: 1 on the likeliest day, less inside the interval, 0 a week and more outside."""
        inside = 0.8 + 0.2 / (1 + abs((when - self.day).days))
        return inside * max(0.0, 1 - self.gap(when) / (NEAR_DAYS + 1))


def coincidences(con: duckdb.DuckDBPyConnection, pattern: Pattern, began: Window) -> tuple[Coincidence, ...]:
    """Return what else changed within a week of the days in which a pattern may have begun, the best fit first.

    The fit is the product of three: of the date, of the scope (a fact of the very slice fits better than one of
    the whole shop) and of the dose (how much it changed). A coincidence is a candidate, not a cause.
    """
    near = Window(max(began.low, began.day - timedelta(days=NEAR_DAYS)), began.day,
                  min(began.high, began.day + timedelta(days=NEAR_DAYS)))  # fmt: skip
    found = [
        *_told_events(con, pattern, near), *_from_data(con, pattern, near), *_new_codes(con, pattern, near),
        *_holidays(con, near),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (-one.fit, one.day, one.name, one.sentence))[:MOST_TOLD])


def _told_events(con: duckdb.DuckDBPyConnection, pattern: Pattern, began: Window) -> Iterator[Coincidence]:
    """Name what people wrote down: strikes, rate cards, rule edits, staffing, weather, promotions."""
    rows = con.execute(
        "SELECT kind, starts_at::DATE, ends_at::DATE, scope, note FROM events_known"
        " WHERE starts_at::DATE BETWEEN $low::DATE - $near AND $high::DATE + $near ORDER BY ALL",
        {"low": began.low, "high": began.high, "near": NEAR_DAYS},
    ).fetchall()
    for kind, starts, ends, scope, note in rows:
        fit = _scope_fit(scope, pattern.slice)
        if fit > 0:
            until = f" to {day(ends)}" if ends else ""
            where = f" ({scope})" if scope else ""
            told = (
                f"{str(kind).replace('_', ' ').capitalize()} from {day(starts)}{until}{where}: {note or 'no note'}."
            )
            over = 0.5 if ends and ends < pattern.week - timedelta(days=7) else 1.0
            yield Coincidence(
                str(kind), starts, 0.0, told.replace("..", "."), round(began.fit(starts) * fit * over, 3)
            )


def _scope_fit(scope: str | None, where: Slice) -> float:
    """Return 1 for the same slice, less for one that only holds it or is a part of it, 0 for another one."""
    try:
        told = Slice.parse(scope or "")
    except ValueError:  # written in words: whom it concerns is not known
        return 0.5
    if not told.overlaps(where):
        return 0.0
    shared = len(set(told.where) & set(where.where))
    return (1 + shared) / (1 + len(set(told.where) | set(where.where)))


def _from_data(con: duckdb.DuckDBPyConnection, pattern: Pattern, began: Window) -> Iterator[Coincidence]:
    for fact in FACTS:
        scope = Slice.of(pair for pair in pattern.slice.where if pair[0] in fact.scope)
        if fact.inside and not scope.where:
            continue
        daily = _daily(con, fact, scope, pattern)
        step = _step(daily, fact) if daily else None
        if daily and step and _told(step):
            when = daily.first + timedelta(days=step.first)
            if began.gap(when) <= NEAR_DAYS:
                dose = min(1.0, abs(np.log(step.since / max(step.before, 1e-9))) / DOUBLE)
                told = _coincidence(fact, scope, step, when)
                yield replace(told, fit=round(began.fit(when) * _scope_fit(str(scope), pattern.slice) * dose, 3))


def _daily(con: duckdb.DuckDBPyConnection, fact: Fact, scope: Slice, pattern: Pattern) -> Daily | None:
    where, values = filter_sql(scope)
    span = span_of(pattern)
    rows = con.execute(
        f"SELECT {fact.day}::DATE - $start::DATE AS at, {fact.counted.format(where=where)} AS x,"
        f" {fact.among} AS n FROM {fact.view}"
        f" WHERE {fact.day}::DATE BETWEEN $start AND $end AND ({'true' if fact.inside else where})"
        " GROUP BY 1 HAVING n > 0 ORDER BY 1",
        {**values, "start": span["start"], "end": span["end"]},
    ).fetchnumpy()
    length = (span["end"] - span["start"]).days + 1
    if not len(rows["at"]) or length < 2 * EDGE + 1:
        return None
    at = np.asarray(rows["at"], np.int_)
    count, exposure = (
        np.bincount(at, np.asarray(rows[name], dtype=np.float64), length).astype(np.float64) for name in ("x", "n")
    )
    return Daily(span["start"], count, np.ones(length) if fact.name == "volume" else exposure)


def _step(daily: Daily, fact: Fact) -> ChangePoint | None:
    if daily.count.sum() < 30:
        return None
    return change_point(daily.count, daily.exposure, binomial=fact.is_share, season=7, up=False)


def _told(step: ChangePoint) -> bool:
    """Only a fact that changed much, and surely more than its own days scatter."""
    dose = step.since / max(step.before, 1e-9)
    return (dose >= DOSE or dose <= 1 / DOSE) and step.gain >= SURE


def _coincidence(fact: Fact, scope: Slice, step: ChangePoint, when: date) -> Coincidence:
    levels = [share(level) if fact.is_share else number(level) for level in (step.before, step.since)]
    who = f", {scope.spoken}," if scope.where else ""
    sentence = f"{fact.said}{who} went from {levels[0]} to {levels[1]} around {day(when)}."
    return Coincidence(fact.name, when, step.since / max(step.before, 1e-9), sentence)


def _new_codes(con: duckdb.DuckDBPyConnection, pattern: Pattern, began: Window) -> Iterator[Coincidence]:
    """Name words that the carriers' systems first used at that time: what a metric counts may have changed."""
    if pattern.metric in ("cost_index", "return_rate"):
        return
    rows = con.execute(
        """
        SELECT coalesce(source_code, source_status) AS code, min(recorded_at)::DATE AS first_day, count(*) AS n
        FROM tracking_events_known GROUP BY 1
        HAVING first_day BETWEEN $low::DATE - $near AND $high::DATE + $near
           AND first_day > (SELECT min(recorded_at)::DATE + 28 FROM tracking_events_known) AND n >= 30
        ORDER BY n DESC, code LIMIT 2
        """,
        {"low": began.low, "high": began.high, "near": NEAR_DAYS},
    ).fetchall()
    for code, first_day, n in rows:
        told = f"Scans say {str(code)[:60]!r} since {day(first_day)} and never did before ({n:,} of them)."
        yield Coincidence("vocabulary", first_day, 0.0, told, round(began.fit(first_day) * FAINT, 3))


def _holidays(con: duckdb.DuckDBPyConnection, began: Window) -> Iterator[Coincidence]:
    for holiday in days_off(con).days:
        if abs((holiday - began.day).days) > NEAR_DAYS:
            continue
        fit = round(began.fit(holiday) * FAINT, 3)
        yield Coincidence("holiday", holiday, 0.0, f"{day(holiday)} was a day off.", fit)
