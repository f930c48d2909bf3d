"""Fit how sure the weight of an origin should be, and show how far weights can be trusted.

    PYTHONPATH=. python benchmarks/patterns/calibration.py records.jsonl

Reads records that `run.py` wrote, finds the power for `closeloop.origins.SHARPNESS` under which the weight of the
likeliest origin says best how often that one is right, and draws both reliability tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import pairwise
from math import log
from pathlib import Path

from benchmarks.figures import share
from benchmarks.patterns.records import Record, read
from closeloop.origins import SHARPNESS, Weights, sharpened

EDGES = (0.0, 0.7, 0.85, 0.95, 1.01)
"""Bounds of the groups of weights that are compared with how often they were right."""

POWERS = tuple(step / 100 for step in range(20, 401))
"""Powers among which the fit chooses, as parts of today's."""

Told = tuple[Weights, str]


def main() -> None:
    """Fit the power, and draw what it changes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("records", type=Path, nargs="+", help="files that run.py --to wrote with today's SHARPNESS")
    told = named([one for path in options.parse_args().records for one in read(path)])
    power = SHARPNESS * fitted(told)
    for name, times in ((f"as it is, power {SHARPNESS:.2f}", 1.0), (f"fitted, power {power:.2f}", power / SHARPNESS)):
        print(f"{name}: log loss {loss(told, times):.3f}\n\n{reliability(told, times)}\n")


def named(records: Sequence[Record]) -> list[Told]:
    """Return the weights and the true origin of everything found for which some origin is the likeliest."""
    found = [(r["weights"], str(r["origin"])) for r in records if r["found"] and r["weights"]]
    return [(weights, truth) for weights, truth in found if _likeliest(weights)[0] != "undecided"]


def fitted(told: Sequence[Told]) -> float:
    """Return the power that the weights still lack: the one of least `loss`."""
    return min(POWERS, key=lambda power: loss(told, power))


def loss(told: Sequence[Told], power: float) -> float:
    """Mean log loss of the weight of the likeliest origin, at a power (Guo et al. 2017, section 4.2).

    Targets are drawn in from 0 and 1 as in Platt (1999, "Probabilistic outputs for support vector machines",
    section 2.2), so that a handful that are all right do not make anything certain.
    """
    marks = [_likeliest(sharpened(weights, power))[1] for weights, _ in told]
    right = [_likeliest(weights)[0] == truth for weights, truth in told]
    high, low = (sum(right) + 1) / (sum(right) + 2), 1 / (len(right) - sum(right) + 2)
    aims = [high if one else low for one in right]
    return -sum(t * log(w) + (1 - t) * log(max(1 - w, 1e-12)) for w, t in zip(marks, aims, strict=True)) / len(told)


def reliability(told: Sequence[Told], power: float = 1.0) -> str:
    """Draw the weights of the likeliest origins, in groups, beside how often these were right."""
    pairs = [(*_likeliest(sharpened(weights, power)), truth) for weights, truth in told]
    lines = ["| weight of the likeliest origin | n | mean weight | right |", "|---|---|---|---|"]
    for low, high in (*pairwise(EDGES), (0.0, 1.01)):
        group = [(weight, origin == truth) for origin, weight, truth in pairs if low <= weight < high]
        if group:
            mean, right = sum(weight for weight, _ in group) / len(group), sum(hit for _, hit in group)
            said = share("", right, len(group))
            bounds = f"{said.value:.2f} ({said.low:.2f} to {said.high:.2f})"
            lines.append(f"| {low:.2f} to {min(high, 1):.2f} | {len(group)} | {mean:.2f} | {bounds} |")
    return "\n".join(lines)


def _likeliest(weights: Weights) -> tuple[str, float]:
    return max(weights.items(), key=lambda pair: (pair[1], pair[0]))


if __name__ == "__main__":
    main()
