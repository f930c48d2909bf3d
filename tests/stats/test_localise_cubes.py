"""Cubes at their limits: cells of which most is bad already, keys too many to count, periods that are missing."""

import itertools

import numpy as np
import pandas as pd
import pytest

from closeloop.stats import cuboids as cb
from closeloop.stats.localise import Search, localise_rates

DIMS = ["carrier", "country", "service"]
BAD = {"country": "country1"}


def weeks(seed: int) -> pd.DataFrame:
    """Nine weeks in which one service fails half of the time; in the last, a country fails up to three times more."""
    rng = np.random.default_rng(seed)
    grid = [
        (f"carrier{a}", f"country{b}", f"service{c}") for a, b, c in itertools.product(range(4), range(5), range(4))
    ]
    table = pd.concat([pd.DataFrame(grid, columns=DIMS).assign(week=w) for w in range(9)], ignore_index=True)
    table["orders"] = rng.poisson(250, len(table))
    rate = np.where(table["service"] == "service0", 0.5, 0.08)
    rate = np.where((table["country"] == BAD["country"]) & (table["week"] == 8), np.minimum(3 * rate, 0.98), rate)
    return table.assign(late=rng.binomial(table["orders"], rate))


def test_what_cannot_triple_is_not_missed_by_the_others() -> None:
    """Half of service0 was late before: that it did not triple along with its country is no news."""
    named = [
        [s.where for s in localise_rates(weeks(seed), dims=DIMS, count="late", exposure="orders",
                                         current={"week": [8]}, search=Search(alpha=0.01)).segments]
        for seed in range(12)
    ]  # fmt: skip
    assert all(BAD in one for one in named)
    assert sum(len(one) == 1 for one in named) >= 10, named


@pytest.mark.parametrize("sizes", [(7, 9), (70_000, 90_000)], ids=["counted", "sorted"])
def test_cells_are_numbered_alike_whether_counted_or_sorted(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, size, 200).astype(np.int32) for size in sizes]
    cells = cb.cells(codes, sizes, (0, 1))
    pairs = pd.Series(np.ones(200)).groupby([pd.Series(codes[0]), pd.Series(codes[1])]).sum()
    assert cells.sums(np.ones(200)) == pytest.approx(pairs.to_numpy())
    assert [cells.segment(i).at for i in range(len(cells))] == list(pairs.index)


def test_a_row_without_a_period_is_refused() -> None:
    table = weeks(0).astype({"week": float})
    table.loc[5, "week"] = np.nan
    with pytest.raises(ValueError, match="'week' has 1 empty values"):
        localise_rates(table, dims=DIMS, count="late", exposure="orders", current={"week": [8]})
