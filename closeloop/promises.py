"""Whether promises became shorter, like for like, and whether the shorter ones are kept: those are no problem."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import duckdb
from scipy import stats

from closeloop.model import Pattern
from closeloop.slices import filter_sql

METRIC = "short_promise"

BEFORE_WEEKS = 8
"""Weeks before the onset that tell how long a promise was, and how often it was kept."""

SHORTER_DAYS = 0.25
"""Working days by which like orders must be promised sooner: two hours a day are told from a change of mix."""

FEWEST_DUE = 30
"""Promises that must have fallen due before it can be said that they are kept."""

KEPT, SURE = 0.5, 0.9
"""Promises are kept where surely less than this part of the added misses that one had to expect came true."""


class Lengths(NamedTuple):
    """How long orders of a slice were promised before and since, and what came of it.

    `before` and `now` are mean working days over the same states and services asked for, in the proportions of now;
    `calendar` the mean days before. `usual` and `foreseen` are the parts that would be late at the usual pace; `n`
    orders since, of which the promise of `due` fell due by the end of the week: `due_foreseen` of those would
    be late, `missed` are, and `missed_before` were in the weeks before.
    """

    before: float
    now: float
    calendar: float
    usual: float
    foreseen: float
    n: int
    due: int
    due_foreseen: float
    missed: float
    missed_before: float

    @property
    def shorter(self) -> bool:
        """Whether like orders are promised sooner than before."""
        return self.before - self.now >= SHORTER_DAYS

    @property
    def kept(self) -> bool:
        """Whether enough shorter promises fell due to say that they are kept about as often as the longer ones."""
        if self.due < FEWEST_DUE:
            return False
        late = round(self.missed * self.due)
        most = float(stats.beta.ppf(SURE, late + 1, self.due - late)) if late < self.due else 1.0
        return most < self.missed_before + KEPT * max(0.0, self.due_foreseen - self.usual)


def broken(con: duckdb.DuckDBPyConnection, found: Iterable[Pattern]) -> list[Pattern]:
    """Leave out rises of expected lateness that no shorter promise made, or whose shorter promise is kept.

    The chance to be late also rises with the mix of orders, and when parcels got slower in the weeks that tell what
    is usual; both show in other metrics.
    """
    return [p for p in found if p.metric != METRIC or _is_broken(lengths(con, p))]


def _is_broken(found: Lengths) -> bool:
    return found.shorter and not found.kept


def lengths(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Lengths:
    """Compare the promises of a pattern's slice before and since its onset, as known at the end of its week."""
    condition, values = filter_sql(pattern.slice)
    [row] = con.execute(
        f"""
        WITH told AS (
            SELECT ordered_at >= $onset AS since, state, asked_class, promised_in / 2 AS days, late_chance AS chance,
                   date_diff('day', ordered_at::DATE, promised_date) AS calendar,
                   promised_date < $known AND cancelled_at IS NULL AS due,
                   (attempt_at IS NULL OR attempt_at >= $known OR attempt_at::DATE > promised_date)::INT AS missed
            FROM order_promises
            WHERE late_chance IS NOT NULL AND ({condition}) AND ordered_at >= $start AND ordered_at < $known
        ), lanes AS (
            SELECT avg(days) FILTER (NOT since) AS before, avg(days) FILTER (since) AS now,
                   count(*) FILTER (since) AS n
            FROM told GROUP BY state, asked_class HAVING before IS NOT NULL AND now IS NOT NULL
        ), alike AS (SELECT sum(n * before) / sum(n) AS before, sum(n * now) / sum(n) AS now FROM lanes)
        SELECT any_value(alike.before), any_value(alike.now), avg(calendar) FILTER (NOT since),
               avg(chance) FILTER (NOT since), avg(chance) FILTER (since), count(*) FILTER (since),
               count(*) FILTER (since AND due), avg(chance) FILTER (since AND due),
               avg(missed) FILTER (since AND due), avg(missed) FILTER (NOT since AND due)
        FROM told, alike
        """,
        {
            **values,
            "onset": pattern.onset,
            "start": pattern.onset - timedelta(weeks=BEFORE_WEEKS),
            "known": pattern.week + timedelta(weeks=1),
        },
    ).fetchall()
    before, now, calendar, usual, foreseen, n, due, due_foreseen, missed, missed_before = (
        float(value or 0.0) for value in row
    )
    return Lengths(before, now, calendar, usual, foreseen, int(n), int(due), due_foreseen, missed, missed_before)
