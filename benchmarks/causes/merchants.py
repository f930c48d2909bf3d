"""Random merchants with one planted cause of a known origin, and beside it something that only looks guilty."""

# ruff: noqa: E501  (a table of cases reads best a line each)

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

from closeloop.simulate import Effect, Problem, Scenario, demo_scenario, where

WEEKS, ORDERS_PER_WEEK = 26, 2500
REGIONS = ("South Atlantic", "Middle Atlantic", "East North Central", "West South Central", "Pacific")
SKUS = ("APP-01", "APP-03", "APP-04", "APP-06", "APP-08")
WAIT = ("ready_to_label", "order_to_handover", "on_time_delivery")
SCAN = ("label_to_first_scan", "idle_labels", "order_to_handover", "slow_transit", "on_time_delivery")
LATE = ("slow_transit", "on_time_delivery")


class Planted(NamedTuple):
    """One cause or one decoy: its origin, the metrics in which it can show, where, since when, and what happens."""

    name: str
    origin: str
    metrics: tuple[str, ...]
    slice: dict[str, str]
    start: date
    effects: tuple[Effect, ...]


def causes(rng: np.random.Generator, end: date) -> tuple[Planted, ...]:
    """Return one of each kind of cause, with random place, size and first day."""
    start = end - timedelta(days=28 + int(rng.integers(0, 10)))
    early = start - timedelta(weeks=3)
    region, carrier = str(rng.choice(REGIONS)), str(rng.choice(["UPS", "USPS", "FedEx"]))
    channel, site, sku = (
        str(rng.choice(["amazon", "ebay", "web"])),
        str(rng.choice(["NJ", "NV"])),
        str(rng.choice(SKUS)),
    )
    hours, add = float(rng.uniform(12, 24)), float(rng.uniform(0.06, 0.15))

    def of(
        name: str, origin: str, metrics: tuple[str, ...], kind: str, size: float, target: str = "", **slice_: str
    ) -> Planted:
        day = early if kind == "return_factor" else start
        effect = Effect(kind, where(**slice_), day, None, size, target)  # type: ignore[arg-type]
        return Planted(name, origin, metrics, slice_, day, (effect,))

    longer = Effect("promise", where(channel=channel), date(2026, 1, 1), start, 2.0)
    return (
        of("channel waits", "workflow", WAIT, "delay", hours, "ready_to_label", channel=channel),
        of("large orders wait", "workflow", WAIT, "delay", hours, "ready_to_label", complexity="4+ lines"),
        of("site waits", "warehouse", WAIT, "delay", hours / 2, "ready_to_label", warehouse=site),
        of("dock is slow", "warehouse", SCAN, "delay", hours / 2, "label_to_scan", warehouse=site),
        of("pickup missed", "carrier", SCAN, "delay", hours, "label_to_scan", carrier=carrier, warehouse=site),
        of("slow lane", "carrier", LATE, "delay", 2 * hours, "transit", carrier=carrier, region=region),
        of("slow carrier", "carrier", LATE, "delay", hours, "transit", carrier=carrier),
        of("region cut off", "external", LATE, "delay", 2 * hours, "transit", region=region),
        of("storms", "external", ("exception_rate", *LATE), "exception_add", 2 * add, "weather", region=region),
        of("damage", "carrier", ("exception_rate", *LATE), "exception_add", add, "damaged", carrier=carrier),
        of("address errors", "workflow", ("exception_rate", *LATE), "exception_add", add, "address", channel=channel),
        of("returns", "workflow", ("return_rate",), "return_factor", float(rng.uniform(3, 4.5)), "SIZE_TOO_SMALL", sku=sku),
        of("rate step", "carrier", ("cost_index",), "cost_add", float(rng.uniform(0.6, 1.5)), carrier=carrier),
        Planted("shorter promise", "workflow", ("on_time_delivery",), {"channel": channel}, start, (longer,)),
    )  # fmt: skip


def decoys(rng: np.random.Generator, near: date) -> tuple[Planted, ...]:
    """Return one of each kind of decoy: it begins within a week of the cause, and is no problem that lasts."""
    start = near + timedelta(days=int(rng.integers(-5, 6)))
    week = start + timedelta(days=7)
    channel, sku = str(rng.choice(["amazon", "ebay", "walmart"])), str(rng.choice(SKUS))
    site, region = str(rng.choice(["NJ", "NV"])), str(rng.choice(REGIONS))

    def of(name: str, origin: str, metrics: tuple[str, ...], slice_: dict[str, str], effect: Effect) -> Planted:
        return Planted(name, origin, metrics, slice_, start, (effect,))

    return (
        of("busy weeks", "none", WAIT, {}, Effect("volume", (), start, None, 1.25)),
        of("channel grows", "workflow", WAIT, {"channel": channel}, Effect("mix_shift", where(channel=channel), start, None, 2.0)),
        of("campaign", "workflow", ("return_rate",), {"sku": sku}, Effect("mix_shift", where(sku=sku), start, None, 3.0)),
        of("new code", "carrier", SCAN, {}, Effect("vocabulary", (), start, None, 0.6, "arrived_at_facility->arrived_at_hub")),
        of("short staff for a week", "warehouse", WAIT, {"warehouse": site}, Effect("delay", where(warehouse=site), start, week, 3.0, "ready_to_label")),
        of("two storm days", "external", ("exception_rate", *LATE), {"region": region}, Effect("exception_add", where(region=region), start, start + timedelta(days=2), 0.5, "weather")),
        of("heavy parcels change carrier", "carrier", ("cost_index",), {"carrier": "UPS"}, Effect("reassign", where(carrier="FedEx", weight_band=("2-5 lb", "5-10 lb", "10+ lb")), start, None, 0.6, "UPS")),
    )  # fmt: skip


def merchant(seed: int) -> tuple[Scenario, Planted, Planted]:
    """Return the scenario of one seed with its cause and its decoy; seeds go through the kinds in turn."""
    rng = np.random.default_rng(seed)
    base = demo_scenario(WEEKS, ORDERS_PER_WEEK, seed)
    every = causes(rng, base.start + timedelta(weeks=WEEKS))
    cause = every[seed % len(every)]
    lookalikes = decoys(rng, cause.start)
    decoy = lookalikes[int(rng.integers(len(lookalikes)))]
    return replace(base, problems=(_as_problem("P", cause), _as_problem("D", decoy))), cause, decoy


def _as_problem(name: str, planted: Planted) -> Problem:
    first = planted.effects[0]
    return Problem(
        id=name, role="problem" if name == "P" else "decoy", title=planted.name, metric="", where=first.where,
        start=first.start, end=first.end, size=first.size, unit="", origin=planted.origin,  # type: ignore[arg-type]
        story="", effects=planted.effects,
    )  # fmt: skip
