"""Past outbreaks against what was planted: found where they lasted, and nothing else doubted."""

import numpy as np

from closeloop.stats.level_shift import rise
from closeloop.stats.outbreaks import LASTS, trust

SERIES, PERIODS = 300, 26


def world(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts at 5 %, whose log-odds wander with a standard deviation of 0.3."""
    rng = np.random.default_rng(seed)
    odds = 0.05 / 0.95 * np.exp(0.3 * rng.standard_normal((SERIES, PERIODS)))
    total = rng.poisson(400, (SERIES, PERIODS)).astype(float)
    return rng.binomial(total.astype(int), odds / (1 + odds)).astype(float), total


def test_a_spell_is_doubted_and_hardly_anything_else() -> None:
    bad, total = world(1)
    bad[0, 10:16] = 0.5 * total[0, 10:16]
    known = trust(bad, total, binomial=True)
    assert known[0, 10:16].max() == 0
    assert known[1:].mean() > 0.999
    assert ((known >= 0) & (known <= 1)).all()


def test_single_bad_weeks_are_a_part_of_life() -> None:
    bad, total = world(2)
    bad[:, 5] = bad[:, 15] = 0.5 * total[:, 5]
    assert trust(bad, total, binomial=True).min() == 1
    assert trust(bad[:, : LASTS - 1], total[:, : LASTS - 1], binomial=True).min() == 1


def test_trouble_that_comes_back_is_as_plain_as_the_first_time() -> None:
    bad, total = world(3)
    bad[0, -2:] = 0.2 * total[0, -2:]
    first = rise(bad, total, 2, binomial=True, trust=trust(bad, total, binomial=True)).p[0]
    bad[0, 10:16] = 0.5 * total[0, 10:16]
    again = rise(bad, total, 2, binomial=True, trust=trust(bad, total, binomial=True)).p[0]
    blind = rise(bad, total, 2, binomial=True).p[0]
    assert first < 1e-6
    assert again < 1e-5
    assert blind > 1e-3, "the spell would count as normal"


def test_money_is_doubted_alike() -> None:
    rng = np.random.default_rng(4)
    cost = rng.normal(500, 10, (SERIES, PERIODS))
    cost[0, 8:13] *= 1.5
    known = trust(cost, np.full_like(cost, 480.0), binomial=False)
    assert known[0, 8:13].max() == 0
    assert known[1:].mean() > 0.99


def test_what_rounding_leaves_below_nothing_is_nothing() -> None:
    bad, total = world(5)
    bad[0, 3] = -1e-12
    assert np.isfinite(trust(bad, total, binomial=True)).all()
