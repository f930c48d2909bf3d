"""Where within a pattern's slice it rose most, and where least: what is everywhere is seldom everywhere alike."""

from __future__ import annotations

from typing import NamedTuple

import duckdb
import numpy as np
from scipy.stats import chi2

from closeloop.comparisons import Shift, moved, shifts
from closeloop.model import Evidence, Metric, Pattern
from closeloop.slices import UNNAMED, Slice, filter_sql

ALPHA = 0.01
"""The chance, over all dimensions together, of calling an even rise uneven."""

NOT_A_PLACE = {"weekday", "sku", "campaign"}
"""Dimensions with too many values to compare, or that name no part of the business."""


class _Uneven(NamedTuple):
    """One dimension whose values rose unlike each other, and how unlikely that is by chance."""

    dim: str
    told: dict[str, Shift]
    middle: float
    p: float

    @property
    def weight(self) -> float:
        """How many cases the values had more or fewer than an even rise would have given them."""
        return sum(abs(shift.change - self.middle) * shift.n_since for shift in self.told.values())


def uneven(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> tuple[Evidence, ...]:
    """Say where a pattern's slice rose most and least, by the dimensions whose values surely differ, two at most.

    Cochran's (1954, Biometrics 10:101) test of equal changes, each weighed by its error; Bonferroni over dimensions.
    Nothing is said where all may have risen alike.
    """
    dims = tuple(dim for dim in metric.dims if dim not in {*pattern.slice.dims, *NOT_A_PLACE})
    if not dims:
        return ()
    condition, _ = filter_sql(pattern.slice)
    found = shifts(con, metric, pattern, dims, condition)
    tests = (one for i, dim in enumerate(dims) if (one := _tested(dim, _of(found, i))))
    sure = sorted((one for one in tests if one.p <= ALPHA / len(dims)), key=lambda one: (-one.weight, one.dim))
    starts = ("It is not alike everywhere: ", "Nor by another trait: ")
    return tuple(_said(metric, one, start) for one, start in zip(sure, starts, strict=False))


def _of(found: dict[tuple[int, str], Shift], at: int) -> dict[str, Shift]:
    return {value: shift for (i, value), shift in found.items() if i == at and shift.tells and value not in UNNAMED}


def _tested(dim: str, told: dict[str, Shift]) -> _Uneven | None:
    if len(told) < 2:
        return None
    change, se = (np.array([getattr(shift, name) for shift in told.values()]) for name in ("change", "se"))
    weight = 1 / np.maximum(se, 1e-9) ** 2
    middle = float((weight * change).sum() / weight.sum())
    apart = float((weight * (change - middle) ** 2).sum())
    return _Uneven(dim, told, middle, float(chi2.sf(apart, len(told) - 1)))


def _said(metric: Metric, one: _Uneven, start: str) -> Evidence:
    ranked = sorted(one.told, key=lambda value: (one.told[value].change - one.middle) / max(one.told[value].se, 1e-9))
    (least, calm), (most, worst) = ((value, one.told[value]) for value in (ranked[0], ranked[-1]))
    high, low = (Slice(((one.dim, value),)) for value in (most, least))
    told = f"{high} rose most ({moved(metric, worst)}), {low} least ({moved(metric, calm)})"
    return Evidence(f"{start}{told}.", True)
