"""Did the slice get worse, or only what it is made of?  Mix against rate, and mix against price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import pandas as pd

from closeloop import prices
from closeloop.model import Evidence, Metric, Pattern
from closeloop.slices import filter_sql
from closeloop.stages import final_span, span_of
from closeloop.stats.mix_rate import MixRate, kitagawa
from closeloop.strata import Strata, strata
from closeloop.words import share

MOST_VALUES = 60
"""Values of a dimension above which its mix is not looked at: most would be too thin."""

SURE = 3.0
"""Standard errors by which a mix effect must differ from nothing, as many dimensions are asked."""

WORTH_TELLING = 0.2
"""The part of the change that a mix must explain to be told."""

MATCHED = 0.8
"""The share of parcels that must have a like parcel before, for a price to be compared."""


@dataclass(frozen=True)
class Mix:
    """What a change of mix explains of a pattern: its part of the change, and the sentence for it."""

    part: float
    evidence: Evidence | None


NOTHING = Mix(0.0, None)


def mix_or_rate(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Mix:
    """Split the change of a pattern's slice since its onset into mix and rate, by the dimension that explains most.

    Kitagawa's (1955) decomposition for shares; Simpson's paradox is called by its name where the whole moved
    against its parts. Costs are compared like for like instead (Fisher's index, `prices.drift`).
    """
    if metric.kind != "share":
        return Mix(0.0, _price_or_mix(con, pattern))
    found = [(dim, split) for dim, split in _splits(con, metric, pattern) if _surely(split)]
    if not found:
        return NOTHING
    dim, split = max(found, key=lambda pair: abs(pair[1].mix))
    part = min(1.0, max(0.0, split.mix / split.change)) if split.change > 0 else 0.0
    if split.simpson:
        return Mix(max(part, 1.0), Evidence(_paradox(dim, split), False))
    if part < WORTH_TELLING:
        return NOTHING
    growth = (split.table["share_after"] - split.table["share_before"]).to_numpy()
    grew = split.table.iloc[int(growth.argmax())]
    told = (
        f"Of the added {_points(split.change)}, {_points(split.mix)} are a change of mix by {dim}"
        f" ({grew[dim]} went from {share(grew['share_before'])} to {share(grew['share_after'])} of the volume);"
        f" {_points(split.rate)} are left at an unchanged mix."
    )
    return Mix(part, Evidence(told, False))


def _surely(split: MixRate) -> bool:
    return abs(split.mix) > SURE * split.mix_se and (split.mix > 0) == (split.change > 0)


def _paradox(dim: str, split: MixRate) -> str:
    return (
        f"This is Simpson's paradox: the whole went from {share(split.before)} to {share(split.after)} only because"
        f" its mix by {dim} changed; at an unchanged mix it moved the other way, by {_points(split.rate)}."
    )


def _splits(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> Iterator[tuple[str, MixRate]]:
    """Split the change once for each dimension that the slice leaves open, all from one pass over the rows."""
    dims = [dim for dim in metric.dims if dim not in pattern.slice.dims and dim not in ("state", "sku", "weekday")]
    condition, values = filter_sql(pattern.slice)
    span = final_span(pattern)
    params = {**values, "start": span["start"], "end": span["end"], "split": span["onset"]}
    within = f"({condition}) AND {metric.at}::DATE BETWEEN $start AND $end"
    for dim, told in strata(con, metric, dims, within, params).items():
        before, since = (_side(dim, told, i) for i in (0, 1))
        if len(before) and len(since) and len(set(told.values) - {"unknown"}) in range(2, MOST_VALUES + 1):
            yield dim, kitagawa(before, since, by=dim, count="bad", exposure="total")


def _side(dim: str, told: Strata, side: int) -> pd.DataFrame:
    frame = pd.DataFrame({dim: told.values, "bad": told.bad[side], "total": told.total[side]})
    return frame[told.total[side] > 0]


def _price_or_mix(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Evidence | None:
    """Say what the same parcels cost more by Fisher's index, and what only the mix did."""
    base = (span_of(pattern)["start"], pattern.onset - timedelta(days=1))
    try:
        found = prices.drift(con, base, (pattern.week,), pattern.slice)
    except ValueError:  # no parcel with a cost in the weeks before, or no such dimension of parcels
        return None
    if not found or found[0].matched < MATCHED:
        return None
    price, mix = found[0].price, found[0].mix
    told = (
        f"Like for like (Fisher) the price went up by {share(price.value - 1)} ({share(price.low - 1)} to"
        f" {share(price.high - 1)}); heavier or farther parcels changed the cost by {share(mix.value - 1)} beside it,"
        " which is mix and no price."
    )
    return Evidence(told, price.low > 1)


def _points(value: float) -> str:
    return f"{100 * value:.1f} points"
