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


def tree_benjamini_hochberg(p: ArrayLike, parent: ArrayLike) -> Floats:
    """Return q-values of tests arranged in a tree: totals, then their parts, then parts of parts.

    Siblings form one Benjamini-Hochberg family, and a child is only looked at once its parent is
    found: q is at least the parent's q. Selecting q <= d keeps the false discovery rate of each
    level's selection near d, and that of the whole tree below 2.88 d (Yekutieli 2008, JASA
    103:309-316, theorem 1, independent tests). A child of an untested (NaN) parent is untested.

    Args:
        p: P-values, NaN where not tested.
        parent: Position of each test's parent in `p`, -1 for a root.

    Raises:
        ValueError: Lengths differ, a parent does not exist, or a test is its own ancestor.

    """
    p, parent = _checked(p), np.asarray(parent, dtype=np.int64)
    if parent.shape != p.shape or (len(p) and not (parent.min() >= -1 and parent.max() < len(p))):
        raise ValueError(f"parent must hold {len(p)} positions from -1 to {len(p) - 1}; given {parent!r}.")
    own = np.full(len(p), np.nan)
    for family in np.unique(parent):
        siblings = parent == family
        own[siblings] = benjamini_hochberg(p[siblings])
    return _raise_to_ancestors(own, parent)


def _raise_to_ancestors(q: Floats, parent: NDArray[np.int64]) -> Floats:
    ancestor = parent.copy()
    for _ in range(len(q) + 1):
        below = np.flatnonzero(ancestor >= 0)
        if not len(below):
            return q
        q = q.copy()
        q[below] = np.maximum(q[below], q[ancestor[below]])
        ancestor[below] = parent[ancestor[below]]
    raise ValueError("parent must be a tree; a test is its own ancestor.")


def _checked(p: ArrayLike) -> Floats:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p must be one-dimensional; its shape is {values.shape}.")
    if np.any((values < 0) | (values > 1)):
        raise ValueError(f"p-values must lie in 0..1; given {np.nanmin(values)} to {np.nanmax(values)}.")
    return values
