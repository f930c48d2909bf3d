"""A candidate cause -> one targeted change of five kinds, with what the same parcels did elsewhere."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import NamedTuple

import duckdb

from closeloop import metrics, moves, triggers
from closeloop.clues import Named, Promise
from closeloop.model import CHANGE_KINDS, ChangeKind, Estimate, Metric, Origin, Pattern, Remedy
from closeloop.words import day, share

MENDED = {
    "SIZE": "correct the size table of the listing",
    "NOT_AS_DESCRIBED": "correct the description and pictures of the listing",
    "COLOR": "correct the pictures of the listing",
    "STYLE": "correct the pictures of the listing",
    "WRONG_ITEM": "put a scan check into the packing instruction",
    "DEFECTIVE": "check the stock, and change the packing instruction",
    "DAMAGED": "change the packing instruction",
}
"""What to mend, by the beginning of the reason that returns give."""

UNTOUCHED = {
    "to label": ("slow_transit", "label_to_first_scan"),
    "to first scan": ("ready_to_label", "slow_transit"),
    "to destination": ("label_to_first_scan", "ready_to_label"),
    "to first attempt": ("label_to_first_scan", "ready_to_label"),
    "price": ("slow_transit",),
}
"""Metrics that must not move when a step is mended, the best first, by how the step's name ends."""

PLACES = ("region", "zone", "state", "warehouse", "weight_band", "channel", "complexity", "carrier", "service", "sku")
"""Dimensions whose other values a change is held against, the best first: those that it does not spill into."""


class Why(NamedTuple):
    """What the review of a pattern found out that a change can be aimed at."""

    origin: Origin
    stage: str
    promise: Promise | None = None
    named: Named | None = None
    alert: triggers.Replay | None = None
    carrier: str = ""


def propose(con: duckdb.DuckDBPyConnection, pattern: Pattern, why: Why) -> Remedy | None:
    """Propose one targeted change against a candidate cause, specific and in proportion; none where none stands out.

    Effects are of the weeks since the onset: a move of parcels by like-for-like cells (`rates.compare`), a promise
    by who would not have been late, a listing by the excess of the pattern. They are hopes and no promises.
    """
    metric = metrics.by_id(pattern.metric)
    if why.promise and why.promise.to_blame:
        return _promised(metric, pattern, why.promise)
    if metric.id == "return_rate":
        return _relisted(metric, pattern, why)
    if why.origin == "carrier":
        return _moved(con, metric, pattern, why)
    if why.named and why.named.what in ("address_issue", "incorrect_data"):
        what = f"hold {pattern.slice.spoken} whose address does not pass validation, before a label is made"
        return _remedy("automation_condition", what, metric, pattern, why)
    if why.origin == "external":
        return _told(con, metric, pattern, why)
    return _flagged(metric, pattern, why) if why.origin in ("workflow", "warehouse") else None


def sentence(remedy: Remedy) -> str:
    """Say a proposal: its kind, what changes, and what is expected of it."""
    effect = f" Expected: {remedy.expected_effect}." if remedy.expected_effect else ""
    return f"{CHANGE_KINDS[remedy.kind].capitalize()}: {remedy.what}.{effect}"


def _remedy(kind: ChangeKind, what: str, metric: Metric, pattern: Pattern, why: Why) -> Remedy:
    comparison = next((dim for dim in PLACES if dim in pattern.slice.dims), "")
    untouched = next((names for end, names in UNTOUCHED.items() if why.stage.endswith(end)), ())
    fits = (name for name in untouched if set(pattern.slice.dims) <= set(metrics.by_id(name).dims))
    placebo = next((name for name in fits if name != metric.id), "")
    return Remedy(kind, what, pattern.slice, metric.id, comparison, placebo)


def _told(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, why: Why) -> Remedy:
    """Propose to speak first: customers' questions must fall, deliveries cannot."""
    what = f"tell customers of {pattern.slice.spoken} of the delay on its first day, before they ask"
    plain = _remedy("communication_template", what, metric, pattern, why)
    [tickets] = con.execute("SELECT count(*) FROM tickets_known").fetchall()
    asked = metrics.by_id("wismo_rate")
    if not tickets or not tickets[0] or not set(pattern.slice.dims) <= set(asked.dims):
        return plain
    return replace(plain, metric=asked.id, placebo_metric=metric.id)


def _promised(metric: Metric, pattern: Pattern, promise: Promise) -> Remedy:
    n, spared = promise.n / pattern.weeks, promise.spared
    error = 1.96 * sqrt(max(spared * (1 - spared), 0.0) / max(promise.n, 1))
    what = (
        f"promise {pattern.slice.spoken} about {promise.days:.0f} days again, until they are as fast as now promised"
    )
    plain = _remedy("communication_template", what, metric, pattern, Why("workflow", "to label", promise))
    expected = Estimate(-n * spared, -n * (spared + error), -n * (spared - error))
    return replace(plain, expected=expected, unit=metric.unit)


def _relisted(metric: Metric, pattern: Pattern, why: Why) -> Remedy:
    reason = why.named.what if why.named else ""
    mend = next((text for start, text in MENDED.items() if reason.startswith(start)), "check listing and packing")
    said = f"; most say “{reason.replace('_', ' ').lower()}”" if reason else ""
    what = f"{mend} of {pattern.slice.spoken}{said}"
    hoped = Estimate(-pattern.excess.value, -pattern.excess.high, -pattern.excess.low)
    plain = _remedy("packaging_or_labeling", what, metric, pattern, why)
    return replace(plain, expected=hoped, unit=pattern.unit)


def _flagged(metric: Metric, pattern: Pattern, why: Why) -> Remedy:
    """Propose to see them earlier: an automation for a way of working, a worklist for a site."""
    where = pattern.slice.spoken
    if why.alert is None:
        kind: ChangeKind = "automation_condition" if why.origin == "workflow" else "filter_update"
        what = (
            f"flag {where} as soon as they are ready, and give them a queue of their own" if why.origin == "workflow"
            else f"show waiting orders of {where} at the start of each shift, the oldest first"
        )  # fmt: skip
        return _remedy(kind, what, metric, pattern, why)
    conditions = " and ".join(why.alert.rule.conditions)
    what = f"when {conditions}, flag it and put it first"
    if why.origin == "warehouse":
        what = f"at the start of each shift, list what matches: {conditions}"
    caught = why.alert.caught / why.alert.weeks
    beside = (
        f"flags {why.alert.alarms_a_week:,.0f} a week, {caught:,.0f} of them missed promises"
        f" ({share(why.alert.caught_share.value)} of all), in time"
    )
    kind: ChangeKind = "automation_condition" if why.origin == "workflow" else "filter_update"
    return replace(_remedy(kind, what, metric, pattern, why), other_effects=beside)


def _moved(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, why: Why) -> Remedy:
    """Propose the carrier or service that like parcels went with since the onset, where it was surely better."""
    where = dict(pattern.slice.where)
    dim = next((name for name in ("service", "carrier") if name in where), "carrier")
    reference = where.get(dim, why.carrier)
    measure = {"index": "cost"}.get(metric.kind, "exceptions" if metric.id == "exception_rate" else "on_time")
    options = moves.options(con, pattern, dim, reference) if reference else ()
    move = moves.best(con, pattern, (dim, reference), options, measure)
    if move is None:
        whom = moves.carrier_of(con, dim, reference) if reference else f"the carrier of {pattern.slice.spoken}"
        known = "no other one is surely better with like parcels" if options else "no other one takes like parcels"
        what = f"take {pattern.slice.spoken} up with {whom}, and move nothing yet: {known}"
        return _remedy("carrier_allocation", what, metric, pattern, why)
    plain = _remedy("carrier_allocation", move.said(pattern.slice.spoken), metric, pattern, why)
    if measure == "cost":
        return replace(plain, expected=move.money, unit="in shipping cost", other_effects=move.late_too)
    unit = "parcels with an exception" if measure == "exceptions" else "late parcels"
    return replace(plain, expected=move.gain, unit=unit, other_effects=move.money_too)


def undecided(pattern: Pattern) -> str:
    """Say what to do while no origin stands out."""
    where = f" of {pattern.slice.spoken}" if pattern.slice.where else ""
    return (
        f"No origin stands out, so change nothing yet: look at ten of the cases{where} since {day(pattern.onset)},"
        " one by one."
    )
