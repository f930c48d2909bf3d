"""What shipping costs, like for like: the Fisher index of a slice by week, with its matched share and mix effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd

from closeloop.crossed import check
from closeloop.cube import Series
from closeloop.model import Estimate, Slice
from closeloop.slices import EVERYTHING, filter_sql
from closeloop.stats.index_numbers import PriceIndex, price_index, with_interval
from closeloop.words import share

CELL = "carrier || ' / ' || service || ' / ' || zone || ' / ' || coalesce(billed_lb::VARCHAR, weight_band)"
"""Parcels of one cell cost the same but for a change of price; the reference cost of `cost_index` has these cells."""


@dataclass(frozen=True)
class Drift:
    """The cost of a period beside the base period: 1.1 is 10 % dearer.

    `price` is the Fisher index over cells that both periods have, `mix` what changed because other parcels were
    sent; their product is the change of the plain cost per parcel. `matched` is the share of the parcels in the
    cells that both have: with less than four fifths the index says little.
    """

    week: date
    n: int
    cost_per_parcel: float
    price: Estimate
    mix: Estimate
    matched: float


def weekly(con: duckdb.DuckDBPyConnection, where: Slice = EVERYTHING) -> dict[date, PriceIndex]:
    """Return the index of each week's parcels in a slice beside the base period of the facts, by the week's Monday.

    Weeks without a parcel whose cell the base period has are left out.
    """
    condition, values = filter_sql(where)
    frame = con.execute(
        f"""
        SELECT {CELL} AS cell, date_trunc('week', sent_at)::DATE AS week, sum(cost)::DOUBLE AS spent,
               count(*)::DOUBLE AS n, sum(cost) FILTER (WHERE sent_at < ends_at)::DOUBLE AS spent_then,
               count(*) FILTER (WHERE sent_at < ends_at)::DOUBLE AS n_then
        FROM parcel_facts CROSS JOIN base_period
        WHERE cost IS NOT NULL AND sent_at IS NOT NULL AND ({condition})
        GROUP BY ALL ORDER BY ALL
        """,
        values,
    ).df()
    then = frame.groupby("cell")[["spent_then", "n_then"]].sum()
    found: dict[date, PriceIndex] = {}
    for week, now in frame.set_index("cell").groupby("week")[["spent", "n"]]:
        sums = then.join(now).fillna(0.0)
        if ((sums["n"] > 0) & (sums["n_then"] > 0) & (sums["spent"] > 0) & (sums["spent_then"] > 0)).any():
            monday = pd.Timestamp(str(week)).date()
            found[monday] = price_index(sums["spent_then"], sums["n_then"], sums["spent"], sums["n"])
    return found


def as_fisher(con: duckdb.DuckDBPyConnection, series: Series) -> tuple[Series, dict[date, PriceIndex]]:
    """Return `cost_index` of one slice with Fisher's index for a value, where the cube adds up its Paasche half.

    The sums of a week keep their total, the cost at the old prices; beside the series stands each week's index.
    """
    index = weekly(con, series.slices[0])
    ratio = np.array([one.fisher / one.paasche if (one := index.get(week)) else 1.0 for week in series.weeks])
    return replace(series, bad=series.bad * ratio, squares=series.squares * ratio**2), index


def drift(
    con: duckdb.DuckDBPyConnection, base: tuple[date, date], weeks: tuple[date, ...], where: Slice = EVERYTHING,
    seed: int = 1,
) -> tuple[Drift, ...]:  # fmt: skip
    """Compare the cost of each week's labels with those of the base days (first and last, both included).

    The facts must be built on `con`. Weeks without a matched parcel are left out. Raises ValueError for a slice
    that parcels cannot be told by, and when the base days have no parcel with a cost.
    """
    check(con, "the cost of parcels", "parcel_facts", where)
    then = _parcels(con, where, *base)
    if then.empty:
        raise ValueError(f"no parcel of {where} with a cost from {base[0]} to {base[1]}; name other base days")
    found: list[Drift] = []
    for week in weeks:
        now = _parcels(con, where, week, week + timedelta(days=6))
        if set(now["cell"]) & set(then["cell"]):
            found.append(_drift(week, then, now, seed))
    return tuple(found)


def _parcels(con: duckdb.DuckDBPyConnection, where: Slice, first: date, last: date) -> pd.DataFrame:
    condition, values = filter_sql(where)
    return con.execute(
        f"""
        SELECT {CELL} AS cell, cost
        FROM parcel_facts
        WHERE cost IS NOT NULL AND ({condition})
          AND sent_at::DATE BETWEEN $first::DATE AND $last::DATE
        ORDER BY ALL
        """,
        {**values, "first": first, "last": last},
    ).df()


def _drift(week: date, then: pd.DataFrame, now: pd.DataFrame, seed: int) -> Drift:
    codes = pd.factorize(pd.concat([then["cell"], now["cell"]]), sort=True)[0]
    old, new = (frame["cost"].to_numpy(dtype=np.float64) for frame in (then, now))
    index, price, mix = with_interval(codes, old, new, seed=seed)
    return Drift(
        week, len(new), float(new.mean()), Estimate(index.fisher, *price), Estimate(index.mix, *mix),
        index.matched_now,
    )  # fmt: skip


def beside(index: PriceIndex) -> str:
    """Say how many parcels an index compares, and how the mix changed the cost per parcel beside it."""
    way = "added" if index.mix > 1 else "took"
    mix = share(abs(index.mix - 1))
    compared = f"{share(index.matched_now)} of its parcels have a price to compare with"
    return f"{compared}, and the mix {way} {mix} of the cost per parcel"
