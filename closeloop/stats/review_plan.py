"""How long one must wait, and whether this unit can show the effect at all.

The noise is learned from the blocks before the change with the model of `panel_model`; the same least squares then
gives the standard error that m further blocks will have, whatever they will hold.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from closeloop.percent import percent, signed
from closeloop.stats.panel_answer import effect_of, shift_of
from closeloop.stats.panel_blocks import Blocks, Columns, read_blocks, with_pattern
from closeloop.stats.panel_levels import panel_of, telling
from closeloop.stats.panel_mixture import Mixture
from closeloop.stats.panel_model import (
    MISSING,
    NONE,
    Array,
    Fit,
    Panel,
    Prior,
    TreatedPrior,
    block_effects,
    fit,
    judge,
    listen,
    noise_kinds,
    treated_unit,
)

LONGEST = 12  # blocks after the change that a review may wait for
NOTABLE = 0.02  # kinds of noise with less weight are left out of the plan
OUTLOOK = TreatedPrior(slope=Prior((0.0, 0.02), (0.68, 0.32)), trend=NONE)
"""Trends as normal ones: blocks to come will tell of them, which points with a given trend cannot foresee."""


class Wait(NamedTuple):
    """What so many blocks after the change will be able to show."""

    blocks: int
    half_width: float  # of the 95 % interval, in logs
    power: float  # chance of an interval without 0 if the hoped-for effect is real
    detectable: float  # smallest reduction found with the wished power, as a relative change


@dataclass(frozen=True)
class ReviewPlan:
    """The plan, block by block, and the first block at which the wished power is reached (None: never)."""

    waits: tuple[Wait, ...]
    proposed: int | None
    effect: float
    power: float
    period: str

    @property
    def sentence(self) -> str:
        """The plan in words."""
        last = self.waits[-1]
        if self.proposed is None:
            return (
                f"Within {last.blocks} {self.period}s this unit cannot show a change of {signed(self.effect)} "
                f"(chance {percent(last.power)}); it can show {signed(last.detectable)}."
            )
        chosen = self.waits[self.proposed - 1]
        return (
            f"Review after {self.proposed} {self.period}s: a change of {signed(self.effect)} is then found with a "
            f"chance of {percent(chosen.power)}."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a block."""
        return pd.DataFrame(self.waits)


def plan_review(  # noqa: PLR0913 - the same words as before_after, one by one
    before: pd.DataFrame,
    *,
    shipped: Any,
    treated: Any,
    on: str = "date",
    unit: str = "segment",
    count: str | None = None,
    value: str | None = None,
    squares: str | None = None,
    exposure: str | None = None,
    controls: list[Any] | None = None,
    effect: float = -0.2,
    power: float = 0.8,
    since: Any = None,
) -> ReviewPlan:
    """Propose a review date for a change that has not shipped yet.

    `before` is a long frame as for `before_after`; what it holds from the ship date on is not looked at.  `effect` is
    the relative change one hopes for, `power` the chance with which it should be found.  `since` is the first day of
    the pattern that the change is aimed at, as in `before_after`: its rise is then no noise.

    Raises ValueError when the frame cannot be read, holds fewer than four whole blocks before the ship date, or has
    none on either side of `since`.
    """
    columns = Columns(on, unit, count, value, squares, exposure)
    moment = pd.Timestamp(str(shipped))
    blocks = read_blocks(before, columns, moment, unit_rows(before, unit, treated, controls))
    if (~blocks.after).sum() < 4:
        raise ValueError(
            f"a plan needs 4 whole blocks before {moment:%Y-%m-%d}; the frame has {(~blocks.after).sum()}"
        )
    blocks = with_pattern(blocks, None if since is None else pd.Timestamp(str(since)))
    told, _ = telling(only_before(blocks), columns)
    return plan(panel_of(told, columns), blocks.word, effect, power)


def unit_rows(daily: pd.DataFrame, unit: str, treated: Any, controls: list[Any] | None) -> dict[Any, int]:
    """Row of every unit in the panel: treated ones share row 0, controls follow in sorted order."""
    if unit not in daily:
        raise ValueError(f"columns {[unit]} are not in the frame; it has {list(daily.columns)}")
    present = set(pd.unique(daily[unit].dropna()))
    chosen = list(treated) if isinstance(treated, (list, tuple, set, frozenset)) else [treated]
    others = sorted(present - set(chosen), key=str) if controls is None else list(controls)
    absent = [name for name in (*chosen, *others) if name not in present]
    if absent or not chosen:
        raise ValueError(f"units {absent} are not in column {unit!r}; it has {sorted(map(str, present))[:20]}")
    both = [name for name in others if name in chosen]
    if both:
        raise ValueError(f"units {both} are named as treated and as controls; a unit can only be one of them")
    return dict.fromkeys(chosen, 0) | {name: i for i, name in enumerate(sorted(set(others), key=str), 1)}


def only_before(blocks: Blocks) -> Blocks:
    """Drop what came after the change."""
    keep = ~blocks.after
    sums = {name: getattr(blocks, name)[:, keep] for name in ("total", "squares", "exposure", "expected")}
    along = {name: getattr(blocks, name)[keep] for name in ("after", "starts", "risen")}
    by_day = None if blocks.daily is None else blocks.daily.only((slice(None), keep))
    return blocks._replace(**sums, **along, daily=by_day)


def extended(panel: Panel, more: int, *, missing: bool, effect: float = 0.0) -> Panel:
    """The panel with blocks to come: without data, or with the usual sampling noise.

    Fewer events in the treated unit are noisier in logs: its sampling variance grows with the effect.
    """
    units, share = len(panel.logs), 1 - panel.room
    usual = np.median(panel.variance, axis=1, keepdims=True)
    usual[0] *= panel.room / (1 + effect) / (1 - share * (1 + effect))
    variance = np.full((units, more), MISSING) if missing else np.repeat(usual, more, axis=1)
    level = np.repeat(panel.logs.mean(axis=1, keepdims=True), more, axis=1)
    season = None
    if panel.season is not None:
        season = np.r_[panel.season, (panel.season[-1] + 1 + np.arange(more)) % 12]
    risen = None if panel.risen is None else np.r_[panel.risen, np.repeat(panel.risen[-1], more)]
    return panel._replace(
        logs=np.hstack([panel.logs, level]), variance=np.hstack([panel.variance, variance]),
        after=np.r_[panel.after, np.ones(more, dtype=bool)], season=season, risen=risen,
    )  # fmt: skip


def foresee(learned: Fit, panel: Panel, least: float) -> Mixture:
    """The answers that a panel to come will give around the truth, weighted by what the past says about the noise.

    The points disagree about the level to be expected, and still will: their means keep that spread.
    """
    kept = learned.kinds >= min(least, float(learned.kinds.max()))
    noise = noise_kinds(panel.logs.shape[1])[kept]
    common = block_effects(listen(panel, noise))
    points = judge(treated_unit(panel), common, noise, learned.prior)
    weight = np.exp(learned.points.logweight[kept] - learned.points.logweight.max())
    weight = weight / weight.sum()
    centred = points.mean - (weight * points.mean).sum()
    return Mixture(centred.ravel(), np.sqrt(points.variance).ravel(), weight.ravel())


def plan(panel: Panel, period: str, effect: float, power: float) -> ReviewPlan:
    """The plan from a panel that ends before the change."""
    learned = fit(extended(panel, 1, missing=True), OUTLOOK)
    coming = (extended(panel, m, missing=False, effect=effect) for m in range(1, LONGEST + 1))
    aim = Aim(effect, power, panel.room)
    waits = tuple(wait(m, foresee(learned, to_come, NOTABLE), aim) for m, to_come in enumerate(coming, start=1))
    reached = [w.blocks for w in waits if w.power >= power]
    return ReviewPlan(waits, reached[0] if reached else None, effect, power, period)


class Aim(NamedTuple):
    """What is to be found, how surely, and the room that the level before leaves to shares."""

    effect: float
    power: float
    room: float


def wait(blocks: int, answers: Mixture, aim: Aim) -> Wait:
    """Half-width, power and smallest detectable reduction from the answers to come."""
    half = (answers.quantile(0.975) - answers.quantile(0.025)) / 2
    error = float(np.sqrt(answers.weight @ answers.sd**2))
    chance = float(ndtr((abs(shift_of(aim.effect, aim.room)) - half) / error))
    left = 1 - (1 - aim.room) * (1 + aim.effect)
    return Wait(blocks, half * left, chance, effect_of(-(half + ndtri(aim.power) * error), aim.room))


def first_blocks(panel: Panel, number: int) -> Panel:
    """The panel up to a block, as plain as an outlook needs it."""
    logs, variance, after = panel.logs[:, :number], panel.variance[:, :number], panel.after[:number]
    return panel._replace(logs=logs, variance=variance, after=after, season=None, risen=None)


def errors_ahead(found: Fit, blocks: int) -> Array:
    """Standard errors after 1, 2, ... blocks from the ship date, under the best-fitting kind of noise."""
    before, have = int((~found.panel.after).sum()), int(found.panel.after.sum())
    whole = extended(found.panel, max(0, blocks - have), missing=False)
    ends = range(before + 1, before + blocks + 1)
    answers = [foresee(found, first_blocks(whole, end), 1.0) for end in ends]
    return np.array([np.sqrt(a.weight @ a.sd**2) for a in answers])
