"""Which origin the evidence favours: weights that add up to one, from the steps that grew and who was hit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from closeloop.clues import Named
from closeloop.comparisons import Spread
from closeloop.model import Evidence, Metric, Origin, Pattern, Stage
from closeloop.narrowing import Narrowed

DECIDED = 0.6
"""The weight that an origin must have to be named."""

HOURS, PART = 1.5, 0.03
"""Hours, and the part of its usual length, that a step must have added to be told from its own wobble."""

SHARPNESS = 2.5
"""The power to which weights are raised before they are scaled to one (temperature scaling: Guo et al. 2017,
"On calibration of modern neural networks", section 4.2). Fitted by `benchmarks/patterns/calibration.py`, whose README
says on which merchants."""

STEPS = {
    "ready_to_label": ("to ready", "to label"),
    "order_to_handover": ("to ready", "to label", "to first scan"),
    "late_handover": ("to ready", "to label", "to first scan"),
    "label_to_first_scan": ("to first scan",),
    "idle_labels": ("to first scan",),
    "slow_transit": ("to destination", "to first attempt"),
}
"""Steps, by their ends, that can make a metric worse; a metric that is not here depends on all of them."""

ORDER_DIMS = {"channel", "complexity", "campaign", "weekday"}
GOODS_DIMS = {"sku", "category", "campaign"}

Weights = dict[Origin, float]


class Clues(NamedTuple):
    """What is known of a pattern beside its steps: where it rose, and what its rows themselves say."""

    spreads: tuple[Spread, ...] = ()
    promise_to_blame: bool = False
    named: Named | None = None
    mix: float = 0.0
    narrowed: Narrowed | None = None

    def asked(self, dim: str) -> int:
        """Return how many values of a dimension could be compared."""
        return next((spread.asked for spread in self.spreads if spread.dim == dim), 0)

    def everywhere(self, dim: str) -> bool:
        """Whether all values of a dimension rose."""
        return any(spread.dim == dim and spread.everywhere for spread in self.spreads)

    def only_one(self, dim: str) -> bool:
        """Whether one value of a dimension rose and the others did not."""
        return any(spread.dim == dim and spread.asked > 1 and len(spread.worse) == 1 for spread in self.spreads)


def grown(metric: Metric, stages: Iterable[Stage]) -> dict[str, float]:
    """Return each step that took longer, itself and beyond the rest of the shop, with its part of the growth."""
    steps = STEPS.get(metric.id)
    worse = {
        s.name: s.excess
        for s in stages
        if min(s.excess, s.since - s.before) > max(HOURS, PART * s.before) and (not steps or s.name.endswith(steps))
    }
    return {name: hours / sum(worse.values()) for name, hours in worse.items()}


def elsewhere(metric: Metric, stages: tuple[Stage, ...]) -> Evidence | None:
    """Say which steps took no longer, beside those that did: it was not made there."""
    steps = grown(metric, stages)
    calm = [
        f"{s.name} ({s.before:.0f} h before, {s.since:.0f} since)"
        for s in stages
        if s.before > 0 and s.name not in steps and s.since - s.before <= max(HOURS, PART * s.before)
    ]
    if not steps or not calm:
        return None
    return Evidence(f"As long as before took {', '.join(calm)}: it does not come from there.", True)


def weigh(metric: Metric, pattern: Pattern, steps: dict[str, float], clues: Clues) -> Weights:
    """Return a weight per origin, 1 in all; what can't be told apart shares its weight.

    Each step's part of the added time goes to those who hold the parcel in that step: whom the slice
    names, or who is alone in getting worse. Slices that cannot be told from the pattern's have equal say. What a
    change of mix explains is nobody's.
    """
    narrowed = clues.narrowed or Narrowed(pattern.slice)
    alike = [set(narrowed.part.dims), *(set(twin.dims) for twin in narrowed.twins)]
    every = [_weighed(metric, dims, steps, clues) for dims in alike]
    weights: Weights = {
        origin: (1 - clues.mix) * sum(one.get(origin, 0.0) for one in every) / len(every)
        for one in every
        for origin in one
    }
    weights["undecided"] = weights.get("undecided", 0.0) + clues.mix
    return sharpened(weights)


def sharpened(weights: Weights, power: float = SHARPNESS) -> Weights:
    """Raise weights to a power and scale them to one; the order of origins stays."""
    sharp: Weights = {origin: float(weight**power) for origin, weight in weights.items() if weight > 0}
    whole = sum(sharp.values())
    return {origin: weight / whole for origin, weight in sharp.items()}


def _weighed(metric: Metric, dims: set[str], steps: dict[str, float], clues: Clues) -> Weights:
    if clues.promise_to_blame:
        return _share({"workflow": 0.9})
    if clues.named and clues.named.origin and metric.id != "return_rate":
        return _share({clues.named.origin: 0.8})
    if metric.kind == "index":
        return _share({"carrier": 0.9}) if dims & {"carrier", "service"} else _share({})
    if metric.id == "return_rate":
        origin: Origin = clues.named.origin or "workflow" if clues.named else "workflow"
        return _share({origin: 0.85}) if dims & GOODS_DIMS else _share({})
    total: Weights = {}
    for step, part in (steps or {_only_step(metric): 1.0}).items():
        for origin, weight in _of_step(step, dims, clues).items():
            total[origin] = total.get(origin, 0.0) + part * weight
    return total if dims & {"carrier", "service"} else _alike(total, clues)


def _alike(weights: Weights, clues: Clues) -> Weights:
    """Share the weight of carrier and world outside between them, where no two carriers can be compared."""
    if clues.asked("carrier") > 1 or not weights.get("external"):
        return weights
    both = (weights.get("carrier", 0.0) + weights["external"]) / 2
    return {**weights, "carrier": both, "external": both}


def decided(weights: Weights) -> Origin:
    """Return the origin that stands out, or `undecided`."""
    origin, weight = max(weights.items(), key=lambda pair: (pair[1], pair[0]))
    return origin if weight >= DECIDED else "undecided"


def _only_step(metric: Metric) -> str:
    steps = STEPS.get(metric.id, ())
    return f"? {steps[-1]}" if steps else ""


def _share(weights: dict[Origin, float]) -> Weights:
    return {**weights, "undecided": round(1 - sum(weights.values()), 6)}


def _of_step(step: str, dims: set[str], clues: Clues) -> Weights:
    if step.endswith("to ready"):
        return _share({"workflow": 0.8, "warehouse": 0.1})
    if step.endswith("to label") or (step.endswith("to first scan") and not step.startswith(("label", "?"))):
        return _before_the_label(dims, clues)
    if step.endswith("to first scan"):
        return _before_the_scan(dims, clues)
    if step.endswith(("to destination", "to first attempt")):
        return _under_way(dims, clues)
    return _share({})


def _before_the_label(dims: set[str], clues: Clues) -> Weights:
    if "warehouse" in dims or clues.only_one("warehouse"):
        return _share({"warehouse": 0.8, "workflow": 0.15})
    if dims & ORDER_DIMS:
        return _share({"workflow": 0.85, "warehouse": 0.1})
    return _share({"workflow": 0.4, "warehouse": 0.4})


def _before_the_scan(dims: set[str], clues: Clues) -> Weights:
    if dims & {"carrier", "service"} or clues.only_one("carrier"):
        return _share({"carrier": 0.85, "warehouse": 0.1})
    if "warehouse" in dims:
        return _share({"warehouse": 0.75, "carrier": 0.15})
    return _share({"carrier": 0.4, "warehouse": 0.3})


def _under_way(dims: set[str], clues: Clues) -> Weights:
    if dims & {"carrier", "service"} or clues.only_one("carrier"):
        return _share({"carrier": 0.9, "external": 0.05})
    if dims & {"region", "state", "zone"} and clues.everywhere("carrier"):
        return _share({"external": 0.65, "carrier": 0.25})
    if dims & ORDER_DIMS and clues.everywhere("carrier"):
        return _share({"workflow": 0.75, "carrier": 0.1})
    return _share({"carrier": 0.45, "external": 0.45})
