"""Did the rate change, or only the mix?  Exact decompositions of a change between two periods.

Kitagawa (1955), "Components of a difference between two rates", JASA 50:1168, with the mix term centred
so that a segment is not blamed for growing; and the logarithmic mean Divisia index (Ang 2004, Energy
Policy 32:1131) for totals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
TINY = 1e-100  # stands for zero where a logarithm is taken
STAYED, APPEARED, VANISHED = "stayed", "appeared", "vanished"


@dataclass(frozen=True)
class MixRate:
    """A change of an overall rate, split exactly: change == rate + mix + entry.

    `rate` is what would have changed with the mix of neither period preferred, `mix` what the shift of
    exposure between segments did, `entry` the part of segments seen in one period only, whose own rate
    cannot have changed.  `table` has one row a segment (segment, status, share_before, share_after,
    rate_before, rate_after, rate, mix, entry, and standard errors).  `simpson` says that the overall rate
    moved against the sum of its segments' own movements.
    """

    before: float
    after: float
    change: float
    rate: float
    rate_se: float
    mix: float
    mix_se: float
    entry: float
    entry_se: float
    simpson: bool
    table: pd.DataFrame


def kitagawa(
    before: pd.DataFrame,
    after: pd.DataFrame,
    *,
    by: str,
    count: str,
    exposure: str,
    dispersion: float = 1.0,
) -> MixRate:
    """Split the change of count / exposure between two tables into rate, mix and entry, by segment.

    With shares w, rates r and R the mean of the two overall rates, a segment contributes
    rate = (w1 + w0)/2 (r1 - r0) and mix = ((r1 + r0)/2 - R) (w1 - w0); one that appears or vanishes
    contributes entry = (r - R) w with its sign.  Rows of one segment are added up.

    Standard errors come from the delta method with binomial counts; `dispersion` multiplies their
    variance when counts vary more than that (late parcels come by the truck).  Shares are taken as known.

    Raises
    ------
    ValueError
        If a table is empty of exposure, or holds negative or missing numbers.

    """
    pair = _aligned(before, after, by, (count, exposure))
    w0, w1 = pair.exposure0 / pair.exposure0.sum(), pair.exposure1 / pair.exposure1.sum()
    stayed, shift = (w0 > 0) & (w1 > 0), w1 - w0
    rates = _rates(pair, w0, w1, dispersion)
    rate = _term(rates, -(w0 + w1) / 2 * stayed, (w0 + w1) / 2 * stayed, np.zeros(len(w0)))
    mix = _term(rates, shift / 2 * stayed, shift / 2 * stayed, shift * stayed)
    entry = _term(rates, -w0 * ~stayed, w1 * ~stayed, shift * ~stayed)
    overall0, overall1 = float(w0 @ rates.r0), float(w1 @ rates.r1)
    return MixRate(
        before=overall0,
        after=overall1,
        change=overall1 - overall0,
        rate=rate.total,
        rate_se=rate.total_se,
        mix=mix.total,
        mix_se=mix.total_se,
        entry=entry.total,
        entry_se=entry.total_se,
        simpson=bool((overall1 - overall0) * rate.total < 0),
        table=_table(by, pair, rates, (rate, mix, entry)),
    )


def lmdi(before: pd.DataFrame, after: pd.DataFrame, *, by: str, count: str, exposure: str) -> pd.DataFrame:
    """Split the change of a total count into volume, mix and rate, by segment, without a residual.

    The total is Q sum(w r): all exposure, times share, times rate.  Each factor x of a segment with
    counts V0, V1 contributes L(V1, V0) ln(x1/x0), where L(a, b) = (a - b)/ln(a/b) (Ang 2004).  Zeros are
    taken to their limits: a rate that falls to zero is a rate effect, a segment that appears or vanishes
    a mix effect.  Columns: the segment, volume, mix, rate, change; rows add up to the change of the total.
    """
    pair = _aligned(before, after, by, (count, exposure))
    q0, q1 = float(pair.exposure0.sum()), float(pair.exposure1.sum())
    w0, w1 = (np.maximum(w, TINY) for w in (pair.exposure0 / q0, pair.exposure1 / q1))
    r0, r1 = _ratio(pair.count0, pair.exposure0), _ratio(pair.count1, pair.exposure1)
    r0, r1 = np.where(pair.exposure0 > 0, r0, r1), np.where(pair.exposure1 > 0, r1, r0)
    r0, r1 = np.maximum(r0, TINY), np.maximum(r1, TINY)
    weight = _logarithmic_mean(q1 * w1 * r1, q0 * w0 * r0)
    parts = {"volume": np.full(len(w0), np.log(q1 / q0)), "mix": np.log(w1 / w0), "rate": np.log(r1 / r0)}
    return pd.DataFrame(
        {
            by: pair.segments,
            **{name: weight * part for name, part in parts.items()},
            "change": pair.count1 - pair.count0,
        }
    )


class _Pair(NamedTuple):
    """Counts and exposures of the same segments in both periods."""

    segments: pd.Index
    count0: Array
    count1: Array
    exposure0: Array
    exposure1: Array


class _Rates(NamedTuple):
    """Rates and shares of both periods, with the variances of the rates."""

    r0: Array
    r1: Array
    w0: Array
    w1: Array
    v0: Array
    v1: Array


class _Term(NamedTuple):
    """One term of the decomposition by segment, and its sum, with standard errors."""

    value: Array
    se: Array
    total: float
    total_se: float


def _term(r: _Rates, d0: Array, d1: Array, centred: Array) -> _Term:
    """The term d0 r0 + d1 r1 - centred R, where R = (w0.r0 + w1.r1)/2 depends on every rate."""
    middle = (r.w0 @ r.r0 + r.w1 @ r.r1) / 2
    value = d0 * r.r0 + d1 * r.r1 - centred * middle
    variance, total_variance = np.zeros(len(value)), 0.0
    for d, w, v in ((d0, r.w0, r.v0), (d1, r.w1, r.v1)):
        own, shared = d - centred * w / 2, centred * w / 2
        variance += (own**2 - shared**2) * v + centred**2 / 4 * float(w**2 @ v)
        total_variance += float((d - centred.sum() * w / 2) ** 2 @ v)
    return _Term(value, np.sqrt(np.maximum(variance, 0.0)), float(value.sum()), float(np.sqrt(total_variance)))


def _rates(pair: _Pair, w0: Array, w1: Array, dispersion: float) -> _Rates:
    r0, r1 = _ratio(pair.count0, pair.exposure0), _ratio(pair.count1, pair.exposure1)
    v0, v1 = (
        dispersion * _ratio(r * np.clip(1 - r, 0, 1), n) for r, n in ((r0, pair.exposure0), (r1, pair.exposure1))
    )
    return _Rates(r0, r1, w0, w1, v0, v1)


def _table(by: str, pair: _Pair, r: _Rates, terms: tuple[_Term, _Term, _Term]) -> pd.DataFrame:
    status = np.where(r.w0 == 0, APPEARED, np.where(r.w1 == 0, VANISHED, STAYED))
    columns: dict[str, ArrayLike] = {
        by: pair.segments,
        "status": status,
        "share_before": r.w0,
        "share_after": r.w1,
        "rate_before": np.where(r.w0 > 0, r.r0, np.nan),
        "rate_after": np.where(r.w1 > 0, r.r1, np.nan),
    }
    for name, term in zip(("rate", "mix", "entry"), terms, strict=True):
        columns |= {name: term.value, f"{name}_se": term.se}
    return pd.DataFrame(columns)


def _aligned(before: pd.DataFrame, after: pd.DataFrame, by: str, columns: tuple[str, str]) -> _Pair:
    """Sums by segment, in sorted order; a segment missing from one period has zeros there."""
    sums = [_sums(frame, by, columns) for frame in (before, after)]
    segments = sums[0].index.union(sums[1].index, sort=False)
    segments = segments[np.argsort(segments.astype(str), kind="stable")]
    old, new = (s.reindex(segments, fill_value=0.0) for s in sums)
    count, exposure = columns
    pick = [frame[c].to_numpy(dtype=float) for c in (count, exposure) for frame in (old, new)]
    seen = (pick[2] > 0) | (pick[3] > 0)
    return _Pair(segments[seen], *(values[seen] for values in pick))


def _sums(frame: pd.DataFrame, by: str, columns: tuple[str, str]) -> pd.DataFrame:
    missing = [c for c in (by, *columns) if c not in frame.columns]
    if missing:
        raise ValueError(f"no column {missing} in the table; it has {list(frame.columns)}")
    values = frame[list(columns)].to_numpy(dtype=float)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"columns {list(columns)} have negative, missing or infinite values; all must be >= 0")
    if not values[:, 1].sum() > 0:
        raise ValueError(f"column {columns[1]!r} adds up to zero; a period needs some exposure")
    if (values[values[:, 1] == 0, 0] > 0).any():
        raise ValueError(f"some rows have {columns[0]!r} but no {columns[1]!r}; a rate needs its exposure")
    return frame.groupby(by, observed=True)[list(columns)].sum()


def _ratio(a: Array, b: Array) -> Array:
    return np.divide(a, b, out=np.zeros(len(a)), where=b > 0)


def _logarithmic_mean(a: Array, b: Array) -> Array:
    """(a - b)/ln(a/b), and a where they are equal."""
    log = np.log(a / b)
    near = np.abs(log) < 1e-8
    return np.where(near, (a + b) / 2, (a - b) / np.where(near, 1.0, log))
