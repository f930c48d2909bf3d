"""The seventeen worlds in which the before/after test is measured, each with its true covariance.

A day's log rate of a segment is: its level + weekday + loading x (a shared AR(0.8) + storms) + its own AR(phi)
+ an independent daily shock + what the condition adds (a random walk, a trend, a seasonal ramp, a change of mix).
Events are binomial given the rate; means are sums of gamma draws.  The effect multiplies the treated rate.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
SHIPPED = pd.Timestamp("2026-03-02")
WEEKDAY = np.array([0.10, 0.05, 0.0, -0.05, -0.05, -0.10, 0.05])
COMMON_PHI, COMMON_SD = 0.8, 0.15
STORM_CHANCE, STORM_SIZE, STORM_DECAY = 0.03, 0.5, 0.6


@dataclass(frozen=True)
class Condition:
    """One world; every field but the name has the value of the everyday world *ops*."""

    name: str
    volume: int = 400
    rate: float = 0.06
    phi: float = 0.6
    own_sd: float = 0.12
    daily_sd: float = 0.10
    common: float = 1.0
    level_sd: float = 0.25
    weeks_before: int = 12
    weeks_after: int = 4
    controls: int = 8
    pool: int = 0  # > 0: the treated segment is the worst of so many
    picked_by: str = ""  # "rise" of the last four weeks, or raw "rate"
    drift: float = 0.0  # random walk, sd per square root of a week
    slope: float = 0.0  # trend of the treated segment alone, per week
    peak: float = 0.0  # height of a shared seasonal ramp, in logs
    noisy: float = 1.0  # own noise of the treated segment, times
    loading: float = 1.0  # how the treated segment reacts to shared shocks
    mix: bool = False
    hours: bool = False

    @property
    def days(self) -> int:
        """Length of the study."""
        return 7 * (self.weeks_before + self.weeks_after)

    @property
    def split(self) -> int:
        """First day after the change."""
        return 7 * self.weeks_before


OPS = Condition("ops")
CONDITIONS = (
    replace(OPS, name="iid", own_sd=0.0, daily_sd=0.0, common=0.0),
    OPS,
    replace(OPS, name="small", volume=30, rate=0.04),
    replace(OPS, name="large", volume=5000),
    replace(OPS, name="persist", phi=0.93),
    replace(OPS, name="drift", drift=0.05),
    replace(OPS, name="pretrend", slope=-0.02),
    replace(OPS, name="peak", peak=float(np.log(1.5))),
    replace(OPS, name="noctl", controls=0),
    replace(OPS, name="short", weeks_before=4, weeks_after=2),
    replace(OPS, name="rtm-s", phi=0.93, own_sd=0.20, pool=40, picked_by="rise"),
    replace(OPS, name="rtm-n", volume=30, rate=0.04, weeks_before=6, pool=40, picked_by="rate"),
    replace(OPS, name="mix", mix=True),
    replace(OPS, name="hours", volume=150, hours=True),
    replace(OPS, name="noisy", noisy=2.0),
    replace(OPS, name="sens", loading=1.7),
    replace(OPS, name="d20", controls=20),
)
BAD_SHARE = (0.40, 0.20)  # share of the bad stratum in the treated segment before and after, in *mix*
BAD_RATE = 3.0  # its rate relative to the good stratum


class Study(NamedTuple):
    """One simulated study; row 0 of every array is the treated segment; arrays are segments x days."""

    events: Array  # or the sum of the values
    squares: Array  # sum of squares of the values, zeros for rates
    volume: Array
    bad_events: Array  # the part in the bad stratum, zeros unless the condition is *mix*
    bad_volume: Array


def autoregression(rng: np.random.Generator, shape: tuple[int, int], phi: float, sd: float) -> Array:
    """Stationary AR(1) paths, one a row."""
    paths = rng.standard_normal(shape) * sd
    for day in range(1, shape[1]):
        paths[:, day] = phi * paths[:, day - 1] + np.sqrt(1 - phi**2) * paths[:, day]
    return paths


def storms(rng: np.random.Generator, days: int) -> Array:
    """Shared shocks that hit rarely and fade over days."""
    path = STORM_SIZE * (rng.random(days + 20) < STORM_CHANCE).astype(float)
    for day in range(1, days + 20):
        path[day] += STORM_DECAY * path[day - 1]
    return path[20:]


def ramp(condition: Condition) -> Array:
    """Seasonal rise from four weeks before the change to its height two weeks after it."""
    week = (np.arange(condition.days) - condition.split) / 7
    return condition.peak * np.clip((week + 4) / 6, 0, 1)


def common_path(rng: np.random.Generator, c: Condition) -> Array:
    """What all segments share."""
    shared = autoregression(rng, (1, c.days), COMMON_PHI, COMMON_SD)[0] + storms(rng, c.days)
    return c.common * shared + ramp(c)


def log_rates(rng: np.random.Generator, c: Condition) -> Array:
    """True log rates without the effect, segments x days, the treated segment in row 0 unless one is picked."""
    segments = c.pool or c.controls + 1
    own = autoregression(rng, (segments, c.days), c.phi, c.own_sd)
    own += c.daily_sd * rng.standard_normal(own.shape)
    own[0] *= c.noisy
    own += c.drift / np.sqrt(7) * np.cumsum(rng.standard_normal(own.shape), axis=1)
    own[0] += c.slope * (np.arange(c.days) - c.split) / 7
    loading = np.r_[c.loading, np.ones(segments - 1)]
    level = np.log(c.rate) + c.level_sd * rng.standard_normal(segments)
    return level[:, None] + loading[:, None] * common_path(rng, c) + own + np.resize(WEEKDAY, c.days)


def worst_first(rng: np.random.Generator, c: Condition, seen: Array) -> npt.NDArray[np.intp]:
    """Order the pool so that the segment a merchant would pick comes first, then random controls."""
    if not c.pool:
        return np.arange(len(seen))
    score = seen.mean(axis=1)
    if c.picked_by == "rise":
        score = np.log((seen[:, -28:].mean(axis=1) + 1e-9) / (seen[:, :-28].mean(axis=1) + 1e-9))
    worst = int(np.argmax(score))
    others = rng.permutation(np.delete(np.arange(len(seen)), worst))
    return np.r_[worst, others[: c.controls]]


def simulate(c: Condition, effect: float, seed: int) -> Study:
    """One study with the effect (-0.2: a fifth fewer) from the ship date on; picking looks at the data before."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, *c.name.encode()]))
    rates = log_rates(rng, c)
    if c.hours:
        return draw_means(rng, c, rates, effect)
    before = rng.binomial(c.volume, np.exp(rates[:, : c.split]).clip(max=0.95))
    order = worst_first(rng, c, before / c.volume)
    rates, before = rates[order], before[order]
    rates[0, c.split :] += np.log1p(effect)
    if c.mix:
        return draw_mix(rng, c, rates)
    after = rng.binomial(c.volume, np.exp(rates[:, c.split :]).clip(max=0.95))
    events = np.hstack([before, after]).astype(float)
    zeros = np.zeros_like(events)
    return Study(events, zeros, np.full_like(events, c.volume), zeros, zeros)


def draw_means(rng: np.random.Generator, c: Condition, rates: Array, effect: float) -> Study:
    """Exponential waiting times: sums and sums of squares a day."""
    rates[0, c.split :] += np.log1p(effect)
    times = rng.exponential(1.0, (*rates.shape, c.volume)) * np.exp(rates + 7.0)[..., None]
    zeros = np.zeros_like(rates)
    return Study(times.sum(-1), (times**2).sum(-1), np.full_like(rates, c.volume), zeros, zeros)


def draw_mix(rng: np.random.Generator, c: Condition, rates: Array) -> Study:
    """Two strata, one three times as bad; the treated segment sheds half of the bad one on the ship date."""
    share = np.full_like(rates, BAD_SHARE[0])
    share[0, c.split :] = BAD_SHARE[1]
    bad_volume = rng.binomial(c.volume, share)
    good = np.exp(rates - np.log(1 + BAD_SHARE[0] * (BAD_RATE - 1)))
    bad = rng.binomial(bad_volume, (BAD_RATE * good).clip(max=0.95))
    events = bad + rng.binomial(c.volume - bad_volume, good.clip(max=0.95))
    volume = np.full(rates.shape, float(c.volume))
    return Study(events.astype(float), np.zeros_like(rates), volume, bad.astype(float), bad_volume.astype(float))


@lru_cache
def shared_covariance(c: Condition) -> Array:
    """True covariance of what all segments share, by weeks."""
    lag = np.abs(np.subtract.outer(np.arange(c.days), np.arange(c.days)))
    storm = STORM_CHANCE * (1 - STORM_CHANCE) * STORM_SIZE**2 / (1 - STORM_DECAY**2)
    return by_week(c.common**2 * (COMMON_SD**2 * COMMON_PHI**lag + storm * STORM_DECAY**lag))


@lru_cache
def own_covariance(c: Condition, times: float) -> Array:
    """True covariance of one segment's own noise, by weeks, sampling noise left out."""
    days = np.arange(c.days)
    lag = np.abs(np.subtract.outer(days, days))
    stationary = c.own_sd**2 * c.phi**lag + c.daily_sd**2 * np.eye(c.days)
    walk = c.drift**2 / 7 * (1.0 + np.minimum.outer(days, days))
    return by_week(times**2 * stationary + walk)


def by_week(daily: Array) -> Array:
    """Covariance of weekly averages from the covariance of days."""
    weeks = len(daily) // 7
    return daily.reshape(weeks, 7, weeks, 7).mean(axis=(1, 3))


def frame(c: Condition, study: Study) -> pd.DataFrame:
    """The study as a merchant would hand it over: one row a segment and day (and stratum in *mix*)."""
    segments = len(study.events)
    rows = {
        "segment": np.repeat([f"s{i:02d}" for i in range(segments)], c.days),
        "date": np.tile(pd.date_range(SHIPPED - pd.Timedelta(days=c.split), periods=c.days), segments),
    }
    whole = {"x": study.events.ravel(), "squares": study.squares.ravel(), "n": study.volume.ravel()}
    if not c.mix:
        return pd.DataFrame({**rows, **whole})
    bad = {"x": study.bad_events.ravel(), "n": study.bad_volume.ravel(), "stratum": "bad"}
    good = {"x": whole["x"] - bad["x"], "n": whole["n"] - bad["n"], "stratum": "good"}
    return pd.concat([pd.DataFrame({**rows, **good}), pd.DataFrame({**rows, **bad})], ignore_index=True)
