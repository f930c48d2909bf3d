"""Carriers or services side by side: what the same kind of parcels would have cost and taken there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closeloop.crossed import check
from closeloop.model import Estimate, Slice
from closeloop.slices import filter_sql

Floats = NDArray[np.float64]

ALIKE = ("zone", "weight_band", "coalesce(service_class, 'any class')")
"""What parcels must have in common to be compared."""

CELLS = {"service": ALIKE[:2]}
"""The same for a dimension that is itself a part of it: another service may be of another class."""

WEEKS = 12
"""Weeks of parcels that are compared."""

FEWEST = 5
"""Parcels that a side needs in a cell of zone, weight band and class for the cell to be compared."""

DRAWS = 200
"""Bootstrap samples behind an interval."""

AT_ONCE = 2_000_000
"""Weights that are held at once: 16 MB."""

STEPS_A_DAY = 4

MEASURES = ("cost", "p50", "p90", "on_time", "exceptions")
"""Cost per parcel; days in transit of half and of nine in ten; share on time; share with an exception."""


class Sides(NamedTuple):
    """One measure for the parcels as they went, for the same parcels with the other option, and the difference."""

    own: Estimate
    other: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Option:
    """What the parcels of the reference would have cost and taken with another carrier or service.

    `matched` is the share of the reference's parcels in cells that the option serves too: the measures speak of
    those only. A measure that the data cannot give is missing. `on_frontier` is False when some option, or the
    reference itself, is both cheaper and faster.
    """

    name: str
    n: int
    matched: float
    measures: dict[str, Sides]
    on_frontier: bool = True


def compare(
    con: duckdb.DuckDBPyConnection, dim: str, reference: str, where: Slice, *, seed: int = 1,
    since: date | None = None,
) -> tuple[Option, ...]:  # fmt: skip
    """Compare every other value of `dim` (carrier, service) with the reference's parcels of a slice, cheapest first.

    Parcels of the last `WEEKS` weeks (or from `since` on, if that is later), matched exactly by zone, weight band
    and (but for services themselves) class of service; the other side is reweighted to the reference's parcels cell
    by cell (direct standardisation: Rothman et al. 2008, Modern Epidemiology, chapter 4). Times count what is still
    under way (Kaplan-Meier); intervals are the percentile bootstrap over parcels. Nobody assigned the parcels by
    chance: what cells do not hold can still differ.

    Raises ValueError for unknown dimensions, and when the reference has no parcel there.
    """
    check(con, "parcels", "parcel_references", Slice.of([*where.where, (dim, reference)]))
    every = parcels(con, dim, where, since or date.min)
    own = every[every["side"] == reference]
    if own.empty:
        raise ValueError(f"no parcel of {where} went with {dim} = {reference} in the last {WEEKS} weeks")
    found = [
        one
        for name in sorted(set(every["side"]) - {reference})
        if (one := option(str(name), own, every[every["side"] == name], seed))
    ]
    return _with_frontier(found)


def parcels(con: duckdb.DuckDBPyConnection, dim: str, where: Slice, first: date) -> pd.DataFrame:
    """Return the parcels of a slice that are compared: the value of `dim` (`side`), cell, and what is measured."""
    condition, values = filter_sql(where)
    return con.execute(
        f"""
        WITH told AS (SELECT *, coalesce(handed_over_at, label_at) AS since, (SELECT as_of FROM clock) AS now
                      FROM parcel_facts)
        SELECT {dim} AS side, {" || ' / ' || ".join(CELLS.get(dim, ALIKE))} AS cell,
               cost::DOUBLE AS cost,
               CASE WHEN promised_date < now::DATE
                    THEN coalesce(attempt_at::DATE <= promised_date, false)::INT END AS on_time,
               CASE WHEN since < now - INTERVAL 14 DAY
                    THEN coalesce(exception_at < since + INTERVAL 14 DAY, false)::INT END AS exceptions,
               greatest(1, ceil((epoch(coalesce(attempt_at, ended_at, now)) - epoch(handed_over_at)) / 86400
                                * {STEPS_A_DAY})) AS step,
               attempt_at IS NOT NULL AS arrived
        FROM told
        WHERE ({condition}) AND {dim} <> 'unknown'
          AND since >= greatest(now - INTERVAL {WEEKS * 7} DAY, $first::TIMESTAMP)
        ORDER BY ALL
        """,
        {**values, "first": first},
    ).df()


def option(name: str, own: pd.DataFrame, other: pd.DataFrame, seed: int) -> Option | None:
    """Compare two sides' parcels in the cells that both serve; None where there is no such cell."""
    cells = sorted(_served(own) & _served(other))
    if not cells:
        return None
    mine, theirs = (_Side.of(frame, cells) for frame in (own, other))
    mix = np.bincount(mine.cell, minlength=len(cells)).astype(np.float64)
    points = np.stack([_measured(side, side.weights(mix)[None])[0] for side in (mine, theirs)], axis=1)
    draws = _bootstrap((mine, theirs), mix, np.random.default_rng(seed))
    measures = {
        which: _sides(float(points[i, 0]), float(points[i, 1]), draws[:, i])
        for i, which in enumerate(MEASURES)
        if np.isfinite(points[i]).all()
    }
    return Option(name, len(theirs.cell), len(mine.cell) / len(own), measures)


def _bootstrap(sides: Sequence[_Side], mix: Floats, rng: np.random.Generator) -> Floats:
    """Return draws x measures x sides, several draws at once as memory allows."""
    found: list[Floats] = []
    at_once = max(1, AT_ONCE // max(len(side.cell) for side in sides))
    while (left := DRAWS - sum(map(len, found))) > 0:
        drawn = [[side.weights(mix, side.resampled(rng)) for side in sides] for _ in range(min(at_once, left))]
        together = [
            _measured(side, np.stack(rows)) for side, rows in zip(sides, zip(*drawn, strict=True), strict=True)
        ]
        found.append(np.stack(together, axis=2))
    return np.concatenate(found)


def _served(frame: pd.DataFrame) -> set[str]:
    counts = frame["cell"].value_counts()
    return set(counts.index[counts >= FEWEST])


@dataclass(frozen=True)
class _Side:
    """The parcels of one side in the cells that both serve, as arrays."""

    cell: NDArray[np.intp]
    values: dict[str, Floats]
    step: Floats
    arrived: NDArray[np.bool_]

    @staticmethod
    def of(frame: pd.DataFrame, cells: list[str]) -> _Side:
        rows = frame[frame["cell"].isin(cells)]
        measured = ("cost", "on_time", "exceptions")
        values = {name: rows[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in measured}
        return _Side(
            np.searchsorted(cells, rows["cell"].to_numpy(dtype=str)), values,
            rows["step"].to_numpy(dtype=np.float64, na_value=np.nan), rows["arrived"].to_numpy(dtype=np.bool_),
        )  # fmt: skip

    def resampled(self, rng: np.random.Generator) -> Floats:
        """Return how often each parcel is in one bootstrap sample."""
        n = len(self.cell)
        return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)

    def weights(self, mix: Floats, times: Floats | None = None) -> Floats:
        """Weigh parcels so that each cell has the share that `mix` gives it."""
        times = np.ones(len(self.cell)) if times is None else times
        have = np.bincount(self.cell, times, len(mix))
        return times * (mix / np.maximum(have, 1e-9) * (have > 0))[self.cell]


def _measured(side: _Side, weights: Floats) -> Floats:
    """Return draws x measures; `weights` are draws x parcels."""
    cost, on_time, exceptions = (_mean(side.values[name], weights) for name in ("cost", "on_time", "exceptions"))
    return np.stack([cost, *_quantiles(side, weights), on_time, exceptions], axis=1)


def _mean(values: Floats, weights: Floats) -> Floats:
    known = np.isfinite(values)
    total = weights[:, known].sum(axis=1)
    sums = (weights[:, known] * values[known]).sum(axis=1)
    return np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan)


def _quantiles(side: _Side, weights: Floats) -> tuple[Floats, Floats]:
    """Return the days by which half and nine in ten had their first attempt; NaN where so many have not.

    Kaplan and Meier (1958), JASA 53:457, of many samples at once.
    """
    known = np.flatnonzero(np.isfinite(side.step))
    if not len(known):
        nothing = np.full(len(weights), np.nan)
        return nothing, nothing
    order = known[np.argsort(side.step[known], kind="stable")]
    ages, first = np.unique(side.step[order], return_index=True)
    ended, left = (
        np.add.reduceat(weights[:, order] * mask[order], first, axis=1) for mask in (side.arrived, ~side.arrived)
    )
    at_risk = (ended + left)[:, ::-1].cumsum(axis=1)[:, ::-1]
    waiting = np.cumprod(1 - ended / np.where(at_risk > 0, at_risk, 1.0), axis=1)
    days = ages / STEPS_A_DAY
    return _first(days, waiting <= 0.5 + 1e-12), _first(days, waiting <= 0.1 + 1e-12)


def _first(days: Floats, reached: NDArray[np.bool_]) -> Floats:
    return np.where(reached.any(axis=1), days[reached.argmax(axis=1)], np.nan)


def _sides(own: float, other: float, draws: Floats) -> Sides:
    spread = np.nanquantile(np.column_stack([draws, draws[:, 1] - draws[:, 0]]), [0.025, 0.975], axis=0)
    values = (own, other, other - own)
    return Sides(*(Estimate(v, float(low), float(high)) for v, low, high in zip(values, *spread, strict=True)))


def _with_frontier(options: list[Option]) -> tuple[Option, ...]:
    """Mark what is both dearer and slower than another option or than the reference on the same parcels."""
    places = {o.name: (_difference(o, "cost"), _difference(o, "p90")) for o in options}
    rivals = [(0.0, 0.0), *places.values()]
    marked = [
        Option(o.name, o.n, o.matched, o.measures, not any(_beats(rival, places[o.name]) for rival in rivals))
        for o in options
    ]
    return tuple(sorted(marked, key=lambda o: (np.nan_to_num(places[o.name][0], nan=np.inf), o.name)))


def _difference(option: Option, measure: str) -> float:
    return option.measures[measure].difference.value if measure in option.measures else np.nan


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other
