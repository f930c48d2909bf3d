"""Cubes of any size: leaves drawn from six dimensions, weeks of thin counts, and one planted segment.

Rates have main effects and one interacting pair; totals wobble from week to week and a carrier a little more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

Segment = tuple[tuple[str, str], ...]
NAMES = ("carrier", "country", "warehouse", "service", "channel", "category")
SIZES = (12, 30, 8, 6, 10, 25)
SHIFTED = (3, 1.8)
"""The carrier that gets worse in the last week, and by what factor."""


class Large(NamedTuple):
    """How many leaves, weeks (the last one is the current one) and orders a leaf and week."""

    leaves: int
    weeks: int
    orders: float = 1.0


def instance(size: Large, seed: int) -> tuple[pd.DataFrame, set[Segment]]:
    """Rows (six dims, week, orders, late) and the planted segment."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.choice(int(np.prod(SIZES)), size.leaves, replace=False))
    codes = [axis.astype(np.int8) for axis in np.unravel_index(at, SIZES)]
    volume = np.exp(rng.normal(0, 0.8, size.leaves)).astype(np.float32)
    volume *= size.orders / float(volume.mean())
    log = sum((rng.normal(0, 0.3, n)[axis] for n, axis in zip(SIZES, codes, strict=True)), np.log(0.05))
    log += rng.normal(0, 0.3, (SIZES[0], SIZES[5]))[codes[0], codes[5]]
    rate = np.exp(log).astype(np.float32)
    weeks = [_week(rng, size, week, codes, (volume, rate)) for week in range(size.weeks)]
    leaf, week, orders, late = (np.concatenate([one[i] for one in weeks]) for i in range(4))
    columns: dict[str, object] = {
        name: pd.Categorical.from_codes(axis[leaf], [f"{name}-{i:02d}" for i in range(n)])
        for name, n, axis in zip(NAMES, SIZES, codes, strict=True)
    }
    table = pd.DataFrame({**columns, "week": week, "orders": orders, "late": late}, copy=False)
    return table, {((NAMES[0], f"{NAMES[0]}-{SHIFTED[0]:02d}"),)}


def _week(
    rng: np.random.Generator, size: Large, week: int, codes: list[np.ndarray], usual: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    volume, rate = usual
    own = rng.normal(0, 0.03) + rng.normal(0, 0.03, SIZES[0])
    if week == size.weeks - 1:
        own[SHIFTED[0]] += np.log(SHIFTED[1])
    orders = rng.poisson(volume)
    leaf = np.flatnonzero(orders)
    late = rng.binomial(orders[leaf], np.clip(rate[leaf] * np.exp(own)[codes[0][leaf]], 0, 0.9))
    number = np.full(len(leaf), week, dtype=np.int8)
    return leaf.astype(np.int32), number, orders[leaf].astype(np.int16), late.astype(np.int16)
