"""Which segments explain a deviation of values from their forecasts.

A robust likelihood scan.  Every leaf's relative deviation is compared with two distributions: that of
quiet leaves, learned from the data's own less disturbed side, and that of a segment that moved as a
whole.  The segment whose leaves most favour "moved" is taken out, and the search goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from closeloop.stats import cuboids as cb
from closeloop.stats.localise_quiet import SILENT, SLOTS, Ratios, bins, likelihood_ratios

MAX_CELLS = 1 << 27
KEPT = 4  # candidates of each cuboid that one pass over the lattice hands on to the close look


@dataclass(frozen=True)
class Moved:
    """One segment that moved as a whole against its forecast; values in the units of the input.

    `shift` is the median relative loss or gain of its leaves (-0.3: down to 70 %; +0.3: the forecast is
    70 % of the value).  `evidence` is the log of the likelihood ratio, averaged over sizes of the shift,
    and `p` bounds the chance that any quiet cube of this shape shows as much anywhere.  `share` is the
    part of all movement in the named segments.
    """

    where: dict[str, object]
    actual: float
    expected: float
    excess: float
    shift: float
    evidence: float
    p: float
    share: float


class _Lattice(NamedTuple):
    """Binned deviations (one axis a dimension; explained leaves are blanked), and the rules of the search."""

    bins: NDArray[np.uint16]
    ratios: Ratios
    depth: int
    alpha: float


class _Found(NamedTuple):
    """A segment and its log-likelihood ratio, less the log of the number of tests."""

    segment: cb.Segment
    evidence: float


def localise(
    leaves: pd.DataFrame,
    *,
    dims: Sequence[str],
    actual: str,
    expected: str,
    alpha: float = 0.05,
    depth: int | None = None,
) -> list[Moved]:
    """Segments that moved as a whole against their forecast, the strongest evidence first.

    Parameters
    ----------
    leaves
        One row for each leaf, with dimensions, a value and its forecast.  Rows of one leaf are added up.
    dims, actual, expected
        Names of the columns.
    alpha
        Chance that any segment is named in a cube where forecasts are off by noise only.
    depth
        Most dimensions a segment may fix; all of them by default.

    Returns
    -------
    list of Moved
        Empty when nothing stands out.  For thin counts without a forecast use `localise_rates`.

    Raises
    ------
    ValueError
        If columns are missing or hold no finite numbers, or the dimensions cross to over 134 million cells.

    """
    axes, a, e = _tensors(leaves, dims, actual, expected)
    deviation = relative_deviation(a, e)
    lattice = _Lattice(bins(deviation), likelihood_ratios(deviation), depth or len(dims), alpha)
    found = sorted(_search(lattice), key=lambda f: (-f.evidence, f.segment))
    moved = [(f, cb.block(f.segment, a.ndim)) for f in found]
    total = sum(abs(float(a[b].sum() - e[b].sum())) for _, b in moved)
    return [_describe(cb.where(axes, f.segment), f.evidence, (a[b], e[b]), total) for f, b in moved]


def relative_deviation(actual: cb.Floats, expected: cb.Floats) -> NDArray[np.float64]:
    """Signed loss between two values, from -1 (only expected) to 1 (only actual); NaN when both are 0.

    It is 1 - smaller/larger with the sign of actual - expected, so that a segment cut to 70 % reads -0.3
    for every leaf whatever its size, and swapping the two columns only swaps the sign.
    """
    large = np.maximum(np.abs(actual), np.abs(expected))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip((actual - expected) / large, -1.0, 1.0)


def _tensors(
    leaves: pd.DataFrame, dims: Sequence[str], actual: str, expected: str
) -> tuple[list[cb.Axis], cb.Floats, cb.Floats]:
    """Actual and expected values with one axis for each dimension; leaves that do not occur are 0."""
    cb.require(leaves, [*dims, actual, expected])
    axes, codes = cb.encode(leaves, dims)
    shape = tuple(len(a.values) for a in axes)
    size = float(np.prod([float(n) for n in shape]))
    if size > MAX_CELLS:
        raise ValueError(f"{list(dims)} cross to {size:.3g} cells, at most {MAX_CELLS} fit; drop or group values")
    flat = np.ravel_multi_index(codes, shape)
    values = (_sums(leaves, column, flat, int(size)).reshape(shape) for column in (actual, expected))
    return axes, next(values), next(values)


def _sums(leaves: pd.DataFrame, column: str, flat: cb.Ints, size: int) -> cb.Floats:
    values = leaves[column].to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"column {column!r} has missing or infinite values; fill or drop those leaves first")
    return np.asarray(np.bincount(flat, weights=values, minlength=size), dtype=float)


def _search(lattice: _Lattice) -> Iterator[_Found]:
    """Pass over the lattice, look closely at the candidates, take the best; until none stands out."""
    while True:
        candidates = (_Found(s, _evidence(lattice, s)) for s in _candidates(lattice))
        best = max(candidates, key=lambda f: f.evidence)
        if not _stands_out(lattice, best):
            return
        taken = _sharpen(lattice, best)
        yield taken
        lattice.bins[cb.block(taken.segment, lattice.bins.ndim)] = SILENT


def _stands_out(lattice: _Lattice, found: _Found) -> bool:
    return found.evidence > -np.log(lattice.alpha)


def _tests(lattice: _Lattice, cuboid: cb.Cuboid) -> float:
    """Log of the number of tests: cells of the cuboid times cuboids."""
    shape = lattice.bins.shape
    n_cells = np.log([float(shape[d]) for d in cuboid]).sum()
    return float(n_cells + np.log(len(cb.cuboids(len(shape), lattice.depth))))


def _evidence(lattice: _Lattice, segment: cb.Segment) -> float:
    """Average likelihood ratio over all shifts: under quiet leaves it exceeds x with chance below 1/x."""
    leaves = lattice.bins[cb.block(segment, lattice.bins.ndim)]
    histogram = np.bincount(np.ravel(leaves), minlength=SLOTS).astype(float)
    fine = lattice.ratios.fine
    return float(logsumexp(fine @ histogram) - np.log(len(fine))) - _tests(lattice, segment.cuboid)


def _candidates(lattice: _Lattice) -> list[cb.Segment]:
    """Segments of each cuboid that some coarse shift favours most."""
    best: dict[cb.Cuboid, cb.Floats] = {}
    for row in lattice.ratios.coarse:
        for cuboid, sums in cb.dense_sums(row[lattice.bins]):
            if len(cuboid) <= lattice.depth:
                best[cuboid] = np.maximum(best[cuboid], sums) if cuboid in best else sums
    return [segment for cuboid, sums in best.items() for segment in _highest(cuboid, sums)]


def _highest(cuboid: cb.Cuboid, sums: cb.Floats) -> Iterator[cb.Segment]:
    flat, kept = sums.ravel(), min(KEPT, sums.size)
    for cell in np.argpartition(flat, sums.size - kept)[-kept:]:
        at = np.unravel_index(int(cell), sums.shape)
        yield cb.Segment(cuboid, tuple(int(i) for i in at))


def _sharpen(lattice: _Lattice, found: _Found) -> _Found:
    """Go down to a child while only a minority of children moved: they, not their parent, are the cause.

    A parent with m moved and u unmoved children is named when "parent but u" is shorter than "m children".
    """
    for segment in _minority_children(lattice, found.segment):
        child = _Found(segment, _evidence(lattice, segment))
        if _stands_out(lattice, child):
            return _sharpen(lattice, child)
    return found


def _minority_children(lattice: _Lattice, parent: cb.Segment) -> list[cb.Segment]:
    """The strongest child along every dimension in which few of the parent's children moved."""
    if len(parent.cuboid) >= lattice.depth:
        return []
    leaves = lattice.bins[cb.block(parent, lattice.bins.ndim)]
    free = [d for d in range(lattice.bins.ndim) if d not in parent.cuboid]
    ranked: list[tuple[float, float, cb.Segment]] = []
    for axis, dim in enumerate(free):
        gain = _gains(lattice.ratios.fine, np.moveaxis(leaves, axis, 0))
        moved, still = int((gain > 0).sum()), int((gain < 0).sum())
        if 0 < still >= moved - 1:
            best = int(gain.argmax())
            ranked.append((moved / (moved + still), -float(gain[best]), cb.child(parent, dim, best)))
    return [segment for _, _, segment in sorted(ranked)]


def _gains(fine: NDArray[np.float64], children: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Log of the average likelihood ratio of every child (first axis); 0 where all leaves are silent."""
    histograms = [np.bincount(np.ravel(c), minlength=SLOTS) for c in children]
    table = np.array(histograms, dtype=float) @ fine.T
    return np.round(logsumexp(table, axis=1) - np.log(len(fine)), 9)


def _describe(where: dict[str, object], evidence: float, values: tuple[cb.Floats, cb.Floats], total: float) -> Moved:
    actual, expected = (float(v.sum()) for v in values)
    return Moved(
        where=where,
        actual=actual,
        expected=expected,
        excess=actual - expected,
        shift=float(np.nanmedian(relative_deviation(*values))),
        evidence=evidence,
        p=float(np.exp(-max(evidence, 0.0))),
        share=abs(actual - expected) / total if total else 0.0,
    )
