"""Which segments explain a change of a rate, a count or a mean against quiet periods.

Thin cells are the normal case: a leaf with one order in a week says next to nothing by itself, so every
comparison is made for whole segments, on counts over exposure, with the variation that quiet periods show.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.stats import cuboids as cb
from closeloop.stats import localise_scan as ls
from closeloop.stats.localise_baseline import RateCube, Rows, leaf_rates, map_level, rows
from closeloop.stats.localise_moment import localise_moment
from closeloop.stats.localise_results import Changed, Localised, Moments, Search

Array = NDArray[np.float64]

PERIOD = "period (made by localise_incident)"
Z95 = 1.959964
CLOSE = 2.2  # twice the log of 3: a rival whose likelihood is within a factor 3 is as good


DEFAULT = Search()
RANKED = Search(alpha=1.0, most=3)


def localise_rates(
    leaves: pd.DataFrame,
    *,
    dims: Sequence[str],
    count: str,
    exposure: str,
    current: Mapping[str, Collection[Hashable]],
    search: Search = DEFAULT,
) -> Localised:
    """Segments whose rate changed between the quiet periods of a table and its current ones.

    Parameters
    ----------
    leaves
        Rows with dimensions, a period, a count of events and the exposure they came from (orders,
        parcels).  Rows of one leaf and period are added up; their order does not matter.
    dims, count, exposure
        Names of the columns.
    current
        The period column and the values that are current: ``{"week": ["2026-W47"]}``.  All other
        periods are the baseline; two or more let the variation between periods be seen.
    search
        Error rate, depth and support of the search.

    Returns
    -------
    Localised
        A change of volume or of mix alone names nothing: expectations follow exposure leaf by leaf.

    Raises
    ------
    ValueError
        If columns are missing, counts are negative or not finite, or a side has no exposure.

    Expectations by proportional fitting of main effects and shrunken pairs (Deming & Stephan 1940),
    calibrated for each segment by empirical Bayes (DuMouchel 1999); a scan likelihood as in Kulldorff
    (1997) with a level that is as free as totals usually are; negative binomial tails; Bonferroni's
    bound, shared evenly among the choices of dimensions.

    """
    cube = _cube(leaves, dims, (count, exposure), current)
    return _localise(cube, search, unit=1.0)


def localise_means(
    leaves: pd.DataFrame,
    *,
    dims: Sequence[str],
    moments: Moments,
    current: Mapping[str, Collection[Hashable]],
    search: Search = DEFAULT,
) -> Localised:
    """Segments whose mean changed, from number, sum and sum of squares of non-negative values by leaf.

    The sum is read as a count in units of variance over mean (quasi-Poisson scale), pooled over the
    leaves of the table; then all is as in `localise_rates`.  For heavy tails, give the moments of
    capped values (or of logs, if none is negative) and compare: a finding that disappears was carried by
    a few values.
    """
    cube = _cube(leaves, dims, (moments.total, moments.size), current)
    unit = _variance_over_mean(leaves, moments)
    scaled = cube._replace(count0=cube.count0 / unit, count1=cube.count1 / unit)
    return _localise(scaled, search, unit)


def localise_incident(
    leaves: pd.DataFrame,
    *,
    dims: Sequence[str],
    count: str,
    exposure: str,
    expected: str | None = None,
    search: Search = RANKED,
) -> Localised:
    """Segments with too many (or too few) events at one moment, without a history of periods.

    That something happened is taken as known: by default the three likeliest segments are named, each
    with its p, however weak; a smaller `alpha` keeps only those beyond chance.

    `expected` names a forecast of the count, which may be poor: it is smoothed and serves as the only
    quiet period.  The variation of a forecast cannot be seen in one period; it is read off the middle half
    of the segments, which an incident in a few leaves alone.  Without a forecast only segments with too many
    events are looked for: those beyond what the values of their dimensions and their cells usually differ by
    (`localise_moment`), each named as if it were the only one, so that they may overlap.
    """
    now = leaves.assign(**{PERIOD: 1})
    rate = leaves[count].sum() / max(float(leaves[exposure].sum()), 1e-300)
    forecast = leaves[exposure] * rate if expected is None else leaves[expected]
    both = pd.concat([now, now.assign(**{PERIOD: 0, count: forecast})], ignore_index=True)
    cube = _cube(both, dims, (count, exposure), {PERIOD: [1]})
    return localise_moment(cube, search) if expected is None else _localise(cube, search, unit=1.0)


def _localise(cube: RateCube, search: Search, unit: float) -> Localised:
    rate = leaf_rates(cube)
    table = rows(cube, rate, search.depth, search.support)
    data = ls.Data(cube.count1, cube.exposure1 * rate, _most(cube))
    if len(cube.count0) == 1:
        table = ls.widen(table, data)
    if search.relative:
        table = table._replace(level_doubt=ls.FREE)
    fit = ls.search(table, data, search.alpha, search.most)
    changed = [_describe(cube.axes, table, data, fit.picked, row) for row in fit.picked]
    return _report(changed, data, table, fit, unit)


def _most(cube: RateCube) -> Array:
    """Most events that each leaf can have: its exposure, where events never were more."""
    part = (cube.count0 <= cube.exposure0).all() and (cube.count1 <= cube.exposure1).all()
    return cube.exposure1 if part else np.full(len(cube.count1), np.inf)


def _describe(axes: list[cb.Axis], table: Rows, data: ls.Data, picked: ls.Picked, row: int) -> Changed:
    """One picked segment, measured against a fit of all the others."""
    rest = ls.refit(table, data, tuple(r for r in picked if r != row))
    found = ls.scores(table, data, rest.leaves)
    o, e = float(found.observed[row]), float(found.expected[row])
    half = Z95 * float(np.sqrt(1 / max(o, 0.5) + table.doubt[row]))
    low, high = o / e * np.exp(-half), max(o, 0.5) / e * np.exp(half)
    return Changed(
        where=cb.where(axes, table.segments[row]),
        observed=o,
        expected=e,
        excess=o - e,
        excess_low=e * (low - 1),
        excess_high=e * (high - 1),
        ratio=o / e,
        ratio_low=float(low),
        ratio_high=float(high),
        p=float(ls.adjusted_p(table, found, np.array([row]))[0]),
        evidence=float(found.score[row]),
        share=0.0,
        same_leaves=tuple(cb.where(axes, s) for s in table.aliases[row]),
        equally_good=tuple(cb.where(axes, table.segments[r]) for r in _rivals(table, found, row)),
    )


def _rivals(table: Rows, found: ls.Scores, row: int) -> list[int]:
    """Other segments that share most leaves with this one and explain the data nearly as well."""
    near = np.flatnonzero(found.score >= found.score[row] - CLOSE)
    near = near[near != row]
    shared = np.asarray((table.members[near] @ table.members[row].T).todense()).ravel()
    sizes = table.members.getnnz(axis=1)
    alike = near[shared > 0.5 * (sizes[near] + sizes[row] - shared)]
    return alike[np.argsort(-found.score[alike], kind="stable")].tolist()


def _report(changed: list[Changed], data: ls.Data, table: Rows, fit: ls.Fit, unit: float) -> Localised:
    observed, expected = float(data.events.sum()), float(data.base.sum())
    left = observed - expected - sum(c.excess for c in changed)
    moved = abs(left) + sum(abs(c.excess) for c in changed)
    scaled = [_scaled(replace(c, share=abs(c.excess) / moved), unit) for c in changed]
    level, _ = map_level(np.asarray(observed), np.asarray(fit.leaves.sum()), table.level_doubt)
    return Localised(
        segments=tuple(sorted(scaled, key=lambda c: -c.evidence)),
        observed=observed * unit,
        expected=expected * unit,
        unexplained=left * unit,
        level=float(np.exp(level)),
        tested=len(table.segments),
    )


def _scaled(c: Changed, unit: float) -> Changed:
    """Events back into the units of the sum."""
    names = ("observed", "expected", "excess", "excess_low", "excess_high")
    return replace(c, **{n: getattr(c, n) * unit for n in names})


def _variance_over_mean(leaves: pd.DataFrame, moments: Moments) -> float:
    n, total, squares = (_numbers(leaves, c) for c in (moments.size, moments.total, moments.squares))
    within = float((squares - total**2 / np.maximum(n, 1e-300)).sum())
    variance = within / max(float(np.clip(n - 1, 0, None).sum()), 1.0)
    if not variance > 1e-12 * float(total.sum()):
        raise ValueError(
            f"{moments.squares!r} shows no variation within leaves; give sums of squares of single values"
        )
    return variance * float(n.sum()) / float(total.sum())


def _cube(
    leaves: pd.DataFrame,
    dims: Sequence[str],
    measures: tuple[str, str],
    current: Mapping[str, Collection[Hashable]],
) -> RateCube:
    """Leaves by period, in the order of their values, whatever the order of the rows."""
    if len(current) != 1:
        raise ValueError(f"current == {dict(current)!r}, must name one period column and its current values")
    on, periods = next(iter(current.items()))
    cb.require(leaves, [*dims, on, *measures])
    axes, codes = cb.encode(leaves, dims)
    leaf = cb.cells(codes, [len(a.values) for a in axes], tuple(range(len(dims))))
    period, quiet = _periods(leaves[on], list(periods))
    count, exposure = (_by_period(_numbers(leaves, m), period, leaf.ids, quiet) for m in measures)
    if not (exposure[:-1].sum() > 0 and exposure[-1].sum() > 0 and count[:-1].sum() > 0):
        raise ValueError(
            f"{measures[1]!r} and {measures[0]!r} must not be empty: {quiet} quiet periods and "
            f"{int((period == quiet).sum())} current rows were found for {on!r} in {list(periods)!r}"
        )
    own: list[cb.Ints] = list(np.unravel_index(leaf.keys, leaf.sizes))
    return RateCube(axes, own, count[:-1], exposure[:-1], count[-1], exposure[-1])


def _periods(column: pd.Series, current: list[Hashable]) -> tuple[cb.Ints, int]:
    """Place of each row's period, the current ones last, and how many quiet ones there are."""
    codes, seen = pd.factorize(column, sort=True)
    if codes.min() < 0:
        raise ValueError(f"column {column.name!r} has {int((codes < 0).sum())} empty values; each row needs a period")
    now = pd.Index(seen).isin(current)
    quiet = int((~now).sum())
    place = np.where(now, quiet, (~now).cumsum() - 1)
    return place.astype(np.int32)[codes], quiet


def _by_period(values: Array, period: cb.Ints, leaf: cb.Ints, quiet: int) -> Array:
    """Sums by period (rows) and leaf; those of the current rows come last."""
    n = int(leaf.max()) + 1
    at = period * np.int64(n)
    at += leaf
    sums = np.bincount(at, weights=values, minlength=(quiet + 1) * n)
    return np.asarray(sums, dtype=float).reshape(quiet + 1, n)


def _numbers(frame: pd.DataFrame, column: str) -> Array:
    values = frame[column].to_numpy(dtype=float)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"column {column!r} has negative, missing or infinite values; all must be >= 0")
    return values
