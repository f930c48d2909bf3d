"""What a metric's earlier weeks tell of how far its slices move by themselves, learnt from the weeks before alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from closeloop.cells import FIRST_MONDAY
from closeloop.cube import Floats, Series
from closeloop.model import Change, Slice
from closeloop.slices import UNNAMED
from closeloop.stats import level_shift, strain
from closeloop.stats.level_shift import Past
from closeloop.stats.outbreaks import trust
from closeloop.stats.recent_rise import past_misses, scale_of

WINDOWS = (1, 2, 4, 8)
"""Weeks that a problem may have lasted when it is looked for; each look is paid for."""

RECENT = (1, 2, 4)
"""Weeks that are held against the weeks right before them alone, where a level wanders."""

LEARNT_EVERY = 4
"""Weeks after which the strain is learnt anew, on the calendar, not counted from the newest week."""

MIN_EXPOSURE = 20
"""Rows a week below which a slice is not tested: it could not tell."""


class Learnt(NamedTuple):
    """What the past tells of the slices' own moves: windows x slices.

    `strain` widens the errors of the long looks; `scales` are the squared errors of the recent ones, each with the
    number of looks that it is known from, where there were enough. `rebased` is the first week of each slice that
    tells what is normal: 0, or the week after that in which a change shipped which made it better.
    """

    strain: Floats
    scales: tuple[tuple[Floats, float], ...]
    rebased: NDArray[np.int_]


@dataclass(frozen=True)
class Strain:
    """How much more one metric's slices moved in the past than their errors say, by dimensions.

    `squares` and `misses` are the tests made at earlier weeks, by window; `learnt` holds what they come to, by
    week. What a week learns rests on the weeks before it alone, so it is the same in every later run, and on no
    more than `strain.MEMORY` of them, so that a long history costs no more than two years.
    """

    past: Past
    rows: dict[Slice, int]
    codes: NDArray[np.int_]
    squares: tuple[dict[int, Floats], ...]
    misses: tuple[dict[int, Floats], ...]
    changes: tuple[Change, ...] = ()
    learnt: dict[int, Learnt] = field(default_factory=dict[int, Learnt])

    def of(self, series: Series) -> Learnt:
        """Return what is known for the newest week of a series, learnt anew at the start of each four weeks."""
        ago = (series.weeks[-1] - FIRST_MONDAY).days // 7 % LEARNT_EVERY
        until = len(series.weeks) - ago
        if until not in self.learnt:
            self.learnt[until] = self._until(until)
        whole, rows = self.learnt[until], [self.rows[where] for where in series.slices]
        scales = tuple((scale[rows], looks) for scale, looks in whole.scales)
        return Learnt(whole.strain[:, rows], scales, rebased(series, self.changes))

    def _until(self, until: int) -> Learnt:
        ends = range(max(0, until - level_shift.UNASKED - strain.MEMORY) + 1, until - level_shift.UNASKED + 1)
        self._look(ends)
        bad, total, binomial = self.past.bad[:, :until], self.past.total[:, :until], self.past.binomial
        trusted = trust(bad, total, binomial=binomial)
        factors, common = list[Floats](), strain.UNKNOWN
        for window, squares in zip(WINDOWS, self.squares, strict=True):
            quiet = strain.without_outbreaks(_at(squares, ends), trusted, window)
            groups, common = strain.learnt(quiet, self.codes, window, common)
            factors.append(groups[self.codes])
        scales = [
            scale_of(_at(misses, ends), window, binomial=binomial)
            for window, misses in zip(RECENT, self.misses, strict=True)
        ]
        known = tuple(scale for scale in scales if scale) if all(scales) else ()
        return Learnt(np.stack(factors), known, np.zeros(len(bad), dtype=np.int_))

    def _look(self, ends: range) -> None:
        """Make the tests at those ends at which none were made yet."""
        new = [end for end in ends if end not in self.misses[0] and end >= level_shift.MIN_BASELINE + 1]
        for known, found in zip(self.squares, strain.past_squares(self.past, WINDOWS, new), strict=True):
            known.update(found)
        for window, known in zip(RECENT, self.misses, strict=True):
            known.update(past_misses(self.past, window, new))


def _at(past: dict[int, Floats], ends: range) -> dict[int, Floats]:
    return {end: past[end] for end in ends if end in past}


def rebased(series: Series, changes: Sequence[Change]) -> NDArray[np.int_]:
    """Return from which week on the past of each slice counts, given what the improvement log says has shipped.

    From the week after a change of this metric on, in the slices within its scope, once enough weeks have passed
    and if those are better than the ones before: a relapse is held against what the change had reached, and a change
    that made something worse hides nothing.
    """
    start = np.zeros(len(series.slices), dtype=np.int_)
    for change in sorted(changes, key=lambda one: one.shipped_on):
        at = sum(week <= change.shipped_on for week in series.weeks)
        if change.metric != series.metric.id or not 0 < at <= len(series.weeks) - level_shift.MIN_BASELINE:
            continue
        inside = np.array([change.scope.contains(where) for where in series.slices], dtype=np.bool_)
        after, before = slice(at, at + level_shift.MIN_BASELINE), slice(max(0, at - level_shift.BASELINE), at)
        (now, then) = (
            series.bad[:, part].sum(axis=1) / np.maximum(series.total[:, part].sum(axis=1), 1e-9)
            for part in (after, before)
        )
        start = np.where(inside & (now < then), at, start)
    return start


def strain_of(series: Series, changes: Sequence[Change] = ()) -> Strain:
    """Prepare what a metric's earlier weeks tell of how far each kind of slice wanders by itself.

    `changes` are those of the improvement log, from which on a better level is the normal one (`rebased`).
    """
    groups = dict[tuple[str, ...], int]()
    codes = np.array([groups.setdefault(where.dims, len(groups)) for where in series.slices], dtype=np.int_)
    rows = np.where(named(series)[:, None], series.effective, 0.0)
    past = Past(series.bad, series.total, rows, series.metric.kind == "share", MIN_EXPOSURE)
    places = {where: i for i, where in enumerate(series.slices)}
    return Strain(past, places, codes, tuple({} for _ in WINDOWS), tuple({} for _ in RECENT), tuple(changes))


def named(series: Series) -> NDArray[np.bool_]:
    """Return which slices name something one could act on."""
    return np.array([not UNNAMED & {value for _, value in where.where} for where in series.slices], dtype=np.bool_)
