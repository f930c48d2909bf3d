"""What the rows of a pattern say of themselves: a promise that became shorter, a reason, an exception."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple, get_args

import duckdb

from closeloop import promises
from closeloop.model import Evidence, Metric, Origin, Pattern
from closeloop.percent import interval, plus
from closeloop.slices import filter_sql
from closeloop.stages import final_span
from closeloop.words import share

PROMISE_SHARE = 0.5
"""The part of the added late parcels that an unchanged promise must spare to be the candidate."""

NAMED_SHARE = 0.5
"""The part of the added exceptions that one kind must have to name the origin."""

PACKED = {"defective_or_damaged", "wrong_item", "missing_parts"}
"""Classes of reasons that one SKU is returned for when it is badly packed or picked; others are the listing's."""

MISSED = {"label_to_first_scan", "idle_labels"}
"""Metrics that a pickup which comes earlier makes worse, though most parcels wait shorter."""

EARLIER_H, FEWEST_SCANS = 0.5, 100
"""Hours by which parcels must be scanned sooner, and the parcels that it must be seen in."""

ORIGINS = frozenset(get_args(Origin))


@dataclass(frozen=True)
class Promise:
    """Whether a shorter promise, rather than slower parcels, makes parcels late.

    `days` is the mean promise before; `spared` the share of parcels that it would have spared since, of `n`;
    `shorter` says it in words.
    """

    to_blame: bool
    evidence: Evidence
    days: float = 0.0
    spared: float = 0.0
    n: int = 0
    shorter: str = ""


class Due(NamedTuple):
    """What a metric holds times against: from `start` it was promised until `due`, and kept at `done`.

    `spare` are the days that it had been longer by: whole ones where days are promised.
    """

    name: str
    start: str
    due: str
    done: str
    late: str
    spare: str


DUE = {
    "on_time_delivery": Due(
        "promise",
        "ordered_at::DATE",
        "promised_date",
        "attempt_at::DATE",
        "late",
        "round(greatest(0, before - now))",
    ),
    "late_handover": Due(
        "ship-by deadline",
        "coalesce(ready_at, ordered_at)",
        "promised_ship_by",
        "handed_over_at",
        "handed over late",
        "greatest(0, before - now)",
    ),
}
"""Metrics whose time limit somebody sets, and how to reckon with another one."""


def promise(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Promise | None:
    """Tell a shortened promise from slower work: who would be late had it stayed; None where nothing is promised."""
    if metric.id == promises.METRIC:
        return _foreseen(promises.lengths(con, pattern))
    if metric.id not in DUE:
        return None
    due, (condition, values) = DUE[metric.id], filter_sql(pattern.slice)
    [row] = con.execute(
        f"""
        WITH due AS (
            SELECT ({metric.at})::DATE >= $onset AS since,
                   epoch({due.due}::TIMESTAMP - {due.start}::TIMESTAMP) / 86400 AS promise,
                   coalesce(epoch({due.done}::TIMESTAMP - {due.due}::TIMESTAMP) / 86400, 'infinity') AS over
            FROM {metric.view}
            WHERE ({metric.rows}) AND ({condition}) AND ({metric.at})::DATE BETWEEN $start AND $end
        ), usual AS (SELECT avg(promise) FILTER (NOT since) AS before, avg(promise) FILTER (since) AS now FROM due)
        SELECT any_value(before), any_value(now), avg((over > 0)::INT) FILTER (NOT since),
               avg((over > 0)::INT) FILTER (since),
               avg((over > {due.spare})::INT) FILTER (since), count(*) FILTER (since)
        FROM due, usual
        """,
        {**values, **final_span(pattern)},
    ).fetchall()
    return _judged(due, [float(v) if v is not None else 0.0 for v in row or (None,) * 6])


def _foreseen(found: promises.Lengths) -> Promise:
    """Say how much sooner like orders are promised, and what has come of it so far."""
    told = (
        f"Orders of the same state and service are promised in {found.now:.1f} working days, and were in"
        f" {found.before:.1f}; as long as such orders took, {share(found.foreseen)} of them would be late instead of"
        f" {share(found.usual)}."
    )
    if found.due >= promises.FEWEST_DUE:
        told += (
            f" Of the {found.due:,} promises that fell due since, {share(found.missed)} were missed,"
            f" {share(found.missed_before)} before."
        )
    shorter = f"the promise itself became shorter, {found.now:.1f} working days instead of {found.before:.1f}"
    spared = max(0.0, found.foreseen - found.usual)
    return Promise(found.shorter, Evidence(told, True), found.calendar, spared, found.n, shorter)


def _judged(due: Due, numbers: list[float]) -> Promise:
    before, now, late_before, late, if_kept, n = numbers
    spared, risen = late - if_kept, late - late_before
    half = 1.96 * sqrt(max(0.0, if_kept * (1 - if_kept)) / max(n, 1))
    ends = interval(share(max(0.0, if_kept - half)), share(if_kept + half))
    would = f"{share(if_kept)} of them ({ends})"
    lengths = (
        f"{before:.1f} days before, {now:.1f} since; {share(late_before)} {due.late} before, {share(late)} since"
    )
    if spared > 0 and risen > 0 and spared >= PROMISE_SHARE * risen:
        told = f"The {due.name} itself became shorter ({lengths}); had it stayed, {would} would be late."
        shorter = f"the {due.name} itself became shorter, {now:.1f} days instead of {before:.1f}"
        return Promise(True, Evidence(told, True), before, spared, int(n), shorter)
    kept = f"The {due.name} ({lengths}) does not explain it: had it stayed, {would} would still be late."
    return Promise(False, Evidence(kept, True))


class Named(NamedTuple):
    """What the rows of a pattern say of themselves: a reason or an exception, and whose it usually is."""

    origin: Origin | None
    evidence: Evidence
    what: str = ""


def named_by_rows(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Named | None:
    """Return what the rows of returns and exceptions give as their reason; None for other metrics."""
    if metric.id not in KINDS:
        return None
    condition, values = filter_sql(pattern.slice)
    kinds, counted = KINDS[metric.id]
    rows = con.execute(
        f"""
        WITH told AS ({kinds}), whole AS (
            SELECT count(*) FILTER (fell_on < $onset) AS before, count(*) FILTER (fell_on >= $onset) AS since
            FROM (SELECT {metric.at}::DATE AS fell_on FROM {metric.view} WHERE ({metric.rows}) AND ({condition}))
            WHERE fell_on BETWEEN $start AND $end
        )
        SELECT kind, count(*) FILTER (fell_on < $onset) / any_value(before), any_value(before),
               count(*) FILTER (fell_on >= $onset) / any_value(since), any_value(since)
        FROM told, whole WHERE fell_on BETWEEN $start AND $end AND kind IS NOT NULL AND ({condition})
        GROUP BY kind ORDER BY kind
        """,
        {**values, **final_span(pattern)},
    ).fetchall()
    rises = [_Kind(str(row[0]), *(float(value or 0) for value in row[1:5])) for row in rows]
    most = max(rises, key=lambda kind: kind.rise, default=None)
    if most is None or most.rise <= 0:
        return None
    part = most.rise / sum(max(0.0, kind.rise) for kind in rises)
    asked = _usual_origin if metric.id == "exception_rate" else _of_returns
    origin = asked(con, most.name) if part >= NAMED_SHARE else None
    return Named(origin, Evidence(_risen(most, part, counted), True), most.name)


def pickup(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Named | None:
    """Tell a pickup that comes earlier: parcels that make it wait shorter than before, and more of them miss it.

    A pickup that is missed, or a dock that is slower, makes all of them wait longer.
    """
    if metric.id not in MISSED or "carrier" in pattern.slice.dims:
        return None
    condition, values = filter_sql(pattern.slice)
    rows = con.execute(
        f"""
        WITH told AS (
            SELECT ({condition}) AS inside, label_at::DATE >= $onset AS since,
                   epoch(first_scan_at - label_at) / 3600 AS hours
            FROM parcel_facts
            WHERE label_at::DATE BETWEEN $start AND $end AND first_scan_at >= label_at
              AND first_scan_at < label_at + INTERVAL 1 DAY
        )
        SELECT median(hours) FILTER (inside AND NOT since), median(hours) FILTER (inside AND since),
               median(hours) FILTER (NOT inside AND NOT since), median(hours) FILTER (NOT inside AND since),
               count(*) FILTER (inside AND since)
        FROM told
        """,
        {**values, **final_span(pattern)},
    ).fetchall()
    before, since, other_before, other_since, n = (float(v) if v is not None else 0.0 for v in rows[0])
    gained, others = before - since, other_before - other_since
    if n < FEWEST_SCANS or gained < EARLIER_H or gained - others < EARLIER_H:
        return None
    told = (
        f"Half of its parcels that are scanned within a day wait {since:.1f} hours from label to scan instead of"
        f" {before:.1f}, and yet more miss the day: the pickup comes earlier, or labels come later in the day."
    )
    return Named("workflow", Evidence(told, True), "pickup")


class _Kind(NamedTuple):
    """A reason and its share of all rows, before the onset and since."""

    name: str
    before: float
    n_before: float
    since: float
    n_since: float

    @property
    def rise(self) -> float:
        return self.since - self.before


def _risen(told: _Kind, part: float, counted: str) -> str:
    """Say which kind rose most, with the interval of its rise (independent rows) and its part of all rises."""
    kind, before, n_before, now, n_now = told
    half = 1.96 * sqrt(before / max(n_before, 1) + now / max(n_now, 1))
    low, middle, high = (plus(100 * (now - before + end), 1) for end in (-half, 0.0, half))
    return (
        f"{share(part)} of the added {counted} are {kind if kind.isupper() else kind.replace('_', ' ')}: from"
        f" {share(before)} to {share(now)} of all, {middle} points ({interval(low, high)})."
    )


def _of_returns(con: duckdb.DuckDBPyConnection, reason: str) -> Origin | None:
    """Return whose a reason of returns usually is, by its class: who packs, or who writes the listing."""
    rows = con.execute(
        "SELECT any_value(reason_class) FROM return_facts WHERE reason = $reason", {"reason": reason}
    ).fetchall()
    return "warehouse" if rows[0][0] in PACKED else "workflow"


def _usual_origin(con: duckdb.DuckDBPyConnection, category: str) -> Origin | None:
    [row] = con.execute(
        "SELECT any_value(origin) FROM vocabulary WHERE exception_category = $category", {"category": category}
    ).fetchall()
    return row[0] if row and row[0] in ORIGINS else None


KINDS = {
    "return_rate": (
        """SELECT reason AS kind, bought_at::DATE AS fell_on, return_facts.* FROM return_facts
           JOIN (SELECT order_id, ordered_at AS bought_at FROM order_facts) USING (order_id)
           WHERE asked_at < bought_at + INTERVAL 21 DAY""",
        "returns",
    ),
    "exception_rate": (
        """SELECT exception_category AS kind, label_at::DATE AS fell_on, * FROM parcel_facts
           WHERE exception_at < label_at + INTERVAL 7 DAY""",
        "exceptions",
    ),
}
"""Metrics whose rows name a reason: the rows with it, as the metric counts them, and what they are called."""
