"""Random merchants, one kind each: a problem that should be found, or only something that should not be."""

# ruff: noqa: E501  (a list of cases reads best a line each)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from closeloop.simulate.demo import LAST_MONDAY
from closeloop.simulate.scenario import Effect, EffectKind, Origin, Problem, Role, Scenario, where

WEEKS, ORDERS_PER_WEEK = 26, 2500
REGIONS = ("South Atlantic", "Middle Atlantic", "East North Central", "West South Central", "Pacific")
SKUS = ("APP-01", "APP-03", "APP-04", "APP-06", "APP-08")
LARGE = "4+ lines"
HEAVY = ("2-5 lb", "5-10 lb", "10+ lb")
WAIT = ("ready_to_label", "order_to_handover", "on_time_delivery")
SCAN = ("label_to_first_scan", "idle_labels", "order_to_handover", "slow_transit", "on_time_delivery")
LATE = ("slow_transit", "on_time_delivery")
EXCEPTIONS = ("exception_rate", *LATE)
SCANNED = ("missing_scan_rate", *SCAN)
EVERY_SCAN = ("accepted", "departed", "hub_in", "hub_out", "reached", "out", "delivered")
HOLIDAY_MONDAY = date(2026, 12, 7)
"""The last week of the merchant whose files end in the holidays."""


@dataclass(frozen=True)
class Draw:
    """What chance decides of a merchant: where a problem is, how large, and since which day."""

    start: date
    end: date
    region: str
    carrier: str
    channel: str
    site: str
    sku: str
    hours: float
    added: float
    dollars: float
    factor: float

    def before(self, **delta: int) -> date:
        """Return the day so much before the last one."""
        return self.end - timedelta(**delta)


def draw(rng: np.random.Generator, end: date) -> Draw:
    """Draw place, size and first day, four to five weeks before the end."""
    return Draw(
        start=end - timedelta(days=28 + int(rng.integers(0, 10))), end=end,
        region=str(rng.choice(REGIONS)), carrier=str(rng.choice(["UPS", "USPS", "FedEx"])),
        channel=str(rng.choice(["amazon", "ebay", "web"])), site=str(rng.choice(["NJ", "NV"])), sku=str(rng.choice(SKUS)),
        hours=float(rng.uniform(12, 24)), added=float(rng.uniform(0.06, 0.15)), dollars=float(rng.uniform(0.6, 1.5)),
        factor=float(rng.uniform(3, 4.5)),
    )  # fmt: skip


def planted(origin: Origin, shows_in: tuple[str, ...], effects: tuple[Effect, ...], **slice_: str) -> Problem:
    """A problem in a slice; its first effect tells since when."""
    return _problem("problem", origin, shows_in, effects, slice_)


def lookalike(origin: Origin, shows_in: tuple[str, ...], effects: tuple[Effect, ...], **slice_: str) -> Problem:
    """Something that changes numbers, or did so for a while, and is no problem that lasts."""
    return _problem("decoy", origin, shows_in, effects, slice_)


def _problem(
    role: Role, origin: Origin, shows_in: tuple[str, ...], effects: tuple[Effect, ...], slice_: dict[str, str]
) -> Problem:
    first = effects[0]
    return Problem(
        id=role[0].upper(), role=role, title="", metric="", where=where(**slice_), start=first.start, end=first.end,
        size=first.size, unit="", origin=origin, story="", effects=effects, shows_in=shows_in,
    )  # fmt: skip


def effect(kind: EffectKind, start: date, size: float, target: str = "", **at: str | tuple[str, ...]) -> Effect:
    """One effect, from `start` on."""
    return Effect(kind, where(**at), start, None, size, target)


def ended(one: Effect, day: date) -> Effect:
    """The same, over by a day."""
    return replace(one, end=day)


def _one(
    origin: Origin, shows_in: tuple[str, ...], kind: EffectKind, size: float, target: str, start: date, **at: str
) -> tuple[Problem, ...]:
    return (planted(origin, shows_in, (effect(kind, start, size, target, **at),), **at),)


def _portal(d: Draw) -> tuple[Problem, ...]:
    portal = {"channel": "wholesale portal"}
    large = {**portal, "complexity": LARGE}
    grown = effect("delay", d.start, d.hours, "ready_to_label", **large), effect("mix_shift", d.start, 2.0, **portal)
    dip = ended(effect("delay", d.start, 3.0, "ready_to_label", warehouse=d.site), d.start + timedelta(days=7))
    return planted("workflow", WAIT, grown, **large), lookalike("warehouse", WAIT, (dip,), warehouse=d.site)


def _unscanned(d: Draw) -> tuple[Problem, ...]:
    at = {"carrier": d.carrier, "warehouse": d.site}
    silent = tuple(effect("drop_scan", d.start, 0.9, scan, **at) for scan in ("accepted", "departed"))
    return (planted("carrier", SCANNED, silent, **at),)


def _pickup(d: Draw) -> tuple[Problem, ...]:
    moved = effect("pickup", d.start, 1.5, warehouse=d.site)
    spell = ended(effect("delay", d.start, 8.0, "transit", carrier=d.carrier), d.start + timedelta(days=4))
    return planted("workflow", SCAN, (moved,), warehouse=d.site), lookalike(
        "carrier", LATE, (spell,), carrier=d.carrier
    )


def _addresses(d: Draw) -> tuple[Problem, ...]:
    wrong = effect("exception_add", d.start, d.added, "address", channel=d.channel)
    held = ended(effect("exception_add", d.start, 0.1, "held", carrier=d.carrier), d.start + timedelta(days=3))
    return planted("workflow", EXCEPTIONS, (wrong,), channel=d.channel), lookalike(
        "carrier", EXCEPTIONS, (held,), carrier=d.carrier
    )


def _rate_step(d: Draw) -> tuple[Problem, ...]:
    light, heavy = (effect("cost_add", d.start, size, carrier=d.carrier, weight_band=band)
                    for size, band in ((d.dollars / 2, ("0-1 lb", "1-2 lb")), (d.dollars, HEAVY)))  # fmt: skip
    mix = effect("mix_shift", d.start, 2.0, category="outdoor")
    return planted("carrier", ("cost_index",), (light, heavy), carrier=d.carrier), lookalike(
        "none", ("cost_index",), (mix,)
    )


def _two_changes(d: Draw) -> tuple[Problem, ...]:
    at = {"channel": d.channel}
    waits = _one("workflow", WAIT, "delay", d.hours, "ready_to_label", d.start, **at)
    return (*waits, *_one("workflow", EXCEPTIONS, "exception_add", d.added, "address", d.start, **at))


def _fades(d: Draw) -> tuple[Problem, ...]:
    at = {"warehouse": d.site}
    again = effect("delay", d.before(days=18), d.hours / 2, "ready_to_label", **at)
    before = ended(effect("delay", d.before(weeks=11), d.hours / 2, "ready_to_label", **at), d.before(days=39))
    return (planted("warehouse", WAIT, (again, before), **at),)


def _shifted(d: Draw) -> tuple[Problem, ...]:
    at = {"carrier": "UPS", "region": d.region}
    slow = effect("delay", d.start, 2 * d.hours, "transit", **at)
    moved = effect("reassign", d.start, 0.7, "UPS", carrier="FedEx", region=d.region)
    return planted("carrier", LATE, (slow,), **at), lookalike(
        "workflow", LATE, (moved,), carrier="FedEx", region=d.region
    )


def _promise(d: Draw) -> tuple[Problem, ...]:
    longer = Effect("promise", where(channel=d.channel), date(2026, 1, 1), d.start, 2.0)
    made = planted("workflow", ("short_promise", "on_time_delivery"), (longer,), channel=d.channel)
    return (replace(made, start=d.start, end=None),)


def _drift(d: Draw) -> tuple[Problem, ...]:
    at = {"carrier": d.carrier, "region": d.region}
    weeks = [d.before(weeks=n) for n in range(10, 0, -1)]
    week = timedelta(days=7)
    steps = [effect("delay", at_, 0.24 * d.hours * (i + 1), "transit", **at) for i, at_ in enumerate(weeks)]
    worse = [ended(step, step.start + week) for step in steps]
    return (replace(planted("carrier", LATE, tuple(worse), **at), end=None),)


def _price_drift(d: Draw) -> tuple[Problem, ...]:
    weeks = [d.before(weeks=n) for n in range(12, 0, -1)]
    dearer = [
        ended(effect("cost_factor", at_, 1.0 + 0.008 * (i + 1), carrier=d.carrier), at_ + timedelta(days=7))
        for i, at_ in enumerate(weeks)
    ]
    return (replace(planted("carrier", ("cost_index",), tuple(dearer), carrier=d.carrier), end=None),)


def _silence(d: Draw) -> tuple[Problem, ...]:
    at = {"region": d.region}
    silent = tuple(effect("drop_scan", d.start, 0.85, scan, **at) for scan in EVERY_SCAN)
    return (planted("carrier", (*SCANNED, "parcels", "scans"), silent, **at),)


def _bad_spell(d: Draw) -> tuple[Problem, ...]:
    until = d.before(weeks=2)
    spell = ended(effect("delay", until - timedelta(weeks=2), 1.0, "label_to_scan", warehouse="NV"), until)
    return (lookalike("none", SCAN, (spell,), warehouse="NV"),)


def _holidays(d: Draw) -> tuple[Problem, ...]:
    weeks = ((3, 3.0), (2, 2.0), (1, 1.5))
    peak = tuple(
        ended(effect("volume", d.before(weeks=n), size, "staffed"), d.before(weeks=n - 1)) for n, size in weeks
    )
    return (lookalike("none", WAIT, peak),)


def _grows(d: Draw) -> tuple[Problem, ...]:
    channel, sku = effect("mix_shift", d.start, 2.0, channel=d.channel), effect("mix_shift", d.start, 3.0, sku=d.sku)
    return lookalike("none", WAIT, (channel,), channel=d.channel), lookalike(
        "none", ("return_rate",), (sku,), sku=d.sku
    )


def _words(d: Draw) -> tuple[Problem, ...]:
    new = effect("vocabulary", d.start, 0.6, "arrived_at_facility->arrived_at_hub")
    return (lookalike("none", EXCEPTIONS, (new,)),)


def _nothing(_: Draw) -> tuple[Problem, ...]:
    return ()


@dataclass(frozen=True)
class Case:
    """One kind of merchant; those with a number are the sixteen that every method is asked for."""

    number: int
    title: str
    plant: Callable[[Draw], tuple[Problem, ...]]


CASES: tuple[Case, ...] = (
    Case(1, "large orders of a grown channel wait", _portal),
    Case(2, "a carrier stops scanning acceptance at a dock", _unscanned),
    Case(3, "the pickup comes earlier", _pickup),
    Case(4, "a slow lane", lambda d: _one("carrier", LATE, "delay", 2 * d.hours, "transit", d.before(weeks=5), carrier=d.carrier, region=d.region)),
    Case(5, "address errors", _addresses),
    Case(6, "a rate step while the mix moves to heavy parcels", _rate_step),
    Case(7, "a surcharge", lambda d: _one("carrier", ("cost_index",), "cost_add", 3 * d.dollars, "", d.start, carrier=d.carrier, weight_band="5-10 lb")),
    Case(8, "damage of a SKU", lambda d: _one("warehouse", ("return_rate",), "return_factor", d.factor, "DEFECTIVE", d.start - timedelta(weeks=3), sku=d.sku)),
    Case(9, "returns as too small", lambda d: _one("workflow", ("return_rate",), "return_factor", d.factor, "SIZE_TOO_SMALL", d.start - timedelta(weeks=3), sku=d.sku)),
    Case(10, "null: a holiday peak", _holidays),
    Case(11, "null: new words", _words),
    Case(12, "null: a bad spell that ended", _bad_spell),
    Case(13, "two changes in one week in one scope", _two_changes),
    Case(14, "a change that worked for three weeks", _fades),
    Case(15, "a shift that hurts the receiving carrier", _shifted),
    Case(16, "null: a new e-mail", _nothing),
    Case(0, "a channel waits", lambda d: _one("workflow", WAIT, "delay", d.hours, "ready_to_label", d.start, channel=d.channel)),
    Case(0, "a site waits", lambda d: _one("warehouse", WAIT, "delay", d.hours / 2, "ready_to_label", d.start, warehouse=d.site)),
    Case(0, "a slow dock", lambda d: _one("warehouse", SCAN, "delay", d.hours / 2, "label_to_scan", d.start, warehouse=d.site)),
    Case(0, "a missed pickup", lambda d: _one("carrier", SCAN, "delay", d.hours, "label_to_scan", d.start, carrier=d.carrier, warehouse=d.site)),
    Case(0, "a slow carrier", lambda d: _one("carrier", LATE, "delay", d.hours, "transit", d.start, carrier=d.carrier)),
    Case(0, "a region cut off", lambda d: _one("external", LATE, "delay", 2 * d.hours, "transit", d.start, region=d.region)),
    Case(0, "storms", lambda d: _one("external", EXCEPTIONS, "exception_add", 2 * d.added, "weather", d.start, region=d.region)),
    Case(0, "damage by a carrier", lambda d: _one("carrier", EXCEPTIONS, "exception_add", d.added, "damaged", d.start, carrier=d.carrier)),
    Case(0, "a shorter promise", _promise),
    Case(0, "transit drifts", _drift),
    Case(0, "prices drift", _price_drift),
    Case(0, "a region's scans cease", _silence),
    Case(0, "a channel's orders break off", lambda d: _one("workflow", ("orders",), "volume", 0.3, "", d.start, channel="amazon")),
    Case(0, "null: a channel and a SKU grow", _grows),
    Case(0, "null: nothing at all", _nothing),
)  # fmt: skip


def beside(rng: np.random.Generator, d: Draw) -> Problem:
    """Return something that begins within five days of a problem and looks guilty beside it."""
    day = d.start + timedelta(days=int(rng.integers(-5, 6)))
    site, region = str(rng.choice(["NJ", "NV"])), str(rng.choice(REGIONS))
    channel, sku = str(rng.choice(["amazon", "ebay", "walmart"])), str(rng.choice(SKUS))
    made = (
        lookalike("none", WAIT, (effect("volume", day, 1.25),)),
        lookalike("workflow", WAIT, (effect("mix_shift", day, 2.0, channel=channel),), channel=channel),
        lookalike("none", ("return_rate",), (effect("mix_shift", day, 3.0, sku=sku),), sku=sku),
        lookalike("carrier", SCAN, (effect("vocabulary", day, 0.6, "arrived_at_facility->arrived_at_hub"),)),
        lookalike("warehouse", WAIT, (ended(effect("delay", day, 3.0, "ready_to_label", warehouse=site), day + timedelta(days=7)),), warehouse=site),
        lookalike("external", EXCEPTIONS, (ended(effect("exception_add", day, 0.5, "weather", region=region), day + timedelta(days=2)),), region=region),
        lookalike("carrier", ("cost_index",), (effect("reassign", day, 0.6, "UPS", carrier="FedEx", weight_band=HEAVY),), carrier="UPS"),
    )  # fmt: skip
    return made[int(rng.integers(len(made)))]


def case_of(seed: int) -> Case:
    """Return the kind of merchant of a seed: seeds go through the cases in turn."""
    return CASES[seed % len(CASES)]


def merchant(seed: int, case: Case | None = None) -> Scenario:
    """Return the merchant of one seed, of a kind or of the seed's own; a problem without a decoy gets one."""
    rng, kind = np.random.default_rng(seed), case or case_of(seed)
    last = HOLIDAY_MONDAY if kind.number == 10 else LAST_MONDAY
    start = last - timedelta(weeks=WEEKS - 1)
    drawn = draw(rng, start + timedelta(weeks=WEEKS))
    problems = kind.plant(drawn)
    if problems and all(problem.role == "problem" for problem in problems):
        problems = (*problems, beside(rng, drawn))
    named = tuple(replace(one, id=f"{one.id}{i}", title=kind.title) for i, one in enumerate(problems))
    return Scenario(start=start, weeks=WEEKS, orders_per_week=ORDERS_PER_WEEK, seed=seed, problems=named)
