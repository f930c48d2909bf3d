"""The chain ladder against Mack's own published example, and against planted growth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closeloop.stats.chain_ladder import chain_ladder

TAYLOR_ASHE = [
    [357848, 1124788, 1735330, 2218270, 2745596, 3319994, 3466336, 3606286, 3833515, 3901463],
    [352118, 1236139, 2170033, 3353322, 3799067, 4120063, 4647867, 4914039, 5339085],
    [290507, 1292306, 2218525, 3235179, 3985995, 4132918, 4628910, 4909315],
    [310608, 1418858, 2195047, 3757447, 4029929, 4381982, 4588268],
    [443160, 1136350, 2128333, 2897821, 3402672, 3873311],
    [396132, 1333217, 2180715, 2985752, 3691712],
    [440832, 1288463, 2419861, 3483130],
    [359480, 1421128, 2864498],
    [376686, 1363294],
    [344014],
]
"""Taylor and Ashe (1983), as in Mack (1993), ASTIN Bulletin 23:213, table 1."""

MISSING = np.array([row + [np.nan] * (10 - len(row)) for row in TAYLOR_ASHE], dtype=float)


def test_it_gives_the_numbers_that_mack_published() -> None:
    ladder = chain_ladder(MISSING)
    still_to_come = ladder.ultimate - [row[-1] for row in TAYLOR_ASHE]
    published = [0, 94634, 469511, 709638, 984889, 1419459, 2177641, 3920301, 4278972, 4625811]
    np.testing.assert_allclose(still_to_come, published, atol=1)
    errors = [0, 75535, 121699, 133549, 261406, 411010, 558317, 875328, 971258, 1363155]
    np.testing.assert_allclose(ladder.error, errors, rtol=1e-4)


@given(st.integers(2, 8), st.floats(1.05, 3), st.integers(0, 2**31))
def test_growth_without_noise_is_foretold_exactly(ages: int, factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start = rng.uniform(10, 1000, ages)
    full = start[:, None] * factor ** np.arange(ages)
    seen = np.where(np.add.outer(np.arange(ages), np.arange(ages)) < ages, full, np.nan)
    ladder = chain_ladder(seen)
    np.testing.assert_allclose(ladder.ultimate, full[:, -1], rtol=1e-9)
    np.testing.assert_allclose(ladder.ripe, factor ** (np.arange(ages) - ages + 1.0), rtol=1e-9)


@pytest.mark.parametrize(
    ("triangle", "said"),
    [
        ([[1, np.nan, 3], [1, 2, np.nan]], "an age missing"),
        ([[1, 2, np.nan], [1, np.nan, np.nan]], "no cohort has reached the last age"),
        ([[np.nan, np.nan], [1, 2]], "at least the amount of its first age"),
        ([[0, 2], [0, np.nan]], "no cohort with an amount"),
    ],
)
def test_what_cannot_be_projected_is_said(triangle: list[list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        chain_ladder(triangle)
