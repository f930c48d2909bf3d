"""Cubes of leaves: every combination of dimensions (a cuboid) and the sums over its cells.

A leaf table has one row for each combination of dimension values that occurs.  A *cuboid* is a choice of
dimensions, a *cell* of a cuboid one value for each of them: the segment "carrier GLS and country DE" is
one cell of the cuboid (carrier, country).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Cuboid = tuple[int, ...]


class Axis(NamedTuple):
    """One dimension of a cube: its name, and its values in sorted order."""

    name: str
    values: tuple[object, ...]


class Segment(NamedTuple):
    """One cell of a cuboid: positions of the dimensions, and of the value on each."""

    cuboid: Cuboid
    at: tuple[int, ...]


def require(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise ValueError unless a table has rows and all the columns, each named once."""
    twice = sorted({c for c in columns if list(columns).count(c) > 1})
    if twice:
        raise ValueError(f"column {twice} is used twice; dimensions, periods and measures must differ")
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise ValueError(f"no column {missing} in the table; it has {list(frame.columns)}")
    if frame.empty:
        raise ValueError("the table has no rows")


def encode(frame: pd.DataFrame, dims: Sequence[str]) -> tuple[list[Axis], list[Ints]]:
    """Axes of a leaf table and, for each, the position of every row's value on it."""
    axes: list[Axis] = []
    codes: list[Ints] = []
    for name in dims:
        column = frame[name].astype("category")
        if column.isna().any():
            raise ValueError(
                f"dimension {name!r} has {int(column.isna().sum())} empty values; "
                "give them a name of their own, such as 'unknown'"
            )
        order = sorted(range(len(column.cat.categories)), key=lambda i: str(column.cat.categories[i]))
        place = np.empty(len(order), dtype=np.min_scalar_type(len(order)))
        place[order] = np.arange(len(order))
        axes.append(Axis(name, tuple(column.cat.categories[i] for i in order)))
        codes.append(place[column.cat.codes.to_numpy()])
    return axes, codes


def cuboids(n_dims: int, depth: int) -> list[Cuboid]:
    """Choices of one to `depth` of the dimensions, the coarsest first."""
    return [c for d in range(1, min(depth, n_dims) + 1) for c in combinations(range(n_dims), d)]


def where(axes: Sequence[Axis], segment: Segment) -> dict[str, object]:
    """A segment in words: the value it fixes for each of its dimensions."""
    return {axes[d].name: axes[d].values[i] for d, i in zip(segment.cuboid, segment.at, strict=True)}


def child(segment: Segment, dim: int, value: int) -> Segment:
    """The part of a segment with one more dimension fixed."""
    fixed = dict(zip(segment.cuboid, segment.at, strict=True)) | {dim: value}
    cuboid = tuple(sorted(fixed))
    return Segment(cuboid, tuple(fixed[d] for d in cuboid))


def block(segment: Segment, n_dims: int) -> tuple[slice | int, ...]:
    """Index of a segment's leaves in a dense array with one axis for each dimension."""
    fixed = dict(zip(segment.cuboid, segment.at, strict=True))
    return tuple(fixed.get(d, slice(None)) for d in range(n_dims))


def dense_sums(leaves: Floats) -> Iterator[tuple[Cuboid, Floats]]:
    """Sums over the cells of every cuboid of a dense array, the finest first.

    Each cuboid is summed from its smallest parent, so the whole lattice costs little more than one pass
    for each dimension.
    """
    n = leaves.ndim
    layer: dict[Cuboid, Floats] = {tuple(range(n)): leaves}
    yield from layer.items()
    for depth in range(n - 1, 0, -1):
        layer = {c: _from_smallest(layer, c) for c in combinations(range(n), depth)}
        yield from layer.items()


def _from_smallest(layer: dict[Cuboid, Floats], wanted: Cuboid) -> Floats:
    parents = [c for c in layer if set(wanted) <= set(c)]
    parent = min(parents, key=lambda c: layer[c].size)
    axis = next(i for i, d in enumerate(parent) if d not in wanted)
    return layer[parent].sum(axis=axis)


@dataclass(frozen=True)
class Cells:
    """The occupied cells of one cuboid: the cell of every leaf, and the mixed-radix key of every cell."""

    cuboid: Cuboid
    ids: Ints
    keys: Ints
    sizes: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def sums(self, weights: Floats) -> NDArray[np.float64]:
        """Sum of a leaf column over each cell."""
        return np.asarray(np.bincount(self.ids, weights=weights, minlength=len(self.keys)), dtype=float)

    def segment(self, cell: int) -> Segment:
        """The cell as a segment."""
        at = np.unravel_index(int(self.keys[cell]), self.sizes)
        return Segment(self.cuboid, tuple(int(i) for i in at))


def cells(codes: Sequence[Ints], sizes: Sequence[int], cuboid: Cuboid) -> Cells:
    """Number the occupied cells of a cuboid."""
    shape = tuple(sizes[d] for d in cuboid)
    if np.prod([float(s) for s in shape]) >= 2.0**62:
        raise ValueError(f"dimensions with {shape} values are too many to cross; drop or group some")
    radix = np.zeros(len(codes[0]), dtype=np.int64)
    for d, size in zip(cuboid, shape, strict=True):
        radix = radix * size + codes[d]
    keys, ids = _numbered(radix, int(np.prod(shape)))
    return Cells(cuboid, ids, keys, shape)


def _numbered(radix: Ints, possible: int) -> tuple[Ints, Ints]:
    """Return the keys that occur, in order, and each row's place among them; by counting where that is cheaper."""
    if possible > 4 * len(radix) + 1000:
        keys, ids = np.unique(radix, return_inverse=True)
        return keys, ids
    occurs = np.zeros(possible, dtype=np.bool_)
    occurs[radix] = True
    place = occurs.cumsum(dtype=np.int32) - 1
    return np.flatnonzero(occurs), place[radix]
