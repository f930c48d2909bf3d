"""From blocks to the panel that the model reads: levels in logs or log odds, and what counting leaves unsure of them.

Shares of the exposure are told in log odds: a share of 95 % has no room for the movements that one of 5 % has, and at
small shares the two scales are the same.  Means, and counts that can exceed their exposure, are told in logs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit

from closeloop.stats.panel_blocks import Blocks, Columns
from closeloop.stats.panel_days import FEWEST_EVENTS, SMALL_DAY, Daily, Hint, hint_of
from closeloop.stats.panel_model import MISSING, Panel

Array = npt.NDArray[np.floating[Any]]

LEAST_OF_CONTROL = 20.0  # events in all blocks, and rows without one, below which a control tells nothing
LONG_TURN = 0.3
"""Sd, in logs, of the drift of an effect from its first year to its last: the smallest at which the errors on planted
panels, whose effects stay, grow or fade, fall no further (`benchmarks/impact/years.py`)."""
SEASON_NEEDS = 24  # months before the change


def is_share(blocks: Blocks, columns: Columns) -> bool:
    """Whether the events are a part of the exposure, so that they can be all of it but not more."""
    given = columns.count is not None and columns.exposure is not None
    return given and bool((blocks.total <= blocks.exposure).all())


def telling(blocks: Blocks, columns: Columns) -> tuple[Blocks, tuple[str, ...]]:
    """The same without controls that hardly had an event (or a row without one, or any value), and their names.

    The log of next to nothing says nothing of what moves every unit, and would make the answer as wide as itself.
    """
    kept = _tells(blocks, columns)
    thin = tuple(name for name, told in zip(blocks.controls, kept[1:], strict=True) if not told)
    kept[0] = True
    parts = {name: getattr(blocks, name)[kept] for name in ("total", "squares", "exposure", "expected")}
    by_day = None if blocks.daily is None else blocks.daily.only(kept)
    return blocks._replace(**parts, daily=by_day, controls=tuple(c for c in blocks.controls if c not in thin)), thin


def _tells(blocks: Blocks, columns: Columns) -> npt.NDArray[np.bool_]:
    if not columns.count:
        return np.all((blocks.total > 0) | (blocks.exposure <= 0), axis=1)
    least = blocks.total.sum(axis=1)
    if is_share(blocks, columns):
        least = np.minimum(least, (blocks.exposure - blocks.total).sum(axis=1))
    return least >= LEAST_OF_CONTROL


def joined_after(blocks: Blocks) -> Blocks:
    """The same with all blocks after the change as one."""
    edges = np.r_[np.flatnonzero(~blocks.after), np.flatnonzero(blocks.after)[:1]]
    parts = {
        name: np.add.reduceat(getattr(blocks, name), edges, axis=1)
        for name in ("total", "squares", "exposure", "expected")
    }
    along = {name: getattr(blocks, name)[edges] for name in ("after", "starts", "risen")}
    return blocks._replace(**parts, **along, daily=None)


def panel_of(blocks: Blocks, columns: Columns) -> Panel:
    """Logs (log odds of shares) and their sampling variance; the variance uses smoothed levels, not luck itself."""
    seen, share = blocks.exposure > 0, is_share(blocks, columns)
    if not columns.count and (blocks.total[seen] <= 0).any():
        when = blocks.starts[int(np.argmax((seen & (blocks.total <= 0)).any(axis=0)))]
        raise ValueError(
            f"column {columns.value!r} sums to 0 in the changed unit's {blocks.word} from {when:%Y-%m-%d}; relative"
            " effects need values above 0: leave that row out, or judge a count instead"
        )
    level = np.where(seen, odds_level(blocks) if share else log_level(blocks, seen, 0.5 * bool(columns.count)), 0.0)
    if columns.count:
        variance = count_variance(blocks, seen, share=share)
    elif columns.squares:
        variance = mean_variance(blocks)
    else:
        variance = series_variance(level, seen)
    centre = (level * seen).sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    logs = np.where(seen, level, centre)
    room = room_of(blocks) if share else 1.0
    variance = np.where(seen, variance, MISSING)
    told = hint_from(blocks, columns, variance)
    return Panel(
        logs, variance, blocks.after, season_of(blocks), turn_of(blocks), room=room, risen=blocks.risen, hint=told
    )


def hint_from(blocks: Blocks, columns: Columns, variance: Array) -> Hint | None:
    """What the days of each week tell of the treated unit; None without days, or where nothing says how they vary."""
    if blocks.daily is None or not (columns.count or columns.squares):
        return None
    share = is_share(blocks, columns)
    usual = _usual_day(blocks.daily, counted=columns.count is not None, share=share)
    kept = usual >= FEWEST_EVENTS
    if not kept[0]:
        return None
    days = blocks.daily.only(kept)
    there = days.exposure > SMALL_DAY * np.median(days.exposure, axis=(1, 2), keepdims=True)
    told = np.asarray((there & ((days.total > 0) | bool(columns.count))).all(axis=0))
    in_week = told.sum() / max(np.count_nonzero(told.sum(axis=1)), 1)
    return hint_of(day_levels(days, told, columns, share=share), told, np.median(variance[kept], axis=1) * in_week)


def _usual_day(days: Daily, *, counted: bool, share: bool) -> Array:
    """How much a day of each unit has to tell: events, or rows without one where they are fewer; values of a mean."""
    if not counted:
        return np.median(days.exposure, axis=(1, 2))
    rest = days.exposure - days.total if share else days.total
    return np.minimum(np.median(days.total, axis=(1, 2)), np.median(rest, axis=(1, 2)))


def day_levels(days: Daily, told: npt.NDArray[np.bool_], columns: Columns, *, share: bool) -> Array:
    """Logs or log odds of each day; what is not told is 0."""
    total, expected = np.where(told, days.total, 1.0), np.where(told, days.expected, 1.0)
    if not share:
        return np.log((total + 0.5 * bool(columns.count)) / expected)
    exposure = np.where(told, days.exposure, 2.0)
    return np.log((total + 0.5) / (exposure - total + 0.5)) - np.log(np.where(told, expected / exposure, 1.0))


def log_level(blocks: Blocks, seen: npt.NDArray[np.bool_], added: float) -> Array:
    """Log of the total over the expected exposure."""
    return np.log(np.where(seen, blocks.total + added, 1.0) / np.where(seen, blocks.expected, 1.0))


def odds_level(blocks: Blocks) -> Array:
    """Log odds of the share, less what the mix of strata moves them by."""
    level = np.log((blocks.total + 0.5) / (blocks.exposure - blocks.total + 0.5))
    if blocks.expected is blocks.exposure:
        return level
    usual = smooth_level(blocks.total, blocks.expected).clip(max=0.99)
    mixed = usual * blocks.expected / np.maximum(blocks.exposure, 1e-12)
    return level - logit(mixed.clip(1e-9, 0.995)) + logit(usual)


def room_of(blocks: Blocks) -> float:
    """What the share of the treated unit left to one before the change."""
    before = blocks.old
    return float(1 - smooth_level(blocks.total[:1, before], blocks.exposure[:1, before], 1.0)[0, 0])


def count_variance(blocks: Blocks, seen: npt.NDArray[np.bool_], *, share: bool) -> Array:
    """Binomial or Poisson, of log odds or logs; one level a unit, the treated one has up to three."""
    exposure = blocks.exposure if share else np.where(seen, blocks.expected, 0.0)
    level = np.repeat(smooth_level(blocks.total, exposure, 1.0 * share), seen.shape[1], axis=1)
    for part in (blocks.after, blocks.old, ~blocks.after & ~blocks.old):
        if part.any():
            level[:1, part] = smooth_level(blocks.total[:1, part], exposure[:1, part], 1.0 * share)
    return 1 / (np.maximum(exposure, 1e-12) * level * (1 - share * level))


def smooth_level(total: Array, exposure: Array, more: float = 0.0) -> Array:
    """Events per exposure over the blocks of each unit, never 0; with `more` 1 never 1, for shares."""
    return (total.sum(axis=1, keepdims=True) + 0.5) / np.maximum(exposure.sum(axis=1, keepdims=True) + more, 1e-12)


def mean_variance(blocks: Blocks) -> Array:
    """Squared coefficient of variation of each unit, over the number of values."""
    number = np.maximum(blocks.exposure.sum(axis=1, keepdims=True), 1e-12)
    mean = blocks.total.sum(axis=1, keepdims=True) / number
    spread = blocks.squares.sum(axis=1, keepdims=True) / number - mean**2
    return np.maximum(spread, 1e-9) / mean**2 / np.maximum(blocks.exposure, 1e-12)


def series_variance(level: Array, seen: npt.NDArray[np.bool_]) -> Array:
    """Mean squared second difference in time over six, taken from the median unit where there are many.

    A second difference of white noise has six times its variance; what slow noise adds is left to the grid.
    """
    relative = level - np.median(level, axis=0) if len(level) > 3 else level
    second = np.diff(relative, n=2, axis=1)
    usable = seen[:, 2:] & seen[:, 1:-1] & seen[:, :-2]
    white = float((second[usable] ** 2).mean()) / 6 if usable.any() else 0.01
    return np.full(level.shape, max(white, 1e-8))


def turn_of(blocks: Blocks) -> float:
    """An effect that is followed for years grows or fades; over weeks and months it is taken as one step."""
    return LONG_TURN if blocks.period == "year" else 0.0


def season_of(blocks: Blocks) -> npt.NDArray[np.int64] | None:
    """Month of each block, where at least two years of months came before the change."""
    if blocks.period != "month" or (~blocks.after).sum() < SEASON_NEEDS:
        return None
    return blocks.starts.month.to_numpy(np.int64) - 1
