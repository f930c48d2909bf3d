"""Price change of a basket, like for like: Laspeyres, Paasche and Fisher, and what the mix did beside it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class PriceIndex(NamedTuple):
    """How much dearer now than then (1.1 is 10 % dearer), over the cells that both periods have.

    `unit_value` is the change of the plain mean over all cells; `mix` is the part of it that prices did not make:
    unit_value = fisher x mix. `matched_now` and `matched_then` are the quantity shares of cells that both have.
    """

    fisher: float
    laspeyres: float
    paasche: float
    unit_value: float
    mix: float
    matched_now: float
    matched_then: float


def price_index(spent_then: ArrayLike, n_then: ArrayLike, spent_now: ArrayLike, n_now: ArrayLike) -> PriceIndex:
    """Compare two periods cell by cell: money spent and quantity, of the same cells in the same order.

    The Fisher index is the geometric mean of Laspeyres (what the old basket costs now) and Paasche (what the new
    basket would have cost then); it passes the time-reversal and factor-reversal tests (ILO et al., Consumer
    Price Index Manual 2004, sections 15.18 and 16.53). A cell without quantity in a period has no price in it
    and cannot be matched. Raises ValueError when lengths differ, or when no cell is in both periods.
    """
    e0, q0, e1, q1 = (np.asarray(values, dtype=np.float64) for values in (spent_then, n_then, spent_now, n_now))
    if len({len(values) for values in (e0, q0, e1, q1)}) != 1:
        raise ValueError("spent and n of both periods must have one value for each cell")
    both = (q0 > 0) & (q1 > 0) & (e0 > 0) & (e1 > 0)
    if not both.any():
        raise ValueError("no cell was bought in both periods, so no price can be compared")
    p0, p1 = e0[both] / q0[both], e1[both] / q1[both]
    laspeyres = float((p1 * q0[both]).sum() / e0[both].sum())
    paasche = float(e1[both].sum() / (p0 * q1[both]).sum())
    fisher = float(np.sqrt(laspeyres * paasche))
    unit_value = float((e1.sum() / q1.sum()) / (e0.sum() / q0.sum()))
    return PriceIndex(
        fisher, laspeyres, paasche, unit_value, unit_value / fisher,
        float(q1[both].sum() / q1.sum()), float(q0[both].sum() / q0.sum()),
    )  # fmt: skip


def with_interval(
    cells: ArrayLike, then: ArrayLike, now: ArrayLike, *, seed: int, draws: int = 400
) -> tuple[PriceIndex, tuple[float, float], tuple[float, float]]:
    """Return the index of single purchases with 95 % intervals of `fisher` and of `mix`.

    `cells` are the codes 0..k-1 of all purchases, those of the first period first; `then` and `now` are their
    prices. The interval is the percentile bootstrap over purchases within each period (Efron and Tibshirani
    1993, chapter 13). Raises ValueError as `price_index` does.
    """
    codes = np.asarray(cells, dtype=np.intp)
    old, new = np.asarray(then, dtype=np.float64), np.asarray(now, dtype=np.float64)
    first, last, k = codes[: len(old)], codes[len(old) :], int(codes.max()) + 1
    rng = np.random.default_rng(seed)

    def of(pick0: NDArray[np.intp], pick1: NDArray[np.intp]) -> PriceIndex:
        return price_index(
            np.bincount(first[pick0], old[pick0], k), np.bincount(first[pick0], minlength=k),
            np.bincount(last[pick1], new[pick1], k), np.bincount(last[pick1], minlength=k),
        )  # fmt: skip

    whole = of(np.arange(len(old)), np.arange(len(new)))
    again = [of(rng.integers(0, len(old), len(old)), rng.integers(0, len(new), len(new))) for _ in range(draws)]
    return whole, _interval([one.fisher for one in again]), _interval([one.mix for one in again])


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
