"""Where it has been worse all along than for comparable orders and parcels: no news, but worth a change."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from closeloop.cube import NESTED, Cube, Series
from closeloop.model import Alarm, Metric, Slice
from closeloop.stats.multiple_testing import benjamini_hochberg
from closeloop.words import number, share

Floats = NDArray[np.float64]
Ints = NDArray[np.int_]

HALF_WEEKS = 12
"""Weeks in which a slice is picked, and again as many after them in which it is measured."""

TRAITS = ("carrier", "service", "warehouse", "region", "zone", "channel", "complexity")
"""What must be alike for two groups to be comparable, as far as the metric has it."""


Q, PICKED_AT = 0.05, 0.1
"""False discovery rate of what is shown, and the chance below which a slice is measured at all."""

MIN_ROWS, MIN_RATIO, MIN_EXCESS = 30, 1.3, 5.0
"""Rows a week, times the expected, and excess a week, below which it is not worth a person's attention."""

LATELY, LASTS = 4, 0.5
"""Newest weeks that must still show this part of the excess: what has been mended is worse no more."""

MOST = 3


class Excess(NamedTuple):
    """A slice beside what comparable rows elsewhere led one to expect: per week, with the chance of it.

    `lately` is its excess a week in the newest weeks alone.
    """

    where: Slice
    observed: float
    expected: float
    rows: float
    low: float
    high: float
    p: float
    lately: float

    @property
    def evidence(self) -> float:
        """Deviance gained by the slice, one less for each dimension: comparable over slices of all sizes."""
        gained = self.observed * math.log(max(self.observed, 1e-9) / max(self.expected, 1e-9))
        return 2 * HALF_WEEKS * (gained - self.observed + self.expected) - len(self.where.where)

    @property
    def worth(self) -> bool:
        """Whether it is large enough for a person's attention."""
        ratio, excess = self.observed / max(self.expected, 1e-9), self.observed - self.expected
        lasts = self.lately >= LASTS * excess
        return self.rows >= MIN_ROWS and ratio >= MIN_RATIO and excess >= MIN_EXCESS and lasts


def hotspots(con: duckdb.DuckDBPyConnection, cube: Cube) -> tuple[Alarm, ...]:
    """Return the slices that were worse than comparable ones for half a year, the costliest first.

    Of the slices that one hotspot lights up, the one that explains most is taken out first, and the others are
    measured again without it. Expected are the rates of all other rows that share every other trait (indirect
    standardisation: Breslow and Day 1987, Statistical Methods in Cancer Research II, section 2.3). Slices are
    picked on the older twelve weeks and measured on the newer twelve alone, so that picking the worst does not
    flatter; the interval is that of the weekly excesses (t, eleven degrees of freedom), and Benjamini and Hochberg
    (1995) pays for all that were picked.
    """
    found: list[tuple[float, Alarm]] = []
    for series in cube.series:
        final, metric = series.until(cube.week), series.metric
        if metric.scanned and metric.kind == "share" and not metric.foreseen and len(final.weeks) >= 2 * HALF_WEEKS:
            found += _of_metric(con, final)
    costliest = sorted(found, key=lambda told: (-told[0], told[1].sentence))
    return tuple(alarm for _, alarm in costliest[:MOST])


def _of_metric(con: duckdb.DuckDBPyConnection, series: Series) -> list[tuple[float, Alarm]]:
    metric, last = series.metric, series.weeks[-1]
    dims = tuple(dim for dim in TRAITS if any(where.dims == (dim,) for where in series.slices))
    cells = _cells(con, metric, dims, last)
    middle = pd.Timestamp(last - timedelta(weeks=HALF_WEEKS - 1))
    older, newer = cells[cells["week"] < middle], cells[cells["week"] >= middle]
    picked = {one.where for one in _excesses(older, dims) if one.worth and one.p < PICKED_AT}
    sure, left = list[Excess](), picked
    while left and len(sure) < MOST:
        measured = [one for one in _excesses(newer, dims, left) if one.worth]
        q = benjamini_hochberg([one.p for one in measured]) if measured else []
        passed = [one for one, chance in zip(measured, q, strict=True) if chance <= Q]
        if not passed:
            break
        best = max(passed, key=lambda one: (one.evidence, str(one.where)))
        sure.append(best)
        newer = _without(newer, best)
        left = {one.where for one in passed} - {best.where}
    return [(one.observed - one.expected, _alarm(metric, one, last)) for one in sure]


def _without(cells: pd.DataFrame, best: Excess) -> pd.DataFrame:
    """Return the cells as they would be had the slice been like comparable ones, to see what else is left."""
    inside = np.logical_and.reduce([cells[dim].astype(str).to_numpy() == value for dim, value in best.where.where])
    return cells.assign(bad=np.where(inside, cells["bad"] * best.expected / best.observed, cells["bad"]))


def _cells(con: duckdb.DuckDBPyConnection, metric: Metric, dims: tuple[str, ...], last: date) -> pd.DataFrame:
    return con.execute(
        f"""
        SELECT date_trunc('week', {metric.at})::DATE AS week, {", ".join(dims)},
               sum(({metric.bad})::DOUBLE) AS bad, sum(({metric.total})::DOUBLE) AS n
        FROM {metric.view}
        WHERE ({metric.rows}) AND {metric.at} >= $first::DATE AND {metric.at} < $last::DATE + INTERVAL 7 DAY
        GROUP BY ALL ORDER BY ALL
        """,
        {"first": last - timedelta(weeks=2 * HALF_WEEKS - 1), "last": last},
    ).df()


def _excesses(cells: pd.DataFrame, dims: tuple[str, ...], only: set[Slice] | None = None) -> Iterator[Excess]:
    """Hold each slice of one or two dimensions against the rest of its strata."""
    coded = _Coded.of(cells, dims)
    for fixed in (*combinations(dims, 1), *(pair for pair in combinations(dims, 2) if pair not in NESTED)):
        others = tuple(dim for dim in dims if dim not in fixed and not _says(dim, fixed))
        yield from (one for one in _held(coded, fixed, others) if only is None or one.where in only)


@dataclass(frozen=True)
class _Coded:
    """The cells as arrays: week and each dimension as numbers, with the values that they stand for."""

    week: Ints
    bad: Floats
    n: Floats
    codes: dict[str, Ints]
    values: dict[str, list[str]]

    @staticmethod
    def of(cells: pd.DataFrame, dims: tuple[str, ...]) -> _Coded:
        week = pd.factorize(cells["week"].to_numpy(), sort=True)[0]
        told = {dim: pd.factorize(cells[dim].astype(str), sort=True) for dim in dims}
        codes = {dim: np.asarray(number, dtype=np.int_) for dim, (number, _) in told.items()}
        values = {dim: [str(value) for value in names] for dim, (_, names) in told.items()}
        bad, n = (cells[name].to_numpy(dtype=np.float64) for name in ("bad", "n"))
        return _Coded(np.asarray(week, dtype=np.int_), bad, n, codes, values)

    def groups(self, dims: tuple[str, ...]) -> tuple[Ints, Ints]:
        """Return the combinations of some dimensions that occur, a number each, and which of them each cell is."""
        key = np.zeros(len(self.week), dtype=np.int_)
        for dim in dims:
            key = key * len(self.values[dim]) + self.codes[dim]
        found, place = np.unique(key, return_inverse=True)
        return found, np.asarray(place, dtype=np.int_)

    def slice_of(self, fixed: tuple[str, ...], key: int) -> Slice:
        """Return the slice that a combination stands for."""
        where: list[tuple[str, str]] = []
        for dim in reversed(fixed):
            key, value = divmod(key, len(self.values[dim]))
            where.append((dim, self.values[dim][value]))
        return Slice.of(where)


def _says(dim: str, fixed: tuple[str, ...]) -> bool:
    """Whether a dimension says which one of the fixed it is, so that nothing would be comparable."""
    return any({dim, one} == {"carrier", "service"} for one in fixed)


def _held(coded: _Coded, fixed: tuple[str, ...], others: tuple[str, ...]) -> Iterator[Excess]:
    """Measure all slices of some dimensions at once, within the strata of the others."""
    slices, own = coded.groups(fixed)
    strata, stratum = coded.groups(others)
    pairs, pair = np.unique(own * len(strata) + stratum, return_inverse=True)
    slice_at, stratum_at = np.divmod(pairs, len(strata))
    own_bad, own_n = (np.bincount(pair, x, len(pairs)) for x in (coded.bad, coded.n))
    rest_bad, rest_n = (
        np.bincount(stratum, x, len(strata))[stratum_at] - mine
        for x, mine in ((coded.bad, own_bad), (coded.n, own_n))
    )
    rate = rest_bad / np.maximum(rest_n, 1e-9)
    comparable = rest_n >= np.minimum(own_n, 20)
    used = comparable[pair]
    at = own * HALF_WEEKS + coded.week

    def weekly(values: Floats) -> Floats:
        sums = np.bincount(at[used], values[used], len(slices) * HALF_WEEKS)
        return sums.astype(np.float64).reshape(len(slices), HALF_WEEKS)

    observed, expected = weekly(coded.bad), weekly(coded.n * rate[pair])
    # The neighbours' rates are not known exactly either: their error is the same every week.
    error = np.where(comparable, own_n**2 * rate * (1 - rate) / np.maximum(rest_n, 1.0), 0.0)
    doubt = np.bincount(slice_at, error, len(slices)) / HALF_WEEKS**2
    gap = observed - expected
    se = np.sqrt(gap.var(axis=1, ddof=1) / HALF_WEEKS + doubt)
    middle, half = gap.mean(axis=1), float(student.ppf(0.975, HALF_WEEKS - 1)) * se
    p = student.sf(middle / np.maximum(se, 1e-9), HALF_WEEKS - 1)
    columns = (
        observed.mean(axis=1),
        expected.mean(axis=1),
        weekly(coded.n).mean(axis=1),
        middle - half,
        middle + half,
        p,
        gap[:, -LATELY:].mean(axis=1),
    )
    for i, key in enumerate(slices.tolist()):
        yield Excess(coded.slice_of(fixed, key), *(float(column[i]) for column in columns))


def _alarm(metric: Metric, one: Excess, last: date) -> Alarm:
    now, usual = one.observed / one.rows, one.expected / one.rows
    said = (
        f"{metric.label}, {one.where.spoken}: {share(metric.shown(now))} for twelve weeks,"
        f" {share(metric.shown(usual))} for comparable ones; {number(one.observed - one.expected)} more"
        f" {metric.unit} a week ({number(one.low)} to {number(one.high)})."
    )
    since = last - timedelta(weeks=2 * HALF_WEEKS - 1)
    return Alarm("hotspot", metric.id, one.where, since, metric.shown(usual), metric.shown(now), one.p, said)
