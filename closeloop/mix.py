"""Which slices take another share of all orders, parcels or lines than they used to: a decision, not a problem."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from closeloop.cube import Cube, Series
from closeloop.model import Alarm
from closeloop.stats import level_shift
from closeloop.stats.level_shift import onset, rise
from closeloop.stats.multiple_testing import benjamini_hochberg
from closeloop.stats.strain import strain
from closeloop.words import day, share

GRAINS = (("orders", "order_to_handover"), ("parcels", "label_to_first_scan"), ("order lines", "return_rate"))
"""What is counted, and the weekly metric whose denominator counts it."""

WINDOWS = (1, 2, 4, 8)

Q = 0.05
"""False discovery rate over all slices, windows and directions of a week."""

MIN_SHARE, MIN_POINTS, MIN_RATIO = 0.01, 0.01, 1.25
"""A shift is worth a sentence when the slice is that large, moved by so many points and by that factor."""

MOST = 5
"""Shifts that a week's report names."""

NEWS = timedelta(weeks=4)
"""How long a shift is told: after that it is how things are, and weeks that are compared know it."""

NOT_A_CHOICE = {"weekday", "state"}
"""Dimensions that nobody steers, or that a larger one says as well."""


def shifts(cube: Cube) -> tuple[Alarm, ...]:
    """Return the single-dimension slices whose share of the rows moved in the last weeks, the largest first.

    Shares are tested against up to 26 weeks before, both ways, with the variance and the drift that shares
    of that dimension had in the past (`level_shift`); Benjamini and Hochberg (1995) over all looks.
    """
    known = {series.metric.id: series for series in cube.series}
    looks = [look for grain, name in GRAINS if name in known for look in _looks(grain, known[name].until(cube.week))]
    if not looks:
        return ()
    q = benjamini_hochberg([alarm.p for alarm in looks])
    sure = [alarm for alarm, chance in zip(looks, q, strict=True) if chance <= Q]
    worth = [alarm for alarm in sure if _worth(alarm) and alarm.since > cube.week - NEWS]
    return tuple(_one_each(sorted(worth, key=lambda a: (-abs(a.now - a.before), a.p))))[:MOST]


def _looks(grain: str, series: Series) -> list[Alarm]:
    single = np.array([len(where.where) == 1 and where.dims[0] not in NOT_A_CHOICE for where in series.slices])
    if not single.any() or len(series.weeks) < level_shift.MIN_BASELINE + 1:
        return []
    whole = np.broadcast_to(series.total[0], (int(single.sum()), len(series.weeks)))
    parts = series.only(single)
    found: list[Alarm] = []
    more, fewer = _p(parts, parts.total, whole), _p(parts, whole - parts.total, whole)
    for row, where in enumerate(parts.slices):
        down = fewer[row] < more[row]
        moved = whole[row] - parts.total[row] if down else parts.total[row]
        weeks = onset(moved, whole[row], 12)
        before = _share(parts.total[row, :-weeks], whole[row, :-weeks])
        now = _share(parts.total[row, -weeks:], whole[row, -weeks:])
        since = parts.weeks[-weeks]
        said = _sentence(grain, where.where[0], since, before, now)
        found.append(Alarm("mix", grain, where, since, before, now, min(1.0, 2 * min(more[row], fewer[row])), said))
    return found


def _p(parts: Series, bad: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the p value of a rise of `bad` / `whole`, the choice of window paid for."""
    dims = [where.dims for where in parts.slices]
    each = [rise(bad, whole, w, binomial=True, strain=strain(bad, whole, w, dims, binomial=True)).p for w in WINDOWS]
    return np.minimum(1.0, np.stack(each).min(axis=0) * len(WINDOWS))


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> float:
    return float(part[-26:].sum() / max(whole[-26:].sum(), 1e-9))


def _worth(alarm: Alarm) -> bool:
    low, high = sorted((alarm.before, alarm.now))
    return high >= MIN_SHARE and high - low >= MIN_POINTS and high >= MIN_RATIO * max(low, 1e-9)


def _one_each(alarms: list[Alarm]) -> list[Alarm]:
    """Keep the largest of each dimension: one share that grows makes its neighbours shrink."""
    kept: dict[tuple[str, ...], Alarm] = {}
    for alarm in alarms:
        kept.setdefault(alarm.scope.dims, alarm)
    return list(kept.values())


def _sentence(grain: str, where: tuple[str, str], since: date, before: float, now: float) -> str:
    dim, value = where
    went = "grew" if now > before else "fell"
    named = {"sku": "SKU ", "zone": "zone ", "campaign": "campaign "}.get(dim, "")
    moved = f"{went} from {share(before)} to {share(now)} in the week of {day(since)}"
    return f"The share of {named}{value} among {grain} {moved}."
