"""The S, L and H sets of the RiskLoc paper, drawn from its description.

Kalander (2022), "RiskLoc: Localization of Multi-dimensional Root Causes by Weighted Risk",
arXiv:2205.10004, section 5.1 and the parameters published with it.  Values are Weibull, some leaves are
zero, forecasts carry Gaussian relative noise (on either side with equal chance), and every planted
anomaly moves its elements by one severity, all in the direction the noise already leans to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

Segment = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Recipe:
    """Parameters of one set; pairs are (lowest, highest) of a uniform draw."""

    sizes: tuple[int, ...]
    noise: tuple[float, float] = (0.0, 0.25)
    severity: tuple[float, float] = (0.2, 1.0)
    deviation: tuple[float, float] = (0.0, 0.1)
    anomalies: tuple[int, int] = (1, 3)
    elements: tuple[int, int] = (1, 3)
    leaves_only: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimensions: a, b, c, ... without f, the forecast."""
        return tuple("abcdegh"[: len(self.sizes)])


RECIPES = {
    "S": Recipe((10, 12, 10, 8, 5)),
    "L": Recipe((10, 24, 10, 15), (0.0, 0.1), (0.5, 1.0), (0.0, 0.0), (1, 5), (1, 1), True),
    "H": Recipe((10, 5, 250, 20, 8, 12)),
}


def instance(recipe: Recipe, seed: int, *, planted: bool = True) -> tuple[pd.DataFrame, set[Segment]]:
    """One leaf table (dims, v, f) and the planted segments."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(*recipe.noise)
    value, forecast = _quiet(rng, recipe, noise)
    truth = _plant(rng, recipe, noise, value, forecast) if planted else set()
    return _table(recipe, value, forecast), truth


def _quiet(rng: np.random.Generator, recipe: Recipe, noise: float) -> tuple[np.ndarray, np.ndarray]:
    shape = recipe.sizes
    value = rng.weibull(rng.uniform(0.5, 1.0), shape) * 100
    value *= rng.uniform(size=shape) > rng.uniform(0.0, 0.25)
    noisy = value * (1 + rng.normal(0, noise, shape))
    swap = rng.integers(0, 2, shape) == 1
    return np.where(swap, noisy, value), np.maximum(np.where(swap, value, noisy), 0.0)


def _plant(
    rng: np.random.Generator, recipe: Recipe, noise: float, value: np.ndarray, forecast: np.ndarray
) -> set[Segment]:
    moved, reference = (forecast, value) if value.sum() > forecast.sum() else (value, forecast)
    found: set[Segment] = set()
    for dims, elements in _locations(rng, recipe, value):
        severity, spread = rng.uniform(*recipe.severity) + noise, rng.uniform(*recipe.deviation)
        for element in elements:
            where = tuple(element[dims.index(i)] if i in dims else slice(None) for i in range(value.ndim))
            kept = np.asarray(reference[where])
            moved[where] = np.maximum(kept * (1 - rng.normal(severity, spread, kept.shape)), 0.0)
            found.add(
                tuple((recipe.names[d], f"{recipe.names[d]}{e + 1}") for d, e in zip(dims, element, strict=True))
            )
    return found


Location = tuple[list[int], list[tuple[int, ...]]]


def _locations(rng: np.random.Generator, recipe: Recipe, value: np.ndarray) -> list[Location]:
    count = int(rng.integers(recipe.anomalies[0], recipe.anomalies[1] + 1))
    chosen: list[Location] = []
    while len(chosen) < count:
        location = _draw(rng, recipe, chosen)
        if location is not None and _usable(location, chosen, value):
            chosen.append(location)
    return chosen


def _draw(rng: np.random.Generator, recipe: Recipe, chosen: list[Location]) -> Location | None:
    n = len(recipe.sizes)
    level = n if recipe.leaves_only else int(rng.integers(1, n + 1))
    count = int(rng.integers(recipe.elements[0], recipe.elements[1] + 1))
    dims = sorted(int(d) for d in rng.choice(n, level, replace=False))
    picks = []
    for dim in dims:
        used = {e[ds.index(dim)] for ds, elements in chosen if dim in ds for e in elements}
        free = sorted(set(range(recipe.sizes[dim])) - used)
        if not free:
            return None
        picks.append([int(v) for v in rng.choice(free, count)])
    elements = list(zip(*picks, strict=True))
    return (dims, elements) if len(set(elements)) == count else None


def _usable(location: Location, chosen: list[Location], value: np.ndarray) -> bool:
    dims, elements = location
    if len(dims) == value.ndim:
        return all(value[e] != 0 for e in elements)
    return all(dims != other for other, _ in chosen)


def _table(recipe: Recipe, value: np.ndarray, forecast: np.ndarray) -> pd.DataFrame:
    columns: dict[str, object] = {}
    for axis, (name, size) in enumerate(zip(recipe.names, recipe.sizes, strict=True)):
        shape = [size if i == axis else 1 for i in range(value.ndim)]
        codes = np.broadcast_to(np.arange(size, dtype=np.int16).reshape(shape), value.shape).ravel()
        columns[name] = pd.Categorical.from_codes(codes, [f"{name}{i + 1}" for i in range(size)])
    return pd.DataFrame({**columns, "v": value.ravel(), "f": forecast.ravel()})


def members(frame: pd.DataFrame, segment: Segment) -> np.ndarray:
    """Mask of the rows a segment covers."""
    return reduce(np.logical_and, [(frame[d] == v).to_numpy() for d, v in segment])
