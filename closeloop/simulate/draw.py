"""Drawing with planted effects: which rows an effect touches, and choices, delays and luck that obey it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.simulate.scenario import DIMENSIONS, Effect, Noise, Scenario, Where

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def stream(scenario: Scenario, name: str) -> np.random.Generator:
    """Random numbers for one step of the simulation, independent of how much the other steps draw."""
    return np.random.default_rng([scenario.seed, *name.encode()])


def matches(frame: pd.DataFrame, where: Where, known: Sequence[str] = DIMENSIONS) -> Bools:
    """Rows of `frame` in the slice, looking only at the `known` dimensions."""
    mask = np.ones(len(frame), dtype=bool)
    for dim, values in where:
        if dim in known:
            mask &= frame[dim].isin(values).to_numpy(dtype=bool)
    return mask


def during(effect: Effect, hours: Floats, scenario: Scenario) -> Bools:
    """Which of the local times, in hours since the start, fall into the effect's span."""
    day = np.floor(hours / 24.0)
    end = np.inf if effect.end is None else scenario.day_of(effect.end)
    return (day >= scenario.day_of(effect.start)) & (day < end)


def touched(effect: Effect, frame: pd.DataFrame, hours: Floats, scenario: Scenario) -> Bools:
    """Rows in the effect's slice and span."""
    mask = during(effect, hours, scenario)
    return mask & matches(frame, effect.where) if mask.any() else mask


def labelled(codes: Ints, names: Sequence[str]) -> pd.Categorical:
    """Compact text column: `names[codes]`, where names may repeat."""
    unique, position = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return pd.Categorical.from_codes(position[codes], categories=pd.Index(unique, dtype="str"))


def choose(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Draw `size` positions with probability proportional to `weights`."""
    return pick(weights, rng.random(size))


def pick(weights: Floats, ranks: Floats) -> Ints:
    """The position that each rank in [0, 1) falls on when the weights share the interval."""
    edges = np.cumsum(weights) / np.sum(weights)
    return np.minimum(np.searchsorted(edges, ranks, side="right"), len(edges) - 1).astype(np.int64)


def choose_mixed(
    rng: np.random.Generator,
    options: pd.DataFrame,
    weights: Floats,
    active: Mapping[int, Bools],
    effects: Sequence[Effect],
) -> Ints:
    """Draw one option per row, with weights multiplied by the effects active in that row.

    `options` has one row per option and a column per dimension it fixes; `active[i]` masks the rows where
    `effects[i]` holds. Returns positions in `options`.
    """
    size = len(next(iter(active.values()))) if active else 0
    combination = np.zeros(size, dtype=np.int64)
    for i, mask in active.items():
        combination |= mask.astype(np.int64) << i
    drawn = np.empty(size, dtype=np.int64)
    ranks = rng.random(size)
    for combo in np.unique(combination):
        factor = np.ones(len(options))
        for i in active:
            if combo >> i & 1:
                hit = matches(options, effects[i].where, list(options.columns))
                factor[hit] *= effects[i].size
        rows = combination == combo
        drawn[rows] = pick(weights * factor, ranks[rows])
    return drawn


def choose_options(
    rng: np.random.Generator,
    options: pd.DataFrame,
    weights: Floats,
    rows: pd.DataFrame,
    scenario: Scenario,
) -> Ints:
    """Draw one option per row of `rows` (with `ordered_at`), obeying mix shifts on a column of `options`."""
    hours = rows["ordered_at"].to_numpy(dtype=float)
    shifts = [
        effect
        for effect in scenario.effects("mix_shift", "volume")
        if any(dim in options.columns for dim, _ in effect.where)
    ]
    active: dict[int, Bools] = {0: np.zeros(len(rows), dtype=bool)}
    for i, effect in enumerate(shifts):
        others = tuple(pair for pair in effect.where if pair[0] in rows.columns)
        active[i] = during(effect, hours, scenario) & matches(rows, others)
    return choose_mixed(rng, options, weights, active, shifts)


def delays(stage: str, rows: pd.DataFrame, hours: Floats, scenario: Scenario) -> Floats:
    """Hours added to each row's stage: gamma with the effect's mean and a coefficient of variation of 0.5."""
    rng = stream(scenario, f"delay {stage}")
    added = np.zeros(len(rows))
    for effect in scenario.effects("delay", target=stage):
        spread = rng.gamma(4.0, effect.size / 4.0, len(rows))
        added += np.where(touched(effect, rows, hours, scenario), spread, 0.0)
    return added


def shared_luck(rng: np.random.Generator, groups: int, days: int, sd: float, noise: Noise) -> Floats:
    """Common daily shock of each group, shape (groups, days), standard deviation `sd`.

    A share `noise.week_share` of the variance is a weekly AR(1) with memory `noise.week_memory`; the rest is
    independent from day to day.
    """
    weeks = days // 7 + 1
    weekly = np.zeros((groups, weeks))
    innovation = rng.standard_normal((groups, weeks))
    fresh = np.sqrt(1.0 - noise.week_memory**2)
    weekly[:, 0] = innovation[:, 0]
    for week in range(1, weeks):
        weekly[:, week] = noise.week_memory * weekly[:, week - 1] + fresh * innovation[:, week]
    daily = rng.standard_normal((groups, days))
    common = np.repeat(weekly, 7, axis=1)[:, :days]
    return sd * (np.sqrt(noise.week_share) * common + np.sqrt(1.0 - noise.week_share) * daily)
