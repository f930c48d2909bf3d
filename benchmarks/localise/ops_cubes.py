"""Order-exception cubes with planted truths: thin cells, eight quiet weeks and a current one.

Set C is friendly to a main-effects baseline (logistic main effects, one interaction, little noise between
weeks).  Set D is not: every pair of dimensions interacts, volumes drift, four cells in ten never occur,
and calendar effects move all orders, and each product category, from week to week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

Segment = tuple[tuple[str, str], ...]
SIZES = {"carrier": 7, "country": 9, "warehouse": 4, "service": 3, "channel": 5, "category": 6}
NAMES = tuple(SIZES)
WEEKS = 9


@dataclass(frozen=True)
class Recipe:
    """How unruly the quiet weeks are; standard deviations on the log scale."""

    pairs: float
    pairs_share: float
    total: float
    level_week: float
    drift: float
    missing: float


RECIPES = {
    "C": Recipe(pairs=0.4, pairs_share=0.07, total=0.03, level_week=0.03, drift=0.0, missing=0.0),
    "D": Recipe(pairs=0.3, pairs_share=1.0, total=0.12, level_week=0.06, drift=0.08, missing=0.4),
}


def instance(recipe: Recipe, seed: int, kind: str = "planted") -> tuple[pd.DataFrame, set[Segment]]:
    """Rows (six dims, week, orders, late) and the planted segments; kind is planted, null or mix."""
    rng = np.random.default_rng(seed)
    shape = tuple(SIZES.values())
    volume = _volumes(rng, recipe, shape, shifted=kind == "mix" or rng.uniform() < 0.3)
    rate = np.stack([_rates(rng, recipe, shape)] * WEEKS) * _week_noise(rng, recipe, shape)
    orders = rng.poisson(volume)
    truth = _plant(rng, orders, rate) if kind == "planted" else set()
    late = rng.binomial(orders, np.clip(rate, 0.0, 0.9))
    return _table(orders, late), truth


def _spread(rng: np.random.Generator, shape: tuple[int, ...], axes: tuple[int, ...], sd: float) -> np.ndarray:
    """Random log effects that vary along some axes only."""
    return rng.normal(0, sd, [n if i in axes else 1 for i, n in enumerate(shape)])


def _volumes(rng: np.random.Generator, recipe: Recipe, shape: tuple[int, ...], *, shifted: bool) -> np.ndarray:
    log = sum((_spread(rng, shape, (i,), 0.9) for i in range(6)), _spread(rng, shape, tuple(range(6)), 0.5))
    exists = rng.uniform(size=shape) > recipe.missing
    share = np.exp(log) * exists
    weeks = np.stack([share] * WEEKS)
    for axis, size in enumerate(shape):
        walk = rng.normal(0, recipe.drift, (WEEKS, size)).cumsum(axis=0)
        weeks *= np.exp(walk).reshape([WEEKS, *[size if i == axis else 1 for i in range(6)]])
    if shifted:
        _shift_mix(rng, weeks[-1])
    return weeks / share.sum() * np.exp(rng.uniform(np.log(4e3), np.log(25e3)))


def _shift_mix(rng: np.random.Generator, week: np.ndarray) -> None:
    for _ in range(int(rng.integers(1, 3))):
        axis = int(rng.integers(6))
        where = [slice(None)] * 6
        where[axis] = int(rng.integers(week.shape[axis]))
        week[tuple(where)] *= rng.choice([0.4, 1.8, 2.5])


def _rates(rng: np.random.Generator, recipe: Recipe, shape: tuple[int, ...]) -> np.ndarray:
    log = sum((_spread(rng, shape, (i,), 0.35) for i in range(6)), np.log(rng.uniform(0.03, 0.08)))
    for i in range(6):
        for j in range(i):
            if rng.uniform() < recipe.pairs_share:
                log = log + _spread(rng, shape, (j, i), recipe.pairs)
    return 1 / (1 + np.exp(-log))


def _week_noise(rng: np.random.Generator, recipe: Recipe, shape: tuple[int, ...]) -> np.ndarray:
    whole = (WEEKS, *shape)
    log = _spread(rng, whole, (0,), recipe.total)
    for axis in (1, 6):
        log = log + _spread(rng, whole, (0, axis), recipe.level_week)
    return np.exp(log)


def _plant(rng: np.random.Generator, orders: np.ndarray, rate: np.ndarray) -> set[Segment]:
    found: set[Segment] = set()
    used: set[str] = set()
    for depth in rng.integers(1, 4, int(rng.integers(1, 4))):
        for _ in range(300):
            name, where, ratio = _candidate(rng, orders, int(depth))
            expected = float((orders[-1][where] * rate[-1][where]).sum())
            strong = abs(ratio - 1) * expected >= 7 * np.sqrt(expected * max(ratio, 1.0))
            if strong and expected >= 20 and not used & {v for _, v in name}:
                rate[-1][where] *= ratio
                found.add(name)
                used |= {v for _, v in name}
                break
    return found or _plant(rng, orders, rate)


def _candidate(
    rng: np.random.Generator, orders: np.ndarray, depth: int
) -> tuple[Segment, tuple[int | slice, ...], float]:
    at = {int(d): int(rng.integers(orders.shape[d + 1])) for d in sorted(rng.choice(6, depth, replace=False))}
    name = tuple((NAMES[d], f"{NAMES[d]}-{i:02d}") for d, i in at.items())
    where = tuple(at.get(d, slice(None)) for d in range(6))
    return name, where, float(rng.choice([0.3, 0.5, 1.5, 2.0, 3.0]))


def _table(orders: np.ndarray, late: np.ndarray) -> pd.DataFrame:
    index = np.nonzero(orders)
    columns: dict[str, object] = {
        name: pd.Categorical.from_codes(index[axis + 1], [f"{name}-{i:02d}" for i in range(size)])
        for axis, (name, size) in enumerate(SIZES.items())
    }
    return pd.DataFrame({**columns, "week": index[0], "orders": orders[index], "late": late[index]})
