"""What moving a pattern's parcels to another carrier or service would bring: where, how much, at what cost."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from closeloop import rates
from closeloop.model import Estimate, Pattern, Slice
from closeloop.percent import interval, plus
from closeloop.slices import filter_sql
from closeloop.stages import span_of
from closeloop.words import excess, share

MATCHED = 0.3
"""The share of parcels that must have a like parcel with the other carrier for a move to be proposed."""

ABOUT_AS_GOOD = 0.6
"""The part of the largest gain that a cheaper option must have to be chosen instead."""

LEANS = 1.0
"""Standard errors by which a zone or weight band must be better, in one half of the parcels, to be kept."""

WHOLE = 0.9
"""The part of the like parcels from which kept zones or weight bands are as good as all."""

PARTS = (("zone", "in zone", 0), ("weight_band", "of", 1))
"""What a move can be narrowed by, how it is said, and its place in the name of a cell of like parcels."""

SEED = 1


@dataclass(frozen=True)
class Move:
    """Parcels that could go another way: `n` like ones a week, and what that brings, with 95 % intervals."""

    reference: str
    option: rates.Option
    measure: str
    n: float
    part: str = ""

    @property
    def gain(self) -> Estimate:
        """Cases or money a week, negative where it spares them."""
        return self._weekly(self.measure)

    @property
    def money(self) -> Estimate | None:
        """Shipping cost a week beside today's, if the data tells it."""
        return self._weekly("cost") if "cost" in self.option.measures else None

    @property
    def money_too(self) -> str:
        """Say the money, if known."""
        return f"{excess(self.money, 'in shipping cost')} a week" if self.money else ""

    @property
    def late_too(self) -> str:
        """Say how many more or fewer parcels would be late, if known."""
        if "on_time" not in self.option.measures:
            return ""
        late = self._weekly("on_time")
        return f"{plus(late.value)} late parcels a week ({interval(plus(late.low), plus(late.high))})"

    def said(self, whose: str) -> str:
        """Say what moves where."""
        like = "where like parcels went there"
        matched = f" ({share(self.option.matched)} of them)" if self.option.matched < 0.995 and not self.part else ""
        away = "" if self.reference in whose else f" from {self.reference}"
        return f"move {whose}{self.part}{away} to {self.option.name} {like}{matched}"

    def _weekly(self, measure: str) -> Estimate:
        one, n = self.option.measures[measure].difference, self.n * (-1 if measure == "on_time" else 1)
        low, high = sorted((one.low * n, one.high * n))
        return Estimate(one.value * n, low, high)


def options(con: duckdb.DuckDBPyConnection, pattern: Pattern, dim: str, reference: str) -> tuple[rates.Option, ...]:
    """Compare the other carriers or services with the reference's parcels of a pattern, since its onset."""
    try:
        found = rates.compare(con, dim, reference, _rest(pattern, dim), since=pattern.onset)
    except ValueError:  # nothing of the reference since then, or a dimension that parcels do not have
        return ()
    return tuple(one for one in found if one.matched >= MATCHED)


def best(
    con: duckdb.DuckDBPyConnection, pattern: Pattern, whose: tuple[str, str], found: tuple[rates.Option, ...],
    measure: str,
) -> Move | None:  # fmt: skip
    """Return the cheapest move among those that gain about as much as any; None where none surely gains.

    Where no move of all like parcels does, those zones or weight bands are kept that lean its way in one half of the
    parcels, and measured on the other half alone, so that picking them does not flatter (sample splitting: Cox 1975,
    Biometrika 62:441).
    """
    dim, reference = whose
    n = _a_week(con, pattern, dim, reference)
    every = [Move(reference, one, measure, one.matched * n) for one in found if measure in one.measures]
    sure = [move for move in every if move.gain.high < 0]
    if not sure:
        parcels = rates.parcels(con, dim, _rest(pattern, dim), pattern.onset)
        parts = (_narrowed(parcels, pattern, move, n) for move in every)
        sure = [one for one in parts if one and one.gain.high < 0]
    if not sure:
        return None
    most = min(move.gain.value for move in sure)
    good = [move for move in sure if move.gain.value <= ABOUT_AS_GOOD * most]
    return min(good, key=lambda move: (move.money.value if move.money else 0.0, move.gain.value))


def carrier_of(con: duckdb.DuckDBPyConnection, dim: str, reference: str) -> str:
    """Name the carrier to talk to about a carrier's or a service's parcels."""
    [row] = con.execute(
        f"SELECT mode(carrier)::VARCHAR FROM parcel_facts WHERE {dim} = $reference", {"reference": reference}
    ).fetchall()
    return str(row[0]) if row and row[0] else reference


def _narrowed(parcels: pd.DataFrame, pattern: Pattern, move: Move, n: float) -> Move | None:
    """Keep the zones or weight bands where the move leans to a gain; None where that is all of them, or none."""
    name = move.option.name
    sides = [parcels[parcels["side"] == side] for side in (move.reference, name)]
    first = np.random.default_rng(SEED).random(len(parcels)) < 0.5
    picked, other = ([side[half[side.index]] for side in sides] for half in (first, ~first))
    made: list[Move] = []
    for trait, said, place in PARTS:
        if trait in pattern.slice.dims:
            continue
        kept = _leaning(picked[0], picked[1], move.measure, place)
        mine, its = (side[_values(side, place).isin(kept)] for side in other)
        option = rates.option(name, mine, its, SEED) if len(mine) and len(its) else None
        like = option.matched * len(mine) / len(other[0]) if option else 0.0
        if option and like < WHOLE * move.option.matched and move.measure in option.measures:
            part = f" {said}{'s' if trait == 'zone' and len(kept) > 1 else ''} {', '.join(kept)}"
            made.append(Move(move.reference, option, move.measure, like * n, part))
    return min(made, key=lambda one: one.gain.value, default=None)


def _leaning(own: pd.DataFrame, other: pd.DataFrame, measure: str, place: int) -> list[str]:
    """Return the values in which the other side is better by more than its error, cell by cell."""
    sign = -1.0 if measure == "on_time" else 1.0
    sums = [side.groupby("cell")[measure].agg(["mean", "var", "count"]) for side in (own, other)]
    both = sums[0].reset_index().merge(sums[1].reset_index(), on="cell", suffixes=("_own", "_other")).dropna()
    both["value"] = _values(both, place)
    both["gain"] = both["count_own"] * sign * (both["mean_other"] - both["mean_own"])
    error = both["var_own"] / both["count_own"] + both["var_other"] / both["count_other"]
    both["error"] = both["count_own"] ** 2 * error
    told = both.groupby("value")[["gain", "error"]].sum()
    return [str(value) for value in told.index[told["gain"] < -LEANS * np.sqrt(told["error"])]]


def _values(parcels: pd.DataFrame, place: int) -> pd.Series:
    return parcels["cell"].str.split(" / ").str[place]


def _rest(pattern: Pattern, dim: str) -> Slice:
    return Slice.of(pair for pair in pattern.slice.where if pair[0] not in (dim, "carrier"))


def _a_week(con: duckdb.DuckDBPyConnection, pattern: Pattern, dim: str, reference: str) -> float:
    condition, values = filter_sql(pattern.slice)
    span = span_of(pattern)
    [row] = con.execute(
        f"SELECT count(*) FROM parcel_facts WHERE ({condition}) AND {dim} = $reference"
        " AND coalesce(handed_over_at, label_at)::DATE BETWEEN $onset AND $end",
        {**values, "reference": reference, "onset": span["onset"], "end": span["end"]},
    ).fetchall()
    return float(row[0]) / pattern.weeks if row else 0.0
