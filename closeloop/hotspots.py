"""Where it has been worse all along than for comparable orders and parcels: no news, but worth a change."""

from __future__ import annotations

import math
from collections.abc import Iterator
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

HALF_WEEKS = 12
"""Weeks in which a slice is picked, and again as many after them in which it is measured."""

TRAITS = ("carrier", "service", "warehouse", "region", "zone", "channel", "complexity")
"""What must be alike for two groups to be comparable, as far as the metric has it."""


Q, PICKED_AT = 0.05, 0.1
"""False discovery rate of what is shown, and the chance below which a slice is measured at all."""

MIN_ROWS, MIN_RATIO, MIN_EXCESS = 30, 1.3, 5.0
"""Rows a week, times the expected, and excess a week, below which it is not worth a person's attention."""

MOST = 3


class Excess(NamedTuple):
    """A slice beside what comparable rows elsewhere led one to expect: per week, with the chance of it."""

    where: Slice
    observed: float
    expected: float
    rows: float
    low: float
    high: float
    p: float

    @property
    def evidence(self) -> float:
        """Deviance gained by the slice, one less for each dimension: comparable over slices of all sizes."""
        gained = self.observed * math.log(max(self.observed, 1e-9) / max(self.expected, 1e-9))
        return 2 * HALF_WEEKS * (gained - self.observed + self.expected) - len(self.where.where)

    @property
    def worth(self) -> bool:
        """Whether it is large enough for a person's attention."""
        ratio = self.observed / max(self.expected, 1e-9)
        return self.rows >= MIN_ROWS and ratio >= MIN_RATIO and self.observed - self.expected >= MIN_EXCESS


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
        final = series.until(cube.week)
        if series.metric.scanned and series.metric.kind == "share" and len(final.weeks) >= 2 * HALF_WEEKS:
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
        SELECT date_trunc('week', {metric.at})::DATE AS week, {", ".join(dims)}, sum(({metric.bad})::DOUBLE) AS bad,
               sum(({metric.total})::DOUBLE) AS n
        FROM {metric.view}
        WHERE ({metric.rows}) AND {metric.at} >= $first::DATE AND {metric.at} < $last::DATE + INTERVAL 7 DAY
        GROUP BY ALL ORDER BY ALL
        """,
        {"first": last - timedelta(weeks=2 * HALF_WEEKS - 1), "last": last},
    ).df()


def _excesses(cells: pd.DataFrame, dims: tuple[str, ...], only: set[Slice] | None = None) -> Iterator[Excess]:
    """Hold each slice of one or two dimensions against the rest of its strata."""
    for fixed in (*combinations(dims, 1), *(pair for pair in combinations(dims, 2) if pair not in NESTED)):
        others = [dim for dim in dims if dim not in fixed and not _says(dim, fixed)]
        strata = _codes(cells, others)
        for key, rows in cells.groupby(list(fixed), sort=True).indices.items():
            values = key if isinstance(key, tuple) else (key,)
            where = Slice.of((dim, str(value)) for dim, value in zip(fixed, values, strict=True))
            if only is None or where in only:
                yield _excess(where, cells, strata, np.asarray(rows))


def _codes(cells: pd.DataFrame, dims: list[str]) -> NDArray[np.int_]:
    if not dims:
        return np.zeros(len(cells), dtype=np.int_)
    return np.asarray(cells.groupby(dims, sort=False).ngroup(), dtype=np.int_)


def _says(dim: str, fixed: tuple[str, ...]) -> bool:
    """Whether a dimension says which one of the fixed it is, so that nothing would be comparable."""
    return any({dim, one} == {"carrier", "service"} for one in fixed)


def _excess(where: Slice, cells: pd.DataFrame, strata: NDArray[np.int_], rows: NDArray[np.int_]) -> Excess:
    bad, n = cells["bad"].to_numpy(), cells["n"].to_numpy()
    k = int(strata.max()) + 1
    own_bad, own_n = (np.bincount(strata[rows], x[rows], k) for x in (bad, n))
    rest_bad, rest_n = np.bincount(strata, bad, k) - own_bad, np.bincount(strata, n, k) - own_n
    rate = rest_bad / np.maximum(rest_n, 1e-9)
    comparable = (rest_n >= np.minimum(own_n, 20))[strata[rows]]
    mine = rows[comparable]
    weeks = pd.factorize(cells["week"].to_numpy()[mine], sort=True)[0]
    observed = np.bincount(weeks, bad[mine], HALF_WEEKS)
    expected = np.bincount(weeks, (n * rate[strata])[mine], HALF_WEEKS)
    gap = observed - expected
    # The neighbours' rates are not known exactly either: their error is the same every week.
    own = np.bincount(strata[mine], n[mine], k)
    doubt = float((own**2 * rate * (1 - rate) / np.maximum(rest_n, 1.0)).sum()) / HALF_WEEKS**2
    se = float(np.sqrt(gap.var(ddof=1) / HALF_WEEKS + doubt))
    half = float(student.ppf(0.975, HALF_WEEKS - 1)) * se
    middle = float(gap.mean())
    p = float(student.sf(middle / max(se, 1e-9), HALF_WEEKS - 1))
    return Excess(
        where, float(observed.mean()), float(expected.mean()), float(n[mine].sum()) / HALF_WEEKS,
        middle - half, middle + half, p,
    )  # fmt: skip


def _alarm(metric: Metric, one: Excess, last: date) -> Alarm:
    now, usual = one.observed / one.rows, one.expected / one.rows
    said = (
        f"{metric.label}, {one.where.spoken}: {share(metric.shown(now))} for twelve weeks,"
        f" {share(metric.shown(usual))} for comparable ones; {number(one.observed - one.expected)} more"
        f" {metric.unit} a week ({number(one.low)} to {number(one.high)})."
    )
    since = last - timedelta(weeks=2 * HALF_WEEKS - 1)
    return Alarm("hotspot", metric.id, one.where, since, metric.shown(usual), metric.shown(now), one.p, said)
