"""What a simulated merchant is told to do: calendar, size, noise, and planted problems as data."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal, get_args

EffectKind = Literal[
    "delay",
    "drop_scan",
    "cost_add",
    "cost_factor",
    "mix_shift",
    "reassign",
    "return_factor",
    "exception_factor",
    "exception_add",
    "volume",
    "promise",
    "vocabulary",
    "campaign",
    "pickup",
]
Origin = Literal["workflow", "warehouse", "carrier", "recipient", "customs", "external", "chance", "none"]
Role = Literal["problem", "decoy", "null_change"]
Where = tuple[tuple[str, tuple[str, ...]], ...]

DIMENSIONS = (
    "channel",
    "complexity",
    "carrier",
    "service",
    "warehouse",
    "zone",
    "state",
    "region",
    "package_type",
    "weight_band",
    "sku",
    "category",
)
STAGES = ("ready_to_label", "label_to_scan", "transit", "last_mile")


def where(**values: str | tuple[str, ...]) -> Where:
    """Write a slice: `where(carrier="FedEx", state=("TX", "OK"))`; no argument means everything."""
    pairs = ((dim, (value,) if isinstance(value, str) else value) for dim, value in values.items())
    return tuple(sorted(pairs))


@dataclass(frozen=True)
class Effect:
    """One thing that happens to the parcels, lines or orders of a slice between two dates.

    `start` is the first day touched and `end` the first day no longer touched (None: until the export).
    Which day counts, and the unit of `size` and meaning of `target`, follow from `kind`:

    | kind | size | target | day of |
    | --- | --- | --- | --- |
    | delay | mean hours added (working hours for `ready_to_label`) | stage | the stage's begin |
    | drop_scan | share of scans not made | scan kind | the scan |
    | cost_add, cost_factor | dollars, factor | | label |
    | mix_shift | factor on the weight of the slice when it is drawn | | order |
    | reassign | share of the slice's parcels moved | "carrier" to move to | label |
    | return_factor | factor on the return rate; the extra returns name the reason | reason or "" | order |
    | exception_factor, exception_add | factor on, or added, probability | category or "" | acceptance |
    | volume | factor on orders | "staffed" where as many more hands pack them | order |
    | promise | working days added to the promise | | order |
    | vocabulary | share of scans written with the new word | "old->new" status detail | the scan |
    | campaign | share of matching orders that carry the tag | tag | order |
    | pickup | hours by which the carrier comes earlier | | label |
    """

    kind: EffectKind
    where: Where
    start: date
    end: date | None
    size: float
    target: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be simulated."""
        if self.kind not in get_args(EffectKind):
            raise ValueError(f"effect kind is {self.kind!r}, must be one of {', '.join(get_args(EffectKind))}.")
        if self.kind == "delay" and self.target not in STAGES:
            raise ValueError(f"delay target is {self.target!r}, must be one of {', '.join(STAGES)}.")
        if self.size < 0:
            raise ValueError(f"effect size is {self.size}, must not be negative.")
        check_span(self.start, self.end)
        check_dimensions(self.where)


@dataclass(frozen=True)
class Change:
    """An entry of the improvement log: what was shipped, when, and from when its true effect is stable."""

    shipped: date
    title: str
    change_type: str
    true_effect: float
    stable_from: date


@dataclass(frozen=True)
class Problem:
    """A planted truth: what happens where, from when, how much and why; or a decoy of another problem."""

    id: str
    role: Role
    title: str
    metric: str
    where: Where
    start: date
    end: date | None
    size: float
    unit: str
    origin: Origin
    story: str
    effects: tuple[Effect, ...]
    decoy_of: str = ""
    shows_in: tuple[str, ...] = ()
    change: Change | None = None

    def __post_init__(self) -> None:
        """Refuse impossible dates and unknown dimensions."""
        check_span(self.start, self.end)
        check_dimensions(self.where)


@dataclass(frozen=True)
class Noise:
    """Luck that parcels of one site or lane share on a day: standard deviations on a log or probit scale."""

    volume_day: float = 0.06
    warehouse_day: float = 0.20
    lane_day: float = 0.22
    exception_day: float = 0.30
    return_week: float = 0.06
    week_share: float = 0.5
    week_memory: float = 0.6


@dataclass(frozen=True)
class Scenario:
    """A merchant to simulate: complete ISO weeks from Monday `start`, about `orders_per_week` orders each."""

    start: date = date(2026, 2, 16)
    weeks: int = 40
    orders_per_week: float = 5000
    seed: int = 7
    timezone: str = "America/New_York"
    problems: tuple[Problem, ...] = ()
    noise: Noise = field(default_factory=Noise)

    def __post_init__(self) -> None:
        """Refuse a calendar that is not made of whole ISO weeks."""
        if self.start.weekday() != 0:
            raise ValueError(f"start is {self.start} ({self.start:%A}), must be a Monday.")
        if self.weeks < 1 or self.orders_per_week <= 0:
            raise ValueError(
                f"weeks is {self.weeks} and orders_per_week is {self.orders_per_week}, both must be positive."
            )

    @property
    def days(self) -> int:
        """Number of days on which orders arrive."""
        return self.weeks * 7

    @property
    def exported_at(self) -> datetime:
        """Local time of the export, Monday 06:00 after the last week: nothing known later is in the files."""
        return datetime.combine(self.start + timedelta(days=self.days), time(6))

    @property
    def export_hour(self) -> float:
        """The export as local hours since the start."""
        return self.days * 24.0 + 6.0

    def day_of(self, day: date) -> int:
        """Days from the start to `day` (negative before it)."""
        return (day - self.start).days

    def effects(self, *kinds: EffectKind, target: str | None = None) -> list[Effect]:
        """All planted effects of some kinds, and of one target where given."""
        every = (effect for problem in self.problems for effect in problem.effects)
        return [e for e in every if e.kind in kinds and target in (None, e.target)]


def check_span(start: date, end: date | None) -> None:
    """Raise ValueError if `end` is not after `start`."""
    if end is not None and end <= start:
        raise ValueError(f"end is {end} and start is {start}; end must be later (it is the first day after).")


def check_dimensions(slice_: Where) -> None:
    """Raise ValueError if a slice names a dimension that the merchant does not have."""
    unknown = [dim for dim, _ in slice_ if dim not in DIMENSIONS]
    if unknown:
        raise ValueError(f"slice names {', '.join(unknown)}; dimensions are {', '.join(DIMENSIONS)}.")
