import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from pandas.testing import assert_frame_equal
from scipy.stats import betabinom, binom, nbinom, norm, poisson

from closeloop.stats.count_surprise import pool_dispersion
from closeloop.stats.count_tails import count_score
from closeloop.stats.count_trend import CountData, fit_trend
from closeloop.stats.multiple_testing import benjamini_hochberg
from closeloop.stats.surveillance import Watch, surprise


def frame_of(counts, exposure=None):
    series, weeks = np.shape(counts)
    frame = pd.DataFrame({"name": np.repeat(np.arange(series), weeks), "week": np.tile(np.arange(weeks), series)})
    frame["x"] = np.ravel(counts)
    return frame if exposure is None else frame.assign(n=np.ravel(exposure))


def mid_p_score(distribution, count):
    return norm.isf(distribution.sf(count) + distribution.pmf(count) / 2)


@pytest.fixture(scope="module")
def weekly_counts():
    """40 quiet series of 200 weeks with dispersion 2, mean 12 and a yearly wave."""
    mean = 12 * np.exp(0.4 * np.sin(2 * np.pi * np.arange(200) / 52))
    return np.random.default_rng(5).negative_binomial(mean, 1 / 2, (40, 200))


# --- tails


@pytest.mark.parametrize(("mean", "dispersion"), [(0.2, 2.0), (1.65, 5.0), (30.0, 1.2)])
def test_count_score_is_the_negative_binomial_mid_p(mean, dispersion):
    count = np.arange(0, int(mean + 6 * np.sqrt(dispersion * mean)))
    expected = mid_p_score(nbinom(mean / (dispersion - 1), 1 / dispersion), count)
    score = count_score(count.astype(float), np.float64(mean), np.float64(mean * dispersion))
    np.testing.assert_allclose(score, expected, atol=1e-6)


def test_count_score_without_dispersion_is_poisson():
    count = np.arange(20.0)
    score = count_score(count, np.float64(6), np.float64(6))
    np.testing.assert_allclose(score, mid_p_score(poisson(6), count), atol=0.01)


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("dispersion", [1.0, 1.3, 2.0])
def test_count_score_of_rates_is_close_to_beta_binomial(rate, dispersion):
    trials, together = 400, (dispersion - 1) / 399
    total = 1 / together - 1 if together else 0
    exact = betabinom(trials, rate * total, (1 - rate) * total) if together else binom(trials, rate)
    count = np.arange(*exact.ppf([0.0005, 0.9995]))
    variance = np.float64(dispersion * trials * rate * (1 - rate))
    score = count_score(count, np.float64(trials * rate), variance, np.float64(trials))
    np.testing.assert_allclose(score, mid_p_score(exact, count), atol=0.13)


def test_far_tails_stay_finite():
    assert np.isfinite(count_score(np.array([0.0, 1e6]), np.float64(1e3), np.float64(1.1e3))).all()


# --- trend


def test_quiet_fit_is_within_one_standard_error_of_statsmodels(weekly_counts):
    year = np.arange(200) / 52
    design = np.column_stack([np.ones(200), year, np.sin(2 * np.pi * year), np.cos(2 * np.pi * year)])
    calm = np.minimum(weekly_counts[:5], 25)
    fit = fit_trend(CountData(calm.astype(float)), design, np.zeros(4))
    for coefficients, count in zip(fit.coefficients, calm, strict=True):
        expected = sm.GLM(count, design, family=sm.families.Poisson()).fit()
        assert (np.abs(coefficients - expected.params) < expected.bse).all()


def test_past_outbreaks_hardly_move_the_fit(weekly_counts):
    struck = weekly_counts.astype(float)
    struck[:, 100:103] += 60
    design = np.ones((200, 1))
    clean = fit_trend(CountData(weekly_counts.astype(float)), design, np.zeros(1))
    fit = fit_trend(CountData(struck), design, np.zeros(1))
    assert np.abs(fit.coefficients - clean.coefficients).max() < 0.03  # the plain mean moves by .07
    assert np.median(fit.dispersion / clean.dispersion) < 1.15


def test_pooling_finds_a_common_dispersion_and_keeps_true_differences():
    rng = np.random.default_rng(3)
    noise = np.full(200, 0.3)
    same, _ = pool_dispersion(np.exp(np.log(2) + rng.normal(0, 0.3**0.5, 200)), noise)
    np.testing.assert_allclose(same, 2, rtol=0.35)
    true = np.repeat([1.1, 9.0], 100)
    apart, _ = pool_dispersion(true * np.exp(rng.normal(0, 0.05, 200)), np.full(200, 0.0025))
    np.testing.assert_allclose(apart, true, rtol=0.2)


# --- surprise


def test_flags_the_planted_outbreak_and_the_planted_drop(weekly_counts):
    counts = weekly_counts.copy()
    counts[7, -1], counts[9, -2:] = 60, 0
    result = surprise(frame_of(counts), by=["name"], watch=Watch(season=52))
    assert list(result.loc[result.q < 0.05, "name"]) == [7, 9]
    assert list(result.loc[result.q_up < 0.05, "name"]) == [7]
    assert result.observed[7] > result.high[7]
    assert result.observed[9] < result.low[9]


def test_p_values_of_quiet_counts_are_uniform_enough():
    counts = np.random.default_rng(11).negative_binomial(2.5, 1 / 3, (300, 150))  # mean 5, dispersion 3
    result = surprise(frame_of(counts), by=["name"], periods=6, watch=Watch(season=52))
    for level in (0.5, 0.2, 0.05, 0.01):
        error = 3 * np.sqrt(level * (1 - level) / len(result))
        assert abs((result.p_up <= level).mean() - level) < error + 0.1 * level
        assert abs((result.p <= level).mean() - level) < error + 0.25 * level


@pytest.mark.parametrize("rate", [0.3, 0.85])
def test_p_values_of_quiet_rates_are_uniform_enough(rate):
    rng = np.random.default_rng(12)
    trials = rng.integers(100, 400, (300, 120))
    chance = rng.beta(rate * 150, (1 - rate) * 150, trials.shape)
    result = surprise(frame_of(rng.binomial(trials, chance), trials), by=["name"], exposure="n", periods=4)
    for level in (0.5, 0.2, 0.05, 0.01):
        error = 3 * np.sqrt(level * (1 - level) / len(result))
        assert abs((result.p <= level).mean() - level) < error + 0.25 * level


def test_a_rate_is_judged_by_its_exposure():
    trials = np.full((1, 40), 1000)
    counts = np.tile([95, 105], (1, 20))
    trials[0, -1], counts[0, -1] = 3000, 300
    by_rate = surprise(frame_of(counts, trials), exposure="n")
    by_count = surprise(frame_of(counts))
    assert by_rate.p[0] > 0.5
    assert by_count.p[0] < 1e-6
    assert by_rate.expected[0] == pytest.approx(300, rel=0.05)


def test_counts_are_within_limits_exactly_when_p_is_above_the_level(weekly_counts):
    result = surprise(frame_of(weekly_counts), by=["name"], periods=10, watch=Watch(level=0.2))
    outside = (result.observed < result.low) | (result.observed > result.high)
    assert 20 < outside.sum() < 200
    assert (outside == (result.p < 0.2)).all()


def test_two_weeks_in_a_row_are_more_surprising_than_one(weekly_counts):
    once, twice, before = (weekly_counts[:1].copy() for _ in range(3))
    once[0, -2:] = 12, 24
    twice[0, -2:] = 24, 24
    before[0, -2:] = 80, 8
    p_once, p_twice, p_before = (surprise(frame_of(c)).p_up[0] for c in (once, twice, before))
    assert p_twice < p_once / 2
    assert p_before > 0.05  # nothing is flagged for the week before it


@pytest.mark.parametrize(
    ("weeks", "model"),
    [(7, "level"), (26, "level"), (27, "level + trend"), (61, "level + trend + season")],
)
def test_short_histories_say_which_model_was_used(weeks, model):
    counts = np.random.default_rng(1).poisson(20, (1, weeks))
    result = surprise(frame_of(counts), watch=Watch(season=52)).iloc[0]
    assert result.model == model
    assert result.note == ("" if weeks == 61 else f"only {weeks - 1} periods of history")
    assert abs(result.expected - 20) < 8
    assert result.p > 0


def test_too_short_a_history_has_no_p():
    result = surprise(frame_of([[5, 4, 6, 5, 5, 99]])).iloc[0]
    assert result[["expected", "low", "high", "score", "p", "p_up", "q", "q_up"]].isna().all()
    assert result.note == "only 5 periods of history; 6 are needed"
    assert result.observed == 99


def test_six_quiet_weeks_are_enough_for_a_glaring_one():
    assert surprise(frame_of([[5, 4, 6, 5, 5, 4, 60]])).p[0] < 0.01


def test_false_alarms_with_short_histories():
    counts = np.random.default_rng(8).negative_binomial(4, 1 / 2, (800, 9))
    assert (surprise(frame_of(counts), by=["name"]).p_up <= 0.01).mean() < 0.02


def test_missing_weeks_are_missing_and_not_zero(weekly_counts):
    full = frame_of(weekly_counts[:1])
    holes = full[(full.week % 3 != 1) | (full.week > 190)]
    with_nan = full.assign(x=full.x.where(full.index.isin(holes.index)))
    result = surprise(holes)
    assert result.expected[0] == pytest.approx(surprise(full).expected[0], rel=0.2)
    assert_frame_equal(result, surprise(with_nan))
    zeros = full.assign(x=full.x.where(full.index.isin(holes.index), 0))
    assert surprise(zeros).expected[0] < 0.8 * result.expected[0]


def test_a_series_without_any_case_is_surprised_by_some():
    counts = np.zeros((2, 100))
    counts[0, -1] = 4
    result = surprise(frame_of(counts), by=["name"])
    assert result.p_up[0] < 0.01  # how widely its cases scatter is anybody's guess
    assert result.p_up[1] > 0.4
    assert 0 < result.expected[1] < 0.02


def test_each_period_is_judged_from_its_own_past_only(weekly_counts):
    later = surprise(frame_of(weekly_counts), by=["name"], periods=3)
    then = surprise(frame_of(weekly_counts[:, :-2]), by=["name"])
    first = later[later.week == later.week.min()].reset_index(drop=True)
    assert_frame_equal(first, then)


def test_row_order_does_not_matter(weekly_counts):
    frame = frame_of(weekly_counts)
    shuffled = frame.sample(frac=1, random_state=2)
    assert_frame_equal(surprise(shuffled, by=["name"]), surprise(frame, by=["name"]))


def test_q_values_are_those_of_each_period(weekly_counts):
    result = surprise(frame_of(weekly_counts), by=["name"], periods=2)
    for _, week in result.groupby("week"):
        np.testing.assert_array_equal(week.q, benjamini_hochberg(week.p))
        np.testing.assert_array_equal(week.q_up, benjamini_hochberg(week.p_up))


def test_periods_may_be_numbers_dates_iso_weeks_or_periods(weekly_counts):
    frame = frame_of(weekly_counts[:1])
    days = pd.date_range("2023-01-02", periods=200, freq="7D")
    kinds = [days, days.date, days.strftime("%G-W%V"), days.to_period("W-SUN"), days.strftime("%Y-%m-%d")]
    expected = surprise(frame).drop(columns="week")
    for labels in kinds:
        result = surprise(frame.assign(week=labels))
        assert result.week[0] == labels[-1]
        assert_frame_equal(result.drop(columns="week"), expected)


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"count": "y"}, r"Columns \['y'\] are missing"),
        ({"x": -1}, {}, "whole numbers from 0"),
        ({"x": 0.5}, {}, "whole numbers from 0"),
        ({"n": 1}, {"exposure": "n"}, "must not exceed their exposure; 30 rows do"),
        ({"week": 3}, {}, "one row per 'week'"),
        ({"week": [0, *range(3, 61, 2)]}, {}, "evenly spaced"),
        ({"week": "spring"}, {}, "whole numbers, dates"),
        ({"week": [None, *range(29)]}, {}, "missing values"),
        ({}, {"periods": 0}, "periods == 0"),
        ({}, {"watch": Watch(memory=2)}, "memory must lie"),
        ({}, {"watch": Watch(left_out=0)}, "left_out be at least 1"),
    ],
)
def test_refuses_what_cannot_be_judged(change, arguments, message):
    frame = frame_of(np.full((1, 30), 5)).assign(**change)
    with pytest.raises(ValueError, match=message):
        surprise(frame, **arguments)
