"""What should be there and is not: scans of a region, acceptances at a dock, the orders of a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd

from closeloop.feed_alarms import ACTS_BACK_DAYS, BASE_WEEKS, JUMP, Jump, Weeks, jump_of
from closeloop.model import Alarm, Slice
from closeloop.words import day, number, share

FEWEST_MISSING = 15.0
"""Things missing a week below which nobody needs to look."""

LEFT = 0.65
"""The part of the expected orders at which, or below, a stream of orders has broken off; more is a change of mix."""

FELT = 0.5
"""The part of a slice's missing orders that what is wider must miss too: what others gained has only moved."""

LASTING_WEEKS = 12
"""Weeks for which what is missing goes on being told, as patterns do; then it is the level."""

MOST = 3


@dataclass(frozen=True)
class Kind:
    """One thing that should be there: which rows of a view should have it, and how its lack is told."""

    what: str
    view: str
    at: str
    rows: str
    there: str
    dims: tuple[str, ...]
    said: str


SCANS = (
    Kind(
        "scans", "parcel_facts", "label_at",
        f"label_at < (SELECT as_of FROM clock) - INTERVAL {ACTS_BACK_DAYS} DAY",
        f"first_scan_at < label_at + INTERVAL {ACTS_BACK_DAYS} DAY", ("carrier", "warehouse", "region"),
        "have a scan within four days",
    ),
    Kind(
        "acceptance scans", "parcel_facts", "delivered_at", "delivered_at IS NOT NULL",
        "accepted", ("carrier", "warehouse", "region"), "have a scan at acceptance",
    ),
)  # fmt: skip
ORDERS = Kind("orders", "order_facts", "ordered_at", "true", "true", ("channel", "warehouse", "region"), "")


@dataclass(frozen=True)
class _Gap:
    alarm: Alarm
    missing: float

    @property
    def evidence(self) -> float:
        """What is missing times how much of it is: of nested slices the emptiest that holds it all is largest."""
        return self.missing * abs(self.alarm.before - self.alarm.now)


def gaps(con: duckdb.DuckDBPyConnection, week: date) -> tuple[Alarm, ...]:
    """Return where scans or orders are missing that should be there, the largest first.

    A jump down of a weekly share within the newest twelve weeks that lasts and parts them from the eight before it
    (Fisher's exact test, as for other changes of the data). Of slices that one gap empties the one that explains
    most is named. A shortfall is counted against what was expected: it is never read as an improvement. The facts
    must be built on `con`.
    """
    found = [_scans(con, kind, week) for kind in SCANS]
    found.append(_orders(con, week))
    told = [gap for each in found for gap in _one_each(each)]
    return tuple(gap.alarm for gap in sorted(told, key=lambda gap: (-gap.missing, gap.alarm.sentence)))[:MOST]


def _rows(con: duckdb.DuckDBPyConnection, kind: Kind, week: date) -> pd.DataFrame:
    return con.execute(
        f"""
        SELECT date_trunc('week', {kind.at})::DATE AS week, {", ".join(kind.dims)},
               count(*) FILTER ({kind.there}) AS part, count(*) AS whole
        FROM {kind.view}
        WHERE ({kind.rows}) AND {kind.at} >= $first::DATE AND {kind.at} < $last::DATE + INTERVAL 7 DAY
        GROUP BY ALL ORDER BY ALL
        """,
        {"first": week - timedelta(weeks=BASE_WEEKS + LASTING_WEEKS - 1), "last": week},
    ).df()


def _slices(rows: pd.DataFrame, dims: tuple[str, ...]) -> Iterator[tuple[Slice, pd.DataFrame]]:
    """Sum the rows by week for each slice of one or two dimensions that names something."""
    for fixed in (*combinations(dims, 1), *combinations(dims, 2)):
        sums = rows.groupby([*fixed, "week"], sort=True)[["part", "whole"]].sum()
        for key, mine in sums.groupby(level=list(range(len(fixed))), sort=True):
            values = [str(value) for value in key]
            if "unknown" not in values:
                yield Slice.of(zip(fixed, values, strict=True)), mine.droplevel(list(range(len(fixed))))


def _scans(con: duckdb.DuckDBPyConnection, kind: Kind, week: date) -> Iterable[_Gap]:
    for where, mine in _slices(_rows(con, kind, week), kind.dims):
        jump = jump_of(_weeks(mine["part"], mine["whole"]), LASTING_WEEKS)
        if not jump or jump.before - jump.now < JUMP or (where.dims == ("carrier",) and kind.what == "scans"):
            continue  # a carrier that is not scanned at all is told as a matter of the feed
        since = mine.index >= pd.Timestamp(jump.since)
        missing = float((jump.before * mine["whole"] - mine["part"])[since].mean())
        said = (
            f"Scans are missing, {where.spoken}: only {share(jump.now)} {kind.said} since the week of"
            f" {day(jump.since)}, {share(jump.before)} before: about {number(missing)} a week lack it."
        )
        if missing >= FEWEST_MISSING:
            yield _Gap(_alarm(kind.what, where, jump, said), missing)


def _orders(con: duckdb.DuckDBPyConnection, week: date) -> Iterable[_Gap]:
    """Hold the orders of each slice against what the rest of the merchant's orders lead one to expect."""
    rows = _rows(con, ORDERS, week)
    all_weeks = rows.groupby("week")["whole"].sum()
    streams = {Slice(): all_weeks}
    for where, mine in _slices(rows, ORDERS.dims):
        own = streams[where] = mine["part"].reindex(all_weeks.index, fill_value=0)
        jump = jump_of(_weeks(own, all_weeks), LASTING_WEEKS)
        if not jump or jump.now >= jump.before:
            continue
        since = own.index >= pd.Timestamp(jump.since)
        ratio = jump.before / max(1 - jump.before, 1e-9)
        expected = float((ratio * (all_weeks - own))[since].mean())
        first = int(np.flatnonzero(since)[0])
        now, usual = float(own[since].mean()), float(own.iloc[first - BASE_WEEKS : first].mean())
        felt = all(_lost(streams[one], first) >= FELT * _lost(own, first) for one in _wider(where))
        if felt and now <= LEFT * min(expected, usual) and expected - now >= FEWEST_MISSING:
            said = (
                f"Orders are missing, {where.spoken}: {number(now)} a week since the week of {day(jump.since)}"
                f" instead of {number(expected)} at the pace of all others."
            )
            yield _Gap(_alarm("orders", where, jump, said), expected - now)


def _lost(stream: pd.Series, first: int) -> float:
    """Return how many fewer there were in the very week of a jump than in the four before; later weeks may grow."""
    return float(stream.iloc[first - 4 : first].mean() - stream.iloc[first])


def _wider(where: Slice) -> list[Slice]:
    """Return what should miss the orders of a slice too: the whole, and both streams of which it is the crossing."""
    return [Slice(), *(Slice((one,)) for one in where.where if len(where.where) > 1)]


def _weeks(part: pd.Series, whole: pd.Series) -> Weeks:
    weeks = tuple(pd.Timestamp(one).date() for one in part.index)
    return Weeks(weeks, tuple(part.astype(np.float64)), tuple(whole.astype(np.float64)))


def _alarm(what: str, where: Slice, jump: Jump, said: str) -> Alarm:
    return Alarm("gap", what, where, jump.since, jump.before, jump.now, jump.p, said)


def _one_each(found: Iterable[_Gap]) -> list[_Gap]:
    """Keep those that no gap with more evidence, in a slice that shares rows with theirs, explains."""
    kept: list[_Gap] = []
    for gap in sorted(found, key=lambda one: (-one.evidence, str(one.alarm.scope))):
        if not any(gap.alarm.scope.overlaps(other.alarm.scope) for other in kept):
            kept.append(gap)
    return kept
