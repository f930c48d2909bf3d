"""The best a linear method could do: generalised least squares with the true covariance and the true trend."""

from typing import NamedTuple

import numpy as np
from conditions import BAD_RATE, BAD_SHARE, Array, Condition, Study, own_covariance, shared_covariance


class Answer(NamedTuple):
    """Log ratio and its standard error."""

    estimate: float
    error: float


def weekly(days: Array) -> Array:
    """Sums over seven days."""
    return days.reshape(len(days), -1, 7).sum(axis=2)


def expected_volume(c: Condition, study: Study) -> Array:
    """Weekly volume; in *mix* the volume weighted by the true rates of the strata."""
    volume, bad = weekly(study.volume), weekly(study.bad_volume)
    return volume if not c.mix else (volume + (BAD_RATE - 1) * bad) / (1 + BAD_SHARE[0] * (BAD_RATE - 1))


def sampling_variance(c: Condition, study: Study, effect: float) -> Array:
    """Sampling variance of each weekly log from the true level of its segment."""
    volume = weekly(study.volume)
    if c.hours:
        return 1 / volume
    rate = np.repeat(weekly(study.events).sum(1, keepdims=True) / volume.sum(1, keepdims=True), volume.shape[1], 1)
    rate[0] = weekly(study.events)[0, : c.weeks_before].sum() / volume[0, : c.weeks_before].sum()
    rate[0, c.weeks_before :] *= 1 + effect
    return (1 - rate) / (volume * rate)


def covariance(c: Condition, study: Study, effect: float) -> Array:
    """True covariance of all weekly logs, segments stacked."""
    segments, weeks = weekly(study.events).shape
    loading = np.r_[c.loading, np.ones(segments - 1)]
    total = np.kron(np.outer(loading, loading), shared_covariance(c))
    for s in range(segments):
        block = slice(s * weeks, (s + 1) * weeks)
        total[block, block] += own_covariance(c, c.noisy if s == 0 else 1.0) + c.level_sd**2
    total += np.diag(sampling_variance(c, study, effect).ravel())
    return total


def oracle(c: Condition, study: Study, effect: float) -> Answer:
    """Estimate with everything known but the level of all and the effect; the ramp is a free effect of each week."""
    weeks = c.weeks_before + c.weeks_after
    events = weekly(study.events)
    logs = np.log((events + 0.5 * (not c.hours)) / expected_volume(c, study))
    trend = c.slope * (np.arange(weeks) - c.weeks_before + 0.5)
    logs[0] -= trend
    after = np.zeros_like(logs)
    after[0, c.weeks_before :] = 1
    design = np.column_stack([after.ravel(), *level_columns(c, logs)])
    precise = np.linalg.solve(covariance(c, study, effect), design)
    gram = np.linalg.inv(design.T @ precise)
    return Answer(float((gram @ (precise.T @ logs.ravel()))[0]), float(np.sqrt(gram[0, 0])))


def level_columns(c: Condition, logs: Array) -> list[Array]:
    """One level for all, or a free level for each week where a ramp is shared."""
    if not c.peak:
        return [np.ones(logs.size)]
    return [np.tile(week, len(logs)) for week in np.eye(logs.shape[1])]
