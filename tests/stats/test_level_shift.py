"""The rise test against a hand-computed case, worlds in which nothing rose, and planted steps."""

import numpy as np
import pytest
from scipy import stats

from closeloop.stats.level_shift import BASELINE, MIN_BASELINE, onset, rise

SERIES = 4000


def worlds(
    seed: int, volume: int = 200, level: float = 0.08, spread: float = 0.0, memory: float = 0.0, periods: int = 34
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of bad ones by series and period; log-odds shocks of sd `spread`, lag-1 correlation `memory`."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_normal((SERIES, periods))
    for t in range(1, periods):
        shocks[:, t] = memory * shocks[:, t - 1] + np.sqrt(1 - memory**2) * shocks[:, t]
    odds = level / (1 - level) * np.exp(spread * shocks)
    total = rng.poisson(volume, (SERIES, periods)).astype(float)
    return rng.binomial(total.astype(int), odds / (1 + odds)).astype(float), total


QUIET = {
    # kind of world: how it is made, and how many times the promised rate its alarms may reach
    "plain": ({}, 1.0),
    "few": ({"volume": 25, "level": 0.03}, 1.0),
    "overdispersed": ({"spread": 0.3}, 2.0),
    "large": ({"volume": 3000, "spread": 0.15}, 1.5),
    "shocks that last": ({"spread": 0.3, "memory": 0.5}, 3.0),
}
"""The tails of shocks on odds are longer than a t's, and 26 weeks tell little of how long shocks last."""


def sure(p: np.ndarray, alpha: float) -> float:
    """The share of alarms, less what 4,000 independent series can exceed alpha by chance (3 sd)."""
    return float((p <= alpha).mean() - 3 * np.sqrt(alpha * (1 - alpha) / len(p)))


@pytest.mark.parametrize("alpha", [0.05, 0.005])
@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("kind", QUIET)
def test_where_nothing_rose_alarms_are_about_as_rare_as_promised(kind: str, window: int, alpha: float) -> None:
    made, times = QUIET[kind]
    bad, total = worlds(1, **made)
    alarms = rise(bad, total, window, binomial=True).p
    assert sure(alarms, alpha) <= times * alpha
    if kind == "plain":
        assert (alarms <= alpha).mean() > alpha / 4, "not by never alarming"


@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_means_keep_the_promise_too(alpha: float) -> None:
    rng = np.random.default_rng(2)
    cost = rng.normal(500, 25, (SERIES, 34))
    p = rise(cost, np.full_like(cost, 480.0), 2, binomial=False).p
    assert sure(p, alpha) <= alpha
    assert (p <= alpha).mean() > alpha / 2


@pytest.mark.parametrize(
    ("volume", "before", "since", "window", "found"),
    [(200, 0.08, 0.16, 2, 0.9), (200, 0.08, 0.12, 4, 0.6), (40, 0.05, 0.20, 4, 0.9), (200, 0.08, 0.09, 1, 0.0)],
)
def test_a_planted_step_is_found_as_often_as_its_size_allows(
    volume: int, before: float, since: float, window: int, found: float
) -> None:
    bad, total = worlds(3, volume, before, spread=0.1)
    raised, _ = worlds(4, volume, since, spread=0.1)
    mixed = np.concatenate([bad[:, :-window], np.minimum(raised[:, -window:], total[:, -window:])], axis=1)
    power = (rise(mixed, total, window, binomial=True).p <= 0.005).mean()
    assert power >= found
    if found == 0:
        assert power < 0.1, "a step of one point in 200 parcels cannot be told"


def test_a_case_that_can_be_checked_by_hand() -> None:
    # Ten weeks of 8 and 12 in 100 by turns, then two weeks of 30 in 100.
    bad = np.array([[8.0, 12.0] * 5 + [30.0] * 2])
    total = np.full((1, 12), 100.0)
    found = rise(bad, total, 2, binomial=True)
    level = (100 + 0.5) / (1000 + 1)  # half a case added
    assert found.observed[0] == 60
    assert found.total[0] == 200
    assert found.expected[0] == pytest.approx(200 * level)
    # The past varies less than counting does (dispersion 1 at least) and swings back each week (no memory),
    # so the variance is that of 200 draws and of a level known from 1,000.
    assert found.dispersion[0] == 1
    assert found.se[0] == pytest.approx(np.sqrt(level * (1 - level) * (200 + 200**2 / 1000)))
    assert found.p[0] < 1e-4


def test_only_the_newest_26_weeks_before_the_window_count() -> None:
    bad, total = worlds(5, periods=BASELINE + 2)
    older = np.full((SERIES, 10), 199.0)
    longer = rise(np.hstack([older, bad]), np.hstack([older + 1, total]), 2, binomial=True)
    np.testing.assert_array_equal(longer.p, rise(bad, total, 2, binomial=True).p)


@pytest.mark.parametrize(("baseline", "silent"), [(MIN_BASELINE - 1, True), (MIN_BASELINE, False)])
def test_a_short_past_says_nothing(baseline: int, silent: bool) -> None:
    bad = np.array([[5.0] * baseline + [90.0]])
    p = rise(bad, np.full_like(bad, 100.0), 1, binomial=True).p[0]
    assert p == 1 if silent else p < 0.001


def test_empty_weeks_are_no_baseline_and_an_empty_window_is_no_rise() -> None:
    bad, total = np.zeros((2, 20)), np.zeros((2, 20))
    total[0, -8:], bad[0, -8:] = 100.0, 5.0
    bad[0, -1] = 90.0
    total[1, :-1] = 100.0
    assert rise(bad, total, 1, binomial=True).p.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("seen", [1, 2, 3, 5])
def test_small_counts_are_judged_as_counts(seen: int) -> None:
    bad = np.zeros((1, 31))
    bad[:, ::5] = 1
    bad[:, -1] = seen
    p = rise(bad, np.full_like(bad, 30.0), 1, binomial=True).p[0]
    expected = 5.5 / 26  # 5 in the 26 weeks before, and half a case
    exact = stats.poisson.sf(seen, expected) + 0.5 * stats.poisson.pmf(seen, expected)
    assert 0.5 * exact <= p <= 4 * exact, "a little wary: the level itself is a guess"


def test_worse_only_counts_upwards() -> None:
    bad = np.array([[50.0] * 20 + [10.0]])
    assert rise(bad, np.full_like(bad, 100.0), 1, binomial=True).p[0] > 0.99


@pytest.mark.parametrize("ago", [1, 3, 6, 11])
def test_the_onset_is_the_planted_week(ago: int) -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(100):
        rate = np.full(30, 0.08)
        rate[-ago:] = 0.20
        total = rng.poisson(200, 30)
        hits += onset(rng.binomial(total, rate).astype(float), total.astype(float), 12) == ago
    assert hits >= 90


def test_the_onset_stays_inside_its_limits() -> None:
    bad = np.array([0.0] * 9 + [50.0] * 11)
    assert onset(bad, np.full(20, 100.0), 4) == 4, "no longer ago than asked for"
    assert onset(bad[-12:], np.full(12, 100.0), 12) <= 12 - MIN_BASELINE, "with eight weeks before it"
