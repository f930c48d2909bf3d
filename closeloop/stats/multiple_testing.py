"""Many tests at once: false discovery rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def benjamini_hochberg(p: ArrayLike, *, any_dependence: bool = False) -> Floats:
    """Return the q-value of each p-value: the smallest false discovery rate that still includes it.

    Holds for independent and positively dependent tests (Benjamini and Hochberg 1995, JRSS B
    57:289-300). With `any_dependence` it holds always, at the price of a factor 1 + 1/2 + ... + 1/m
    (Benjamini and Yekutieli 2001, Annals of Statistics 29:1165-1188, theorem 1.3).
    NaN means "not tested": it stays NaN and does not count.

    Raises:
        ValueError: A p-value lies outside 0..1, or `p` is not one-dimensional.

    """
    p = _checked(p)
    tested = np.flatnonzero(np.isfinite(p))
    ascending = tested[np.argsort(p[tested], kind="stable")]
    rank = np.arange(1, len(tested) + 1)
    price = (1 / rank).sum() if any_dependence else 1.0
    candidates = p[ascending] * (price * len(tested) / rank)
    q = np.full(len(p), np.nan)
    q[ascending] = np.minimum(np.minimum.accumulate(candidates[::-1])[::-1], 1.0)
    return q


def _checked(p: ArrayLike) -> Floats:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p must be one-dimensional; its shape is {values.shape}.")
    if np.any((values < 0) | (values > 1)):
        raise ValueError(f"p-values must lie in 0..1; given {np.nanmin(values)} to {np.nanmax(values)}.")
    return values
