"""What changed in the data rather than in operations: a new code, a column that emptied, scans that stopped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from closeloop.model import Alarm, Slice
from closeloop.tables import TABLES, Table
from closeloop.words import day, share, shortened

Floats = NDArray[np.float64]

BASE_WEEKS, NEWEST_WEEKS = 8, 4
"""Weeks that tell what was usual, and the weeks after them in which a change is looked for."""

FEWEST_ROWS = 50
"""Rows a week below which a share of them says little."""

JUMP = 0.25
"""Points by which the filled share of a column, or the scanned share of parcels, must move to be told."""

CODE_SHARE = 0.005
"""Share of the scans above which a code that is new, or has gone, is told."""

SURE = 1e-6
"""Chance below which such a jump is no accident: thousands of columns, codes and weeks are looked at."""

ACTS_BACK_DAYS = 4
"""Days in which nearly every parcel has its first scan."""

MOST = 5


class Weeks(NamedTuple):
    """A share by week, oldest first: `part` of `whole`."""

    weeks: tuple[date, ...]
    part: tuple[float, ...]
    whole: tuple[float, ...]


def changes(con: duckdb.DuckDBPyConnection, week: date) -> tuple[Alarm, ...]:
    """Return what changed in the data in the last weeks up to `week`, the surest first.

    Each is a jump of a weekly share between two neighbouring weeks that then lasts (Fisher's exact test on the
    weeks before and since), so large that no shift of operations makes it. The facts must be built on `con`.
    """
    found = [*_codes(con, week), *_silent(con, week), *(a for table in TABLES for a in _columns(con, table, week))]
    return tuple(sorted(found, key=lambda alarm: (alarm.p, alarm.sentence)))[:MOST]


def _codes(con: duckdb.DuckDBPyConnection, week: date) -> Iterable[Alarm]:
    rows = con.execute(
        """
        WITH scans AS (
            SELECT coalesce(source_code, source_status) AS code, date_trunc('week', recorded_at)::DATE AS week
            FROM tracking_events_known
            WHERE recorded_at >= $first::DATE AND recorded_at < $last::DATE + INTERVAL 7 DAY
        ), whole AS (SELECT week, count(*) AS n FROM scans GROUP BY 1)
        SELECT code, week, count(*), any_value(n) FROM scans JOIN whole USING (week) GROUP BY ALL ORDER BY ALL
        """,
        {"first": week - timedelta(weeks=BASE_WEEKS + NEWEST_WEEKS - 1), "last": week},
    ).fetchall()
    whole = {at: float(n) for _, at, _, n in rows}
    weeks = tuple(sorted(whole))
    for code in sorted({str(row[0]) for row in rows}):
        counted = {at: float(n) for name, at, n, _ in rows if str(name) == code}
        told = Weeks(weeks, tuple(counted.get(at, 0.0) for at in weeks), tuple(whole[at] for at in weeks))
        if (jump := jump_of(told)) and max(jump.before, jump.now) >= CODE_SHARE and min(jump.before, jump.now) == 0:
            named = shortened(code, 40)
            when = f"since the week of {day(jump.since)}"
            said = (
                f"Tracking code {named!r} is new {when}: {share(jump.now)} of all scans."
                if jump.now > jump.before
                else f"Tracking code {named!r}, {share(jump.before)} of all scans before, has gone {when}."
            )
            yield Alarm("data", f"code {named}", Slice(), jump.since, jump.before, jump.now, jump.p, said)


def _silent(con: duckdb.DuckDBPyConnection, week: date) -> Iterable[Alarm]:
    """Look for carriers whose parcels are hardly scanned at all any more, delivery included."""
    rows = con.execute(
        f"""
        SELECT carrier, date_trunc('week', label_at)::DATE AS week,
               count(*) FILTER (first_scan_at IS NOT NULL), count(*)
        FROM parcel_facts
        WHERE label_at >= $first::DATE AND label_at < (SELECT as_of FROM clock) - INTERVAL {ACTS_BACK_DAYS} DAY
          AND carrier <> 'unknown'
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {"first": week - timedelta(weeks=BASE_WEEKS + NEWEST_WEEKS - 1)},
    ).fetchall()
    for carrier in sorted({str(row[0]) for row in rows}):
        mine = [row[1:] for row in rows if str(row[0]) == carrier]
        jump = jump_of(Weeks(*(tuple(column) for column in zip(*mine, strict=True))))
        if jump and jump.before - jump.now >= 2 * JUMP:
            said = (
                f"Only {share(jump.now)} of {carrier}'s parcels have any scan since the week of {day(jump.since)},"
                f" {share(jump.before)} before: look at the tracking feed before you look at the carrier."
            )
            where = Slice.of([("carrier", carrier)])
            yield Alarm("data", f"scans of {carrier}", where, jump.since, jump.before, jump.now, jump.p, said)


def _columns(con: duckdb.DuckDBPyConnection, table: Table, week: date) -> Iterable[Alarm]:
    """Look for columns that are filled for far more, or far fewer, of the rows than before."""
    optional = [c.name for c in table.columns if not c.required and not _comes_later(c.name)]
    if not table.born or not optional:
        return
    counts = ", ".join(f"count({name})" for name in optional)
    rows = con.execute(
        f"""
        SELECT date_trunc('week', {table.born})::DATE AS week, count(*), {counts} FROM {table.name}_known
        WHERE {table.born} >= $first::DATE AND {table.born} < $last::DATE + INTERVAL 7 DAY GROUP BY 1 ORDER BY 1
        """,
        {"first": week - timedelta(weeks=BASE_WEEKS + NEWEST_WEEKS - 1), "last": week},
    ).fetchall()
    for i, name in enumerate(optional):
        told = Weeks(*(tuple(row[j] for row in rows) for j in (0, 2 + i, 1)))
        if (jump := jump_of(told)) and abs(jump.now - jump.before) >= JUMP:
            what, when = f"{table.name}.{name}", f"since the week of {day(jump.since)}"
            said = f"{what} is filled for {share(jump.now)} of the rows {when}, {share(jump.before)} before."
            yield Alarm("data", what, Slice(), jump.since, jump.before, jump.now, jump.p, said)


def _comes_later(name: str) -> bool:
    """Whether a column fills as time goes by, so that young rows lack it."""
    return name.endswith("_at") or name in ("cost_invoiced", "reopens", "replaces_shipment_id")


class Jump(NamedTuple):
    """The largest step of a weekly share among the newest weeks."""

    since: date
    before: float
    now: float
    p: float


def jump_of(told: Weeks, newest: int = NEWEST_WEEKS) -> Jump | None:
    """Return the step that parts the `newest` weeks best from those before it, if it is sure and kept until now."""
    steps = range(max(BASE_WEEKS, len(told.part) - newest), len(told.part))
    large = [i for i in steps if min(told.whole[i - BASE_WEEKS :]) >= FEWEST_ROWS]
    if not large:
        return None
    part, whole = np.array(told.part, dtype=np.float64), np.array(told.whole, dtype=np.float64)
    base = {i: slice(i - BASE_WEEKS, i) for i in large}
    shares = [(_of(part[base[i]], whole[base[i]]), _of(part[i:], whole[i:]), i) for i in large]
    before, now, i = max(shares, key=lambda told: abs(told[1] - told[0]))
    p = _chance(part[i - BASE_WEEKS :], whole[i - BASE_WEEKS :], BASE_WEEKS)
    each = part / np.maximum(whole, 1.0)
    lasts = abs(each[-1] - now) <= abs(each[-1] - before)
    parted = each[i:].min() > each[base[i]].max() or each[i:].max() < each[base[i]].min()
    return Jump(told.weeks[i], before, now, p) if p < SURE and lasts and parted else None


def _of(part: Floats, whole: Floats) -> float:
    return float(part.sum() / max(whole.sum(), 1.0))


def _chance(part: Floats, whole: Floats, i: int) -> float:
    rest = whole - part
    result: Any = fisher_exact([[part[i:].sum(), rest[i:].sum()], [part[:i].sum(), rest[:i].sum()]])
    return float(result.pvalue)
