"""Could it have been seen earlier?  Alert rules replayed on what was recorded by then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import duckdb
from statsmodels.stats.proportion import proportion_confint

from closeloop import crossed
from closeloop.model import Estimate, Slice
from closeloop.segments import Segment
from closeloop.slices import EVERYTHING, filter_sql

Waiting = Literal["label", "first scan", "next scan", "destination"]
Clock = Literal["business", "calendar"]

THRESHOLDS = (6, 12, 18, 24, 36, 48, 72, 96)
"""Hours that a sweep tries."""

ABOUT_AS_GOOD = 0.85
"""The part of the best rule's worth that a rule may have and still win by being earlier."""

WAITS: dict[Waiting, str] = {
    "label": """
        SELECT order_id AS unit, ready_at AS started_at, least(label_at, cancelled_at) AS ended_at
        FROM order_facts WHERE ready_at IS NOT NULL AND ({where})""",
    "first scan": """
        SELECT shipment_id AS unit, label_at AS started_at, recorded_at AS ended_at
        FROM parcel_facts LEFT JOIN (
            SELECT shipment_id, min(recorded_at) AS recorded_at FROM recorded WHERE moved GROUP BY 1
        ) USING (shipment_id) WHERE label_at IS NOT NULL AND ({where})""",
    "next scan": """
        SELECT shipment_id AS unit, recorded_at AS started_at,
               lead(recorded_at) OVER (PARTITION BY shipment_id ORDER BY recorded_at) AS ended_at
        FROM recorded JOIN parcel_facts USING (shipment_id) WHERE moved AND ({where})
        QUALIFY bool_or(ended) OVER (PARTITION BY shipment_id ORDER BY recorded_at) IS NOT TRUE""",
    "destination": """
        SELECT shipment_id AS unit, promised_date + INTERVAL 1 DAY AS started_at, recorded_at AS ended_at
        FROM parcel_facts LEFT JOIN (
            SELECT shipment_id, min(recorded_at) AS recorded_at FROM recorded WHERE arrived GROUP BY 1
        ) USING (shipment_id) WHERE sent_at < promised_date AND ({where})""",
}
"""What each rule waits for: units, when their wait began, and when the merchant knew that it was over."""

SAID: dict[Waiting, str] = {
    "label": "no label {hours} after the order was ready",
    "first scan": "no carrier scan {hours} after the label",
    "next scan": "no new scan for {hours}",
    "destination": "not in the destination region {hours} before the end of the promised day",
}


@dataclass(frozen=True)
class Rule:
    """An alert: it fires when something has not been recorded some hours after its wait began.

    A `destination` rule counts back: it fires so many calendar hours before the promised day is over. It is asked
    of the rows of `scope`; where `within` is set, it fires for those of them alone that are in that segment.
    """

    waits_for: Waiting
    hours: float
    clock: Clock = "business"
    scope: Slice = EVERYTHING
    within: Segment | None = None

    def __post_init__(self) -> None:
        """Refuse what no shop's automation could run."""
        if self.waits_for not in WAITS:
            raise ValueError(f"rule waits for {self.waits_for!r}; it can wait for {', '.join(WAITS)}")
        if self.hours <= 0:
            raise ValueError(f"rule waits {self.hours} hours; it must be more than 0")
        if self.waits_for == "destination" and self.clock == "business":
            object.__setattr__(self, "clock", "calendar")

    def __str__(self) -> str:
        kind = "business hours" if self.clock == "business" else "hours"
        return SAID[self.waits_for].format(hours=f"{self.hours:g} {kind}")

    @property
    def conditions(self) -> tuple[str, ...]:
        """The rule as a shop's automation takes it: one group of conditions, all of which must hold."""
        return (*(f"{dim} is {value}" for dim, value in self.scope.where), str(self))


@dataclass(frozen=True)
class Replay:
    """What one rule would have done: alarms, the missed promises among them, and the hours it gained."""

    rule: Rule
    watched: int
    missed: int
    alarms: int
    caught: int
    weeks: float
    hours_before_promise: float | None
    hours_before_ticket: float | None

    @property
    def caught_share(self) -> Estimate:
        """Missed promises for which the alarm came before the promise was over (Wilson 1927 interval)."""
        bounds: Any = proportion_confint(self.caught, max(1, self.missed), method="wilson")
        return Estimate(self.caught / max(1, self.missed), float(bounds[0]), float(bounds[1]))

    @property
    def false_alarms_a_week(self) -> float:
        """Alarms a week for parcels that kept their promise, or for which it came too late."""
        return (self.alarms - self.caught) / self.weeks

    @property
    def alarms_a_week(self) -> float:
        """How much work the rule makes."""
        return self.alarms / self.weeks

    @property
    def worth(self) -> float:
        """Share of the missed that it catches less share of the kept that it disturbs (Youden 1950)."""
        kept = self.watched - self.missed
        return self.caught / max(1, self.missed) - (self.alarms - self.caught) / max(1, kept)


def replay(con: duckdb.DuckDBPyConnection, rules: Iterable[Rule], since: date, until: date) -> tuple[Replay, ...]:
    """Run rules over units whose promise fell due between two days, knowing at each moment only what was recorded.

    The facts must be built on `con`. Raises ValueError when the data has no promised dates, or a rule's
    scope names a dimension that what it waits for does not have yet: an order has no carrier before its label.
    """
    _mark_what_was_recorded(con)
    asked = tuple(rules)
    found: dict[Rule, Replay] = {}
    for kind in dict.fromkeys(replace(rule, hours=1.0) for rule in asked):
        alike = [rule for rule in asked if replace(rule, hours=1.0) == kind]
        found |= {one.rule: one for one in _replayed(con, alike, since, until)}
    return tuple(found[rule] for rule in asked)


def sweep(rule: Rule, hours: Sequence[float] = THRESHOLDS) -> tuple[Rule, ...]:
    """The same rule with other thresholds."""
    return tuple(replace(rule, hours=float(each)) for each in hours)


def best(replays: Sequence[Replay], most_alarms: float = float("inf")) -> Replay | None:
    """Return the earliest of the rules that are about as good as the best, at no more than so many alarms a week.

    None when no rule catches anything, or none does more good than harm.
    """
    useful = [one for one in replays if one.caught and one.alarms_a_week <= most_alarms and one.worth > 0]
    most = max((one.worth for one in useful), default=0.0)
    good = [one for one in useful if one.worth >= ABOUT_AS_GOOD * most]
    return max(good, key=lambda one: (one.hours_before_promise or 0.0, one.worth), default=None)


def sentence(found: Replay) -> str:
    """Say what a rule would have done."""
    before = found.hours_before_promise or 0.0
    ticket = found.hours_before_ticket
    caught, of = found.caught_share, f"{found.caught:,} of {found.missed:,}"
    return (
        f"An alert on {found.rule} would have caught {caught.value:.0%} of the missed promises ({of}),"
        f" half of them {before:.0f} hours or more before the promise was over"
        + (f" and {ticket:.0f} hours before the first ticket" if ticket is not None and ticket > 0 else "")
        + f", with {found.false_alarms_a_week:.0f} false alarms a week."
    )


def _mark_what_was_recorded(con: duckdb.DuckDBPyConnection) -> None:
    """Make the table `recorded` of these facts, unless it is there already."""
    [(as_of,)] = con.execute("SELECT as_of::VARCHAR FROM clock").fetchall()
    known = con.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'recorded' AND temporary").fetchall()
    if known == [(as_of,)]:
        return
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE recorded AS
        SELECT events.shipment_id, events.recorded_at,
               coalesce(finer.status, coarse.status, 'unknown')
                   NOT IN ('label_created', 'unknown', 'voided') AS moved,
               coalesce(finer.status, coarse.status)
                   IN ('at_destination', 'out_for_delivery', 'attempt_failed', 'delivered') AS arrived,
               coalesce(finer.status, coarse.status) IN ('delivered', 'returned', 'lost', 'disposed') AS ended
        FROM tracking_events_known AS events
        LEFT JOIN vocabulary AS finer ON finer.code = events.source_code
        LEFT JOIN vocabulary AS coarse ON coarse.code = events.source_status
        """
    )
    con.execute(f"COMMENT ON TABLE recorded IS '{as_of}'")


def _replayed(con: duckdb.DuckDBPyConnection, rules: Sequence[Rule], since: date, until: date) -> list[Replay]:
    """Replay rules that differ in their hours only, in one pass."""
    kind = rules[0]
    view = "order_facts" if kind.waits_for == "label" else "parcel_facts"
    crossed.check(con, f"a rule that waits for the {kind.waits_for}", view, kind.scope)
    where, values = filter_sql(kind.scope)
    fires = f"({where}) AND ({kind.within.condition})" if kind.within else where
    rows = con.execute(
        f"""
        WITH outcomes AS MATERIALIZED (
            SELECT unit, missed, promise_end, ticket_at
            FROM ({_ORDERS if kind.waits_for == "label" else _PARCELS})
            WHERE promise_end > $since AND promise_end <= $until::DATE + 1 AND ({where})
        ),
        watched AS (SELECT DISTINCT unit FROM ({WAITS[kind.waits_for].format(where=where)})),
        waits AS MATERIALIZED (
            SELECT waits.* FROM ({WAITS[kind.waits_for].format(where=fires)}) AS waits SEMI JOIN outcomes USING (unit)
        ),
        thresholds AS (SELECT unnest($hours::DOUBLE[]) AS hours),
        timed AS ({_TIMED[kind.clock if kind.waits_for != "destination" else "back"]}),
        alarms AS (
            SELECT unit, hours, min(fired_at) AS fired_at FROM timed
            WHERE fired_at < ended_at OR (ended_at IS NULL AND fired_at < $now) GROUP BY unit, hours
        ),
        judged AS (
            SELECT hours, missed, fired_at, missed AND fired_at < promise_end AS caught,
                   epoch(promise_end - fired_at) / 3600 AS before_promise,
                   epoch(ticket_at - fired_at) / 3600 AS before_ticket
            FROM watched CROSS JOIN thresholds
            JOIN outcomes USING (unit) LEFT JOIN alarms USING (unit, hours)
        )
        SELECT hours, count(*), count(*) FILTER (missed), count(fired_at), count(*) FILTER (caught),
               median(before_promise) FILTER (caught), median(before_ticket) FILTER (caught)
        FROM judged GROUP BY hours
        """,
        {**values, "hours": [rule.hours for rule in rules], "since": since, "until": until, "now": _now(con)},
    ).fetchall()
    if not rows:
        raise ValueError(f"no promise of {kind.scope} fell due from {since} to {until}; rules are replayed on those")
    weeks = ((until - since).days + 1) / 7
    told = {row[0]: row for row in rows}
    return [_outcome(rule, told[rule.hours], weeks) for rule in rules]


def _outcome(rule: Rule, row: tuple[Any, ...], weeks: float) -> Replay:
    _, watched, missed, alarms, caught, before_promise, before_ticket = row
    return Replay(rule, watched, missed, alarms, caught, weeks, before_promise, before_ticket)


_TIMED = {
    "calendar": """
        SELECT unit, hours, ended_at, started_at + to_seconds(hours * 3600) AS fired_at FROM waits, thresholds""",
    "back": """
        SELECT unit, hours, ended_at, started_at - to_seconds(hours * 3600) AS fired_at FROM waits, thresholds""",
    "business": """
        SELECT unit, hours, ended_at, later.day + to_seconds((hour_no % 24) * 3600) AS fired_at
        FROM (
            SELECT unit, hours, ended_at, no * 24 + hours
                   + CASE WHEN working THEN epoch(started_at - day::TIMESTAMP) / 3600 - 24 ELSE 0 END AS hour_no
            FROM waits JOIN days ON days.day = started_at::DATE CROSS JOIN thresholds
        ) JOIN days AS later ON later.working AND later.no = floor(hour_no / 24) + 1""",
}
"""When each wait has lasted too long; a working day has 24 business hours, a day off has none."""

_PARCELS = """
    SELECT shipment_id AS unit, promised_date + INTERVAL 1 DAY AS promise_end, ticket_at, parcel_facts.*,
           attempt_at IS NULL OR attempt_at >= promised_date + INTERVAL 1 DAY AS missed
    FROM parcel_facts
    LEFT JOIN (SELECT order_id, min(created_at) AS ticket_at FROM tickets_known GROUP BY 1) USING (order_id)
    WHERE promised_date IS NOT NULL"""

_ORDERS = """
    SELECT order_id AS unit, promised_date + INTERVAL 1 DAY AS promise_end, ticket_at, order_facts.*,
           attempt_at IS NULL OR attempt_at >= promised_date + INTERVAL 1 DAY AS missed
    FROM order_facts
    LEFT JOIN (SELECT order_id, min(created_at) AS ticket_at FROM tickets_known GROUP BY 1) USING (order_id)
    WHERE promised_date IS NOT NULL AND cancelled_at IS NULL"""


def _now(con: duckdb.DuckDBPyConnection) -> object:
    """Return the newest instant that the facts know: what has not ended by then is still waiting."""
    [(now,)] = con.execute(
        "SELECT greatest((SELECT max(ordered_at) FROM order_facts), (SELECT max(label_at) FROM parcel_facts),"
        " (SELECT max(recorded_at) FROM recorded))"
    ).fetchall()
    return now
