"""Incidents of a failure rate at one moment: four dimensions, thin cells, a poor forecast, worse over all.

Drawn after the description of monitored services in the literature on such incidents: sessions by region, provider,
node and client, most cells with a handful of them; failure rates that differ from cell to cell for reasons of their
own; a rise over everything that no segment explains; and as a forecast only what each cell showed in the moments
before. One or two segments of one or two conditions (seldom three) are planted, as loud as an operator notices.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

Segment = tuple[tuple[str, str], ...]
SIZES = {"region": 31, "provider": 5, "node": 16, "client": 6}
NAMES = tuple(SIZES)

MOMENTS = 5
"""Moments before, of which the forecast is made."""

LOUD = 6.0
"""Standard errors by which a planted segment must stand out: what an operator notices."""

UNLIKE = 0.4
"""How much rates of regions, providers, nodes and clients differ for reasons of their own, on the log scale."""


def instance(seed: int, unlike: float = UNLIKE) -> tuple[pd.DataFrame, set[Segment]]:
    """Cells (four dims, sessions, failures, a forecast of the failures) and the planted segments."""
    rng = np.random.default_rng(seed)
    shape = tuple(SIZES.values())
    log = sum((_spread(rng, shape, (i,), 1.0) for i in range(4)), rng.normal(0, 0.7, shape))
    share = np.exp(log) * (rng.uniform(size=shape) > 0.5)
    sessions = rng.poisson(share / share.sum() * np.exp(rng.uniform(np.log(2e4), np.log(1e5))), (MOMENTS + 1, *shape))
    usual = sum((_spread(rng, shape, (i,), unlike) for i in range(4)), rng.normal(np.log(0.03), unlike, shape))
    moments = np.stack([usual + rng.normal(0, 0.3, shape) for _ in range(MOMENTS + 1)])
    moments[-1] += abs(rng.normal(0, 0.25))
    truth = _plant(rng, sessions[-1], moments[-1])
    failures = rng.binomial(sessions, np.clip(np.exp(moments), 0, 0.9))
    return _table(sessions, failures), truth


def _spread(rng: np.random.Generator, shape: tuple[int, ...], axes: tuple[int, ...], sd: float) -> np.ndarray:
    return rng.normal(0, sd, [n if i in axes else 1 for i, n in enumerate(shape)])


def _plant(rng: np.random.Generator, sessions: np.ndarray, log_rate: np.ndarray) -> set[Segment]:
    found: set[Segment] = set()
    wanted = 1 if rng.uniform() < 0.7 else 2
    for _ in range(2000):
        depth = int(rng.choice([1, 2, 3], p=[0.5, 0.4, 0.1]))
        at = {int(d): int(rng.integers(log_rate.shape[d])) for d in sorted(rng.choice(4, depth, replace=False))}
        where = tuple(at.get(d, slice(None)) for d in range(4))
        expected = float((sessions[where] * np.exp(log_rate[where])).sum())
        ratio = float(rng.uniform(1.5, 6.0))
        name = tuple((NAMES[d], f"{NAMES[d]}-{i:02d}") for d, i in at.items())
        apart = not {value for one in found for value in one} & set(name)
        if expected >= 5 and expected * (ratio - 1) >= LOUD * np.sqrt(expected * ratio) and apart:
            log_rate[where] += np.log(ratio)
            found.add(name)
        if len(found) == wanted:
            break
    return found


def _table(sessions: np.ndarray, failures: np.ndarray) -> pd.DataFrame:
    index = np.nonzero(sessions[-1])
    before = sessions[:-1].sum(axis=0)
    seen = failures[:-1].sum(axis=0) / np.maximum(before, 1)
    columns: dict[str, object] = {
        name: pd.Categorical.from_codes(index[axis], [f"{name}-{i:02d}" for i in range(size)])
        for axis, (name, size) in enumerate(SIZES.items())
    }
    now = sessions[-1][index].astype(float)
    return pd.DataFrame({**columns, "sessions": now, "failures": failures[-1][index].astype(float),
                         "forecast": seen[index] * now})  # fmt: skip
