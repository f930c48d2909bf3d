"""Random merchants with one planted problem, or with something that only looks like one."""

# ruff: noqa: E501  (a table of cases reads best a line each)

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from closeloop.simulate import Effect, Problem, Scenario, demo_scenario, where

WEEKS, ORDERS_PER_WEEK = 26, 2500
REGIONS = ("South Atlantic", "Middle Atlantic", "East North Central", "West South Central", "Pacific")
SKUS = ("APP-01", "APP-03", "APP-04", "APP-06", "APP-08")

Case = tuple[str, str, tuple[str, ...], dict[str, str], tuple[Effect, ...], int]


def problem(rng: np.random.Generator, end: date) -> Case:
    """Return (name, origin, metrics in which it shows, slice, effects, weeks before the end) of one problem."""
    draw = int(rng.integers(0, 7))
    region, carrier = str(rng.choice(REGIONS)), str(rng.choice(["UPS", "USPS", "FedEx"]))
    channel, site = str(rng.choice(["amazon", "ebay", "web"])), str(rng.choice(["NJ", "NV"]))
    ago = 7 if draw == 5 else 4
    start = end - timedelta(weeks=ago)
    wait, scan = ("ready_to_label", "order_to_handover", "on_time_delivery"), ("label_to_first_scan", "idle_labels")
    late = ("slow_transit", "on_time_delivery")

    def effect(kind: str, size: float, target: str = "", **slice_: str) -> tuple[Effect, ...]:
        return (Effect(kind, where(**slice_), start, None, size, target),)  # type: ignore[arg-type]

    big = float(rng.uniform(12, 24))
    cases: list[Case] = [
        ("channel waits", "workflow", wait, {"channel": channel}, effect("delay", big, "ready_to_label", channel=channel), ago),
        ("large orders wait", "workflow", wait, {"complexity": "4+ lines"}, effect("delay", big, "ready_to_label", complexity="4+ lines"), ago),
        ("site waits", "warehouse", wait, {"warehouse": site}, effect("delay", big / 2, "ready_to_label", warehouse=site), ago),
        ("pickup missed", "carrier", (*scan, *late), {"carrier": carrier, "warehouse": site}, effect("delay", big, "label_to_scan", carrier=carrier, warehouse=site), ago),
        ("slow lane", "carrier", late, {"carrier": carrier, "region": region}, effect("delay", 2 * big, "transit", carrier=carrier, region=region), ago),
        ("returns", "workflow", ("return_rate",), {"sku": (sku := str(rng.choice(SKUS)))}, effect("return_factor", float(rng.uniform(3, 4.5)), "SIZE_TOO_SMALL", sku=sku), ago),
        ("rate step", "carrier", ("cost_index",), {"carrier": carrier}, effect("cost_add", float(rng.uniform(0.6, 1.5)), carrier=carrier), ago),
    ]  # fmt: skip
    return cases[draw]


def decoy(rng: np.random.Generator, end: date) -> tuple[str, tuple[Effect, ...]]:
    """Return something that changes numbers but is no problem of operations."""
    start = end - timedelta(weeks=int(rng.integers(2, 5)))
    channel, sku = str(rng.choice(["amazon", "ebay", "walmart"])), str(rng.choice(SKUS))
    return [
        ("busy weeks", (Effect("volume", (), start, None, 1.25),)),
        ("channel grows", (Effect("mix_shift", where(channel=channel), start, None, 2.0),)),
        ("campaign", (Effect("mix_shift", where(sku=sku), start, None, 3.0),)),
        ("new code", (Effect("vocabulary", (), start, None, 0.6, "arrived_at_facility->arrived_at_hub"),)),
        ("bad spell that ended", (Effect("delay", where(warehouse="NV"), start - timedelta(weeks=3), start, 1.0, "label_to_scan"),)),
    ][int(rng.integers(0, 5))]  # fmt: skip


def merchant(seed: int, planted: bool) -> tuple[Scenario, Case | None, str]:
    """Return the scenario of one seed, its planted problem if any, and the name of its decoy."""
    rng = np.random.default_rng(seed)
    base = demo_scenario(WEEKS, ORDERS_PER_WEEK, seed)
    end = base.start + timedelta(weeks=WEEKS)
    case, (name, effects) = problem(rng, end), decoy(rng, end)
    planned = [_as_problem("D", name, "none", effects)]
    if planted:
        planned.append(_as_problem("P", case[0], case[1], case[4]))
    return replace(base, problems=tuple(planned)), case if planted else None, name


def _as_problem(name: str, title: str, origin: str, effects: tuple[Effect, ...]) -> Problem:
    first = effects[0]
    return Problem(
        id=name, role="problem" if name == "P" else "decoy", title=title, metric="", where=first.where,
        start=first.start, end=first.end, size=first.size, unit="", origin=origin, story="", effects=effects,
    )  # fmt: skip
