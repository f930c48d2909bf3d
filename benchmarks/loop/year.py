"""A merchant's year: problems and decoys that arrive at random, and what a change does to them."""

# ruff: noqa: E501  (a table of cases reads best a line each)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from closeloop.simulate import Effect, Problem, Scenario, where
from closeloop.simulate.catalogue import CARRIERS, CHANNEL_NAMES, COMPLEXITIES, SERVICES, WEIGHT_BANDS
from closeloop.simulate.geography import REGIONS, STATES

FIRST_WEEKS, WEEKS = 14, 40
"""Weeks that only teach what is usual, and weeks with a report each."""

ARRIVE = 0.2
"""The chance, each week, of a new problem, and as much of a new decoy."""

START = date(2026, 1, 5)
PLACES = ("South Atlantic", "Middle Atlantic", "East North Central", "West South Central", "Pacific")
SKUS = ("APP-01", "APP-03", "APP-04", "APP-06", "APP-08")
WAIT = ("ready_to_label", "order_to_handover", "on_time_delivery")
SCAN = ("label_to_first_scan", "idle_labels", "order_to_handover", "slow_transit", "on_time_delivery")
LATE = ("slow_transit", "on_time_delivery")
VALUES = {
    "carrier": CARRIERS,
    "service": tuple(dict.fromkeys(service for row in SERVICES.values() for service in row)),
    "warehouse": ("NJ", "NV"),
    "channel": CHANNEL_NAMES,
    "complexity": COMPLEXITIES,
    "weight_band": WEIGHT_BANDS,
    "region": tuple(REGIONS),
    "state": tuple(state.code for state in STATES),
}
"""What a dimension can be: what remains of a problem that is mended in one of them only."""

OF_PARCELS = {"carrier", "service", "weight_band"}
"""Dimensions that a waiting order or a returned item does not have."""


@dataclass(frozen=True)
class Trouble:
    """A problem (or a decoy, which no change can mend): its origin, the metrics that show it, where, since when.

    `mends` is the share of it that the right change takes away.
    """

    name: str
    origin: str
    metrics: tuple[str, ...]
    slice: dict[str, str]
    start: date
    effects: tuple[Effect, ...]
    mends: float

    @property
    def dims(self) -> set[str]:
        """Dimensions by which a change can take hold of it where it happens."""
        [effect] = self.effects
        early = effect.target == "ready_to_label" or effect.kind == "return_factor"
        return set(VALUES) - OF_PARCELS if early else set(VALUES)


@dataclass(frozen=True)
class Mending:
    """A right change: which trouble it mends, in which part of it, from and until when."""

    trouble: int
    part: tuple[tuple[str, str], ...]
    start: date
    end: date | None = None


@dataclass(frozen=True)
class Year:
    """The base scenario of one merchant, its problems and its decoys."""

    base: Scenario
    problems: tuple[Trouble, ...]
    decoys: tuple[Trouble, ...]

    @property
    def first_monday(self) -> date:
        """The first week that has a report."""
        return self.base.start + timedelta(weeks=FIRST_WEEKS)

    @property
    def mondays(self) -> tuple[date, ...]:
        """The weeks that have a report."""
        return tuple(self.first_monday + timedelta(weeks=i) for i in range(self.base.weeks - FIRST_WEEKS))

    def scenario(self, mendings: Sequence[Mending] = (), *, problems: bool = True) -> Scenario:
        """Return what happens with these mendings, or without any problem.

        Pieces come after all that was planned, so that the same luck befalls the same parcels in every world.
        """
        planned = [_planned(f"D{i}", decoy, ()) for i, decoy in enumerate(self.decoys)]
        pieces: list[Problem] = []
        for i, trouble in enumerate(self.problems if problems else ()):
            mine = [m for m in mendings if m.trouble == i]
            planned.append(_planned(f"P{i}", trouble, mine))
            pieces += [_piece(f"P{i}.{j}", trouble, e) for j, e in enumerate(_rests(trouble, mine))]
        return replace(self.base, problems=(*planned, *pieces))


def draw(seed: int, orders: float, weeks: int = WEEKS) -> Year:
    """Draw a merchant's year."""
    rng = np.random.default_rng([seed, 9])
    problems: list[Trouble] = []
    decoys: list[Trouble] = []
    for week in range(max(1, weeks - 2)):
        day = START + timedelta(weeks=FIRST_WEEKS + week, days=int(rng.integers(0, 7)))
        if rng.random() < ARRIVE:
            every = _problems(rng, day)
            problems.append(every[int(rng.integers(len(every)))])
        if rng.random() < ARRIVE:
            others = _decoys(rng, day)
            decoys.append(others[int(rng.integers(len(others)))])
    return Year(Scenario(START, FIRST_WEEKS + weeks, orders, seed), tuple(problems), tuple(decoys))


def _problems(rng: np.random.Generator, start: date) -> tuple[Trouble, ...]:
    region, carrier = str(rng.choice(PLACES)), str(rng.choice(CARRIERS))
    channel, site, sku = (
        str(rng.choice(["amazon", "ebay", "web"])),
        str(rng.choice(["NJ", "NV"])),
        str(rng.choice(SKUS)),
    )
    hours, add, mends = float(rng.uniform(12, 24)), float(rng.uniform(0.06, 0.15)), float(rng.uniform(0.6, 1))

    def of(
        name: str, origin: str, shows: tuple[str, ...], kind: str, size: float, target: str = "", **slice_: str
    ) -> Trouble:
        effect = Effect(kind, where(**slice_), start, None, size, target)  # type: ignore[arg-type]
        return Trouble(name, origin, shows, slice_, start, (effect,), mends)

    return (
        of("channel waits", "workflow", WAIT, "delay", hours, "ready_to_label", channel=channel),
        of("large orders wait", "workflow", WAIT, "delay", hours, "ready_to_label", complexity="4+ lines"),
        of("site waits", "warehouse", WAIT, "delay", hours / 2, "ready_to_label", warehouse=site),
        of("dock is slow", "warehouse", SCAN, "delay", hours / 2, "label_to_scan", warehouse=site),
        of("pickup missed", "carrier", SCAN, "delay", hours, "label_to_scan", carrier=carrier, warehouse=site),
        of("slow lane", "carrier", LATE, "delay", 2 * hours, "transit", carrier=carrier, region=region),
        of("slow carrier", "carrier", LATE, "delay", hours, "transit", carrier=carrier),
        of("damage", "carrier", ("exception_rate", *LATE), "exception_add", add, "damaged", carrier=carrier),
        of("address errors", "workflow", ("exception_rate", *LATE), "exception_add", add, "address", channel=channel),
        of("returns", "workflow", ("return_rate",), "return_factor", float(rng.uniform(3, 4.5)), "SIZE_TOO_SMALL", sku=sku),
        of("rate step", "carrier", ("cost_index",), "cost_add", float(rng.uniform(0.6, 1.5)), carrier=carrier),
    )  # fmt: skip


def _decoys(rng: np.random.Generator, start: date) -> tuple[Trouble, ...]:
    channel, sku = str(rng.choice(["amazon", "ebay", "walmart"])), str(rng.choice(SKUS))
    site, region = str(rng.choice(["NJ", "NV"])), str(rng.choice(PLACES))
    week, weeks = start + timedelta(days=7), start + timedelta(weeks=3)

    def of(name: str, slice_: dict[str, str], effect: Effect) -> Trouble:
        return Trouble(name, "none", (), slice_, start, (effect,), 0.0)

    return (
        of("busy weeks", {}, Effect("volume", (), start, weeks, 1.25)),
        of("channel grows", {"channel": channel}, Effect("mix_shift", where(channel=channel), start, None, 1.6)),
        of("campaign", {"sku": sku}, Effect("mix_shift", where(sku=sku), start, weeks, 3.0)),
        of("new code", {}, Effect("vocabulary", (), start, None, 0.6, "arrived_at_facility->arrived_at_hub")),
        of("short staff for a week", {"warehouse": site}, Effect("delay", where(warehouse=site), start, week, 3.0, "ready_to_label")),
        of("two storm days", {"region": region}, Effect("exception_add", where(region=region), start, start + timedelta(days=2), 0.5, "weather")),
        of("a bad spell", {"warehouse": site}, Effect("delay", where(warehouse=site), start, weeks, 2.0, "label_to_scan")),
        of("heavy parcels change carrier", {"carrier": "UPS"}, Effect("reassign", where(carrier="FedEx", weight_band=("2-5 lb", "5-10 lb", "10+ lb")), start, None, 0.6, "UPS")),
    )  # fmt: skip


def _planned(name: str, trouble: Trouble, mendings: Sequence[Mending]) -> Problem:
    """The trouble until its first mending; from then on its rests tell."""
    first = min((m.start for m in mendings), default=None)
    return _problem(
        name, trouble, tuple(replace(e, end=min(e.end or first, first)) if first else e for e in trouble.effects)
    )


def _rests(trouble: Trouble, mendings: Sequence[Mending]) -> list[Effect]:
    """What is left from the first mending on: elsewhere, the part that it cannot mend, and all of it once reverted.

    Only one mending of a trouble holds at a time.
    """
    found: list[Effect] = []
    [effect] = trouble.effects
    ordered = sorted(mendings, key=lambda m: m.start)
    for i, one in enumerate(ordered):
        inside = where(**dict(effect.where), **dict(one.part))
        found.append(replace(effect, where=inside, start=one.start, end=one.end, size=_left(effect, trouble.mends)))
        for dim, value in one.part:
            others = tuple(v for v in VALUES[dim] if v != value)
            found.append(
                replace(effect, where=where(**dict(effect.where), **{dim: others}), start=one.start, end=one.end)
            )
        following = ordered[i + 1].start if i + 1 < len(ordered) else None
        if one.end and (following is None or one.end < following):
            found.append(replace(effect, start=one.end, end=following))
    return found


def _left(effect: Effect, mends: float) -> float:
    """The size that a mended effect still has: factors shrink towards one, all others towards nothing."""
    if effect.kind.endswith("_factor"):
        return 1 + (effect.size - 1) * (1 - mends)
    return effect.size * (1 - mends)


def _piece(name: str, trouble: Trouble, effect: Effect) -> Problem:
    return _problem(name, trouble, (effect,))


def _problem(name: str, trouble: Trouble, effects: tuple[Effect, ...]) -> Problem:
    first = effects[0]
    return Problem(
        id=name, role="problem" if name.startswith("P") else "decoy", title=trouble.name, metric="", where=first.where,
        start=first.start, end=first.end, size=first.size, unit="", origin=trouble.origin, story="", effects=effects,  # type: ignore[arg-type]
    )  # fmt: skip
