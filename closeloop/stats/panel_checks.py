"""What is shown with every verdict: whether the method finds something where nothing was changed.

The checks rerun the panel model under the one kind of noise that fits best, so that all of them cost less than the
estimate itself.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from closeloop.stats.panel_answer import effect_of
from closeloop.stats.panel_model import (
    ALONE,
    PLAIN,
    UNKNOWN_LEVEL,
    Array,
    Common,
    Fit,
    Flags,
    Points,
    Shared,
    Unit,
    block_effects,
    fixed_covariance,
    judge,
    mix,
    time_from,
    treated_unit,
    without_each,
)

FEWEST_BEFORE = 4  # blocks on the shorter side of an invented date
FEWEST_AFTER = 4  # blocks after the change whose halves can be told apart
WORTH_OF_PRIOR = 20.0  # how many well-behaved controls the widening starts from


class Halves(NamedTuple):
    """The effect in the second half of the time after, in logs, and how it differs from the first; NaN if unknown."""

    late: float
    late_low: float
    late_high: float
    turn: float  # second half less first half, in logs or log odds
    turn_p: float


UNTOLD = Halves(np.nan, np.nan, np.nan, np.nan, np.nan)


class Checks(NamedTuple):
    """Each check as a number; NaN or empty where it could not be made."""

    pretrend: float  # drift of the treated unit against the controls, per block, as a relative change
    pretrend_p: float
    placebo_p: tuple[float, ...]  # p values at invented earlier dates
    control_z: tuple[float, ...]  # each control judged as if it had been changed
    without_one: tuple[float, float]  # range of the log ratio when each control is left out in turn
    halves: Halves = UNTOLD

    @property
    def widening(self) -> float:
        """Factor on the standard error: one, or more where the controls moved too."""
        z = np.array(self.control_z)
        return float(np.sqrt(max(1.0, (WORTH_OF_PRIOR + (z**2).sum()) / (WORTH_OF_PRIOR + len(z)))))


def run_checks(fit: Fit) -> Checks:
    """All checks under the best-fitting kind of noise."""
    best = slice(int(np.argmax(fit.kinds)), int(np.argmax(fit.kinds)) + 1)
    shared = Shared(*(part[best] for part in fit.shared))
    common = block_effects(shared)
    slope, slope_p = pretrend(fit, common, shared.noise)
    checks = Checks(
        slope, slope_p, placebo_dates(fit, common, shared), control_changes(fit, shared), leave_one_out(fit, shared)
    )
    return checks._replace(halves=halves(fit, common, shared.noise, checks.widening))


def rows_of(unit: Unit, common: Common, noise: Array, rows: Flags) -> tuple[Unit, Common, Array]:
    """The same unit seen in some of its blocks only."""
    square = np.ix_(rows, rows)
    time = time_from(unit.after[rows])
    seen = Unit(unit.logs[rows], unit.covariance[square], unit.after[rows], time, unit.turn, unit.hint)
    covariance = common.covariance[:, rows][:, :, rows]
    return seen, Common(common.effect[:, rows], covariance), noise[:, rows][:, :, rows]


def pretrend(fit: Fit, common: Common, noise: Array) -> tuple[float, float]:
    """Slope of the treated unit before the change, by generalised least squares, and its p value."""
    before = ~fit.panel.after
    if before.sum() < FEWEST_BEFORE:
        return np.nan, np.nan
    unit, shared, kinds = rows_of(treated_unit(fit.panel), common, noise, before)
    trend = unit._replace(after=np.zeros_like(unit.after))
    precision = np.linalg.inv(kinds[0] + shared.covariance[0] + trend.covariance)
    gain = precision @ trend.time
    information = float(trend.time @ gain)
    slope = float(gain @ (trend.logs - shared.effect[0])) / information
    return effect_of(slope, fit.panel.room), float(2 * ndtr(-abs(slope) * np.sqrt(information)))


def placebo_dates(fit: Fit, common: Common, shared: Shared) -> tuple[float, ...]:
    """P values of the treated unit at two invented dates, with the data before the change only."""
    before = np.flatnonzero(~fit.panel.after)
    dates = [len(before) // 2, len(before) - FEWEST_BEFORE] if len(before) >= 2 * FEWEST_BEFORE else []
    unit = treated_unit(fit.panel)
    found: list[float] = []
    for date in sorted(set(dates)):
        moved = unit._replace(after=np.arange(len(unit.after)) >= before[date])
        points = judge(*rows_of(moved, common, shared.noise, ~fit.panel.after), ALONE)
        found.append(mix(points).p_value())
    return tuple(found)


def halves(fit: Fit, common: Common, noise: Array, widening: float) -> Halves:
    """Whether the effect lasts: the second half of the blocks after, against before and against the first half."""
    after = np.flatnonzero(fit.panel.after)
    if len(after) < FEWEST_AFTER:
        return UNTOLD
    second_half = np.arange(len(fit.panel.after)) >= after[len(after) // 2]
    unit = treated_unit(fit.panel)
    second = unit._replace(after=second_half)
    whole = unit.covariance + UNKNOWN_LEVEL * np.outer(unit.after, unit.after)
    since = mix(judge(*rows_of(second, common, noise, ~fit.panel.after | second_half), ALONE)).widened(widening)
    turned = mix(judge(second._replace(covariance=whole), common, noise, ALONE)).widened(widening)
    late, low, high = (since.quantile(q) for q in (0.5, 0.025, 0.975))
    late, low, high = (float(np.log1p(effect_of(shift, fit.panel.room))) for shift in (late, low, high))
    return Halves(late, low, high, turned.quantile(0.5), turned.p_value())


def control_changes(fit: Fit, shared: Shared) -> tuple[float, ...]:
    """Each control judged on the same dates against the others: estimate over standard error."""
    if shared.weighted.shape[1] < 2:
        return ()
    after = fit.panel.after
    units = Unit(fit.panel.logs[1:], fixed_covariance(fit.panel)[1:], after, time_from(after), fit.panel.turn)
    points = judge(units, without_each(shared), shared.noise, PLAIN)
    return tuple((points.mean / np.sqrt(points.variance)).ravel().tolist())


def leave_one_out(fit: Fit, shared: Shared) -> tuple[float, float]:
    """Lowest and highest estimate of the effect, in logs, when each control is left out in turn."""
    if shared.weighted.shape[1] < 2:
        return np.nan, np.nan
    points = judge(treated_unit(fit.panel), without_each(shared), shared.noise, ALONE)
    found = [mix(Points(*(part[s] for part in points))).quantile(0.5) for s in range(len(points.mean))]
    low, high = (float(np.log1p(effect_of(shift, fit.panel.room))) for shift in (min(found), max(found)))
    return low, high


def jumped(
    exposure: Array, after: npt.NDArray[np.bool_], names: tuple[str, ...], times: float = 1.5
) -> tuple[str, ...]:
    """Controls whose volume changed by more than `times` against the typical control: work may have moved there."""
    if not after.any() or len(exposure) < 2:
        return ()
    ratio = (exposure[:, after].mean(axis=1) + 1e-12) / (exposure[:, ~after].mean(axis=1) + 1e-12)
    relative = ratio[1:] / np.median(ratio[1:])
    return tuple(name for name, r in zip(names, relative, strict=True) if max(r, 1 / r) > times)
