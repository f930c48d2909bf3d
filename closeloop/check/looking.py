"""What was read, matched and set aside, the levels held, the metrics given, and those that more files would open."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from closeloop import changes, facts, metrics, project
from closeloop.cube import MIN_TOTAL, WARM_UP_WEEKS
from closeloop.loop import LOG, read_source
from closeloop.model import Metric, StockMetric, TableCount, TimeMetric
from closeloop.sources import accounts, levels, prepared
from closeloop.sources.combining import Match
from closeloop.sources.levels import LEVELS, Level
from closeloop.sources.source import Source
from closeloop.tables import TABLES

AnyMetric = Metric | TimeMetric | StockMetric

ROWS_OF = {
    "order_facts": ("orders",),
    "order_outcomes": ("orders",),
    "order_promises": ("orders",),
    "line_facts": ("orders", "order_lines"),
    "return_facts": ("returns",),
    "exceptions": ("shipments", "tracking_events"),
    "exception_costs": ("shipments", "tracking_events"),
}
"""The tables without which a view has no row; the views that are not named are of parcels."""

NO_NEWS = ("promised_ship_by", "ends_at")
"""Times that can lie ahead of what is known."""

TOLD_BY = ("shipments", "tracking_events")
"""The tables that can tell the times of a parcel's journey, such as parcel_facts.delivered_at."""


@dataclass(frozen=True)
class Given:
    """A metric that the data gives; a weekly one with the things that a usual week has, and the number of weeks.

    Where not one row counts, `empty` names the times and values that every row lacks.
    """

    metric: AnyMetric
    in_a_week: float = math.inf
    weeks: float = math.inf
    empty: tuple[str, ...] = ()

    @property
    def thin(self) -> bool:
        """Whether the weekly report leaves it out, since its weeks are too small or too few to be compared."""
        return self.in_a_week < MIN_TOTAL or self.weeks <= WARM_UP_WEEKS


@dataclass(frozen=True)
class Wanting:
    """What is lacking, a level's file or some columns, and the metrics that it would open."""

    columns: tuple[str, ...]
    opens: tuple[AnyMetric, ...]
    level: Level | None = None


@dataclass(frozen=True)
class Checked:
    """Everything that `closeloop check` tells of one merchant's files."""

    source: Source
    files: tuple[accounts.FileCount, ...]
    counts: tuple[TableCount, ...]
    spans: tuple[accounts.Span, ...]
    part_counts: tuple[tuple[str, TableCount], ...]
    matches: tuple[Match, ...]
    shape: tuple[tuple[str, int], ...]
    codes: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]
    faults: tuple[accounts.Fault, ...]
    assumed: tuple[str, ...]
    held: tuple[Level, ...]
    given: tuple[Given, ...]
    files_to_come: tuple[Wanting, ...]
    columns_to_come: tuple[Wanting, ...]

    @property
    def usable(self) -> bool:
        """Whether there is at least one order to work with."""
        return any(count.table == "orders" and count.rows_used for count in self.counts)


def look(where: Path, data: Path | None = None) -> Checked:
    """Read a source folder and say what its files hold and can tell. Raises ValueError where they cannot be read."""
    merchant = read_source(where, data)
    with duckdb.connect() as con:
        prepared.attach(con, prepared.prepare(merchant, project.cache()))
        counts = prepared.counts(con)
        spans = accounts.spans(con, merchant.timezone)
        if spans:
            facts.build(con, merchant, _end(con))
        filled = _filled(con, counts, built=bool(spans))
        logged = len(changes.read(where / LOG))
        held = levels.held(counts, logged)
        given = tuple(_given(con, metric) for metric in metrics.EVERY if not _lacking(metric, filled))
        files_to_come, columns_to_come = _to_come(filled, held)
        return Checked(
            merchant,
            accounts.files(con),
            counts,
            spans,
            prepared.part_counts(con),
            prepared.matches(con),
            (*accounts.shape(con), *_sent_again(con, bool(spans))),
            _unknown_codes(con) if spans else (),
            _unknown_reasons(con) if spans else (),
            accounts.faults(con),
            prepared.assumed(con),
            held,
            given,
            files_to_come,
            columns_to_come,
        )


def _end(con: duckdb.DuckDBPyConnection) -> datetime:
    """Return the midnight after the newest time in the data that is no promise, by the merchant's calendar."""
    times = " UNION ALL ".join(
        f"SELECT max({column.name})::TIMESTAMP AS newest FROM store.{table.name}"
        for table in TABLES
        for column in table.columns
        if column.kind == "instant" and column.name not in NO_NEWS
    )
    # Fetched whole: the facts refuse a connection with a result that is still open.
    newest: date = con.execute(f"SELECT max(newest)::DATE FROM ({times})").fetchall()[0][0]
    return datetime(newest.year, newest.month, newest.day) + timedelta(days=1)


def _filled(con: duckdb.DuckDBPyConnection, counts: Sequence[TableCount], *, built: bool) -> frozenset[str]:
    """Return the tables with a usable row, and the columns with a value, such as shipments.cost.

    The views are looked at where they were `built`: without one dated row there are none.
    """
    tables = {count.table for count in counts if count.rows_used}
    names = {f"store.{table.name}": [c.name for c in table.columns] for table in TABLES if table.name in tables}
    needed = {need for metric in metrics.EVERY for need in metric.needs if need.split(".")[0] not in _NAMES}
    for view, column in (need.split(".") for need in sorted(needed) if built):
        names.setdefault(view, []).append(column)
    filled = set(tables)
    for table, columns in names.items():
        asked = ", ".join(f"count({column})" for column in columns)
        [row] = con.execute(f"SELECT {asked} FROM {table}").fetchall()
        short = table.removeprefix("store.")
        filled |= {f"{short}.{column}" for column, n in zip(columns, row, strict=True) if n}
    return frozenset(filled)


_NAMES = frozenset(table.name for table in TABLES)


def _needs(metric: AnyMetric) -> tuple[str, ...]:
    """What must be there: the tables that its view is made of, then the columns that it names."""
    return (*ROWS_OF.get(metric.view, ("shipments",)), *metric.needs)


def _lacking(metric: AnyMetric, filled: frozenset[str]) -> tuple[str, ...]:
    return tuple(need for need in _needs(metric) if need not in filled)


def _to_come(filled: frozenset[str], held: tuple[Level, ...]) -> tuple[tuple[Wanting, ...], tuple[Wanting, ...]]:
    """Add the levels' files one after the other, then single columns, and say what each opens."""
    told, open_before = set(filled), {m.id for m in metrics.EVERY if not _lacking(m, filled)}
    files: list[Wanting] = []
    for level in (level for level in LEVELS if level not in held):
        told |= _given_by(level.table)
        opened = [m for m in metrics.EVERY if m.id not in open_before and not _lacking(m, frozenset(told))]
        open_before |= {metric.id for metric in opened}
        files.append(Wanting((), tuple(opened), level))
    wanted: dict[tuple[str, ...], list[AnyMetric]] = defaultdict(list)
    for metric in metrics.EVERY:
        if metric.id not in open_before:
            lacking = tuple(need for need in _lacking(metric, frozenset(told)) if "." in need)
            wanted[lacking].append(metric)
    columns = [Wanting(needs, tuple(opens)) for needs, opens in wanted.items()]
    return tuple(files), tuple(sorted(columns, key=lambda one: (-len(one.opens), one.columns)))


def _given_by(table: str) -> set[str]:
    """Return what a full file of a table would fill."""
    columns = next((one.columns for one in TABLES if one.name == table), ())
    needs = {need for metric in metrics.EVERY for need in metric.needs if need.endswith(("_at", "_cost"))}
    journey = {need for need in needs if need.split(".")[0] not in _NAMES and table in TOLD_BY}
    return {table, *(f"{table}.{column.name}" for column in columns), *journey}


def _given(con: duckdb.DuckDBPyConnection, metric: AnyMetric) -> Given:
    """Count what falls due in the weeks of a weekly metric; its usual week is the median one."""
    if not isinstance(metric, Metric):
        return Given(metric)
    [row] = con.execute(
        f"SELECT median(n), count(*) FROM (SELECT count(*) AS n FROM {metric.view} WHERE ({metric.rows})"
        f" AND {metric.at} IS NOT NULL AND {metric.at} < (SELECT as_of FROM clock)"
        f" GROUP BY date_trunc('week', {metric.at}))"
    ).fetchall()
    return Given(metric, float(row[0] or 0), int(row[1]), () if row[1] else _empty(con, metric))


def _empty(con: duckdb.DuckDBPyConnection, metric: Metric) -> tuple[str, ...]:
    """Return the columns that decide which rows count, and have no value at all."""
    columns = [str(row[0]) for row in con.execute(f"DESCRIBE {metric.view}").fetchall()]
    named = [column for column in columns if re.search(rf"\b{column}\b", f"{metric.at} {metric.rows}")]
    asked = ", ".join(f"count({column})" for column in named) or "1"
    [row] = con.execute(f"SELECT {asked} FROM {metric.view}").fetchall()
    return tuple(column for column, n in zip(named, row, strict=False) if not n)


def _sent_again(con: duckdb.DuckDBPyConnection, dated: bool) -> tuple[tuple[str, int], ...]:
    row = con.execute("SELECT count(replaced_at) FROM reships").fetchall()[0] if dated else None
    return (("parcels sent again", int(row[0])),) if row and row[0] else ()


def _unknown_codes(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    """Return the tracking codes that no vocabulary of the source knows, with their number of scans."""
    return tuple(
        con.execute(
            """
            SELECT word, count(*) AS n FROM (
                SELECT source_status AS word FROM tracking_events_known
                UNION ALL SELECT source_code FROM tracking_events_known WHERE source_code IS NOT NULL
            ) WHERE word NOT IN (SELECT code FROM vocabulary) GROUP BY word ORDER BY n DESC, word
            """
        ).fetchall()
    )


def _unknown_reasons(con: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    """Return the return reasons that no list of the source knows, with their number of returned items."""
    return tuple(
        con.execute(
            "SELECT reason, count(*) AS n FROM named_returns WHERE reason IS NOT NULL AND reason_class IS NULL"
            " GROUP BY reason ORDER BY n DESC, reason"
        ).fetchall()
    )
