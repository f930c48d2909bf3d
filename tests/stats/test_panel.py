"""The before/after test against planted truths, its own promises, and worlds where nothing happened."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from closeloop.stats.panel import before_after
from tests.stats.panel_studies import SHIPPED, judge, long, parcels


def test_a_planted_effect_is_inside_the_interval_nearly_always():
    results = [judge(parcels(seed, effect=-0.4)) for seed in range(60)]
    covered = np.mean([r.low <= -0.4 <= r.high for r in results])
    assert covered >= 0.90
    assert np.mean([r.decision == "improved" for r in results]) >= 0.95
    assert np.median([r.effect.value for r in results]) == pytest.approx(-0.4, abs=0.03)


def test_nothing_is_found_where_nothing_happened():
    p = np.array([judge(parcels(seed)).p for seed in range(100, 200)])
    assert (p < 0.05).mean() <= 0.10
    assert (p < 0.5).mean() > 0.2  # a p value that never gets small would pass the line above


def test_the_worst_of_forty_small_segments_does_not_improve_by_itself():
    """Picked for its raw rate and left alone, it falls back; a plain comparison calls that a success."""
    claimed, fell_back = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        rates = 0.04 * np.exp(0.15 * rng.standard_normal((40, 1)))
        counts = rng.binomial(30, np.broadcast_to(rates, (40, 70)))
        order = np.argsort(-counts[:, :42].sum(axis=1))[[0, *range(5, 40, 4)]]
        r = judge(long(counts[order], 30, 6))
        claimed.append(r.decision == "improved")
        fell_back.append(r.naive)
    assert np.median(fell_back) < -0.10
    assert np.mean(claimed) <= 0.10


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), effect=st.floats(-0.5, 0.6), volume=st.sampled_from([60, 200, 1000]))
def test_p_is_below_five_percent_exactly_when_the_interval_excludes_no_effect(seed, effect, volume):
    r = judge(parcels(seed, effect, segments=4, weeks=(5, 2), volume=volume))
    excludes = r.effect.low > 0 or r.effect.high < 0
    assert (r.p < 0.05) == excludes
    assert (r.avoided.low > 0 or r.avoided.high < 0) == excludes
    assert r.effect.low < r.effect.value < r.effect.high
    assert abs(r.shrunken) <= abs(r.effect.value)


def test_same_input_gives_the_same_answer_whatever_the_row_order():
    daily = parcels(1, -0.2)
    shuffled = daily.sample(frac=1, random_state=0)
    first, again, other = judge(daily), judge(daily), judge(shuffled)
    assert repr(first) == repr(again) == repr(other)


def test_avoided_events_are_those_expected_less_those_seen():
    daily = parcels(4, -0.4)
    r = judge(daily)
    after = daily[(daily["segment"] == "s0") & (daily["date"] >= SHIPPED)]["late"].sum() / 4
    assert r.avoided.value == pytest.approx(after * (1 / (1 + r.effect.value) - 1), rel=0.01)
    assert r.per == "week"


def test_where_little_is_left_what_was_spared_is_told_as_sharply_as_what_would_have_been():
    """Nine in ten events go: the same shocks without the change say how many there would have been."""
    held, wide = [], []
    for seed in range(60):
        with_change, without = parcels(seed, -0.9), parcels(seed)
        r = judge(with_change)
        late = [d[(d["segment"] == "s0") & (d["date"] >= SHIPPED)]["late"].sum() / 4 for d in (without, with_change)]
        held.append(r.avoided.low <= late[0] - late[1] <= r.avoided.high)
        ends = [late[1] * (1 / (1 + end) - 1) for end in (r.effect.high, r.effect.low)]
        wide.append((r.avoided.high - r.avoided.low) / (ends[1] - ends[0]))
    assert np.mean(held) >= 0.9
    assert np.median(wide) < 0.85


@pytest.mark.parametrize(("left", "segments"), [(0, 1), (3, 1), (0, 4), (8, 6)])
def test_a_handful_of_events_is_answered_by_the_counts(left, segments):
    """Beside the exact interval for two Poisson counts; noise and controls may only add to it, and not much."""
    rng = np.random.default_rng(5)
    counts = rng.poisson(5.0, (segments, 112))
    counts[0, 84:] = 0
    counts[0, 84 : 84 + left] = 1
    r = judge(long(counts, 400, 12))
    before = counts[0, :84].sum()
    exact = (np.array(stats.beta.interval(0.95, left + 0.5, before + 0.5)), 84 / 28)
    low, high = exact[0] / (1 - exact[0]) * exact[1] - 1
    assert r.effect.high < -0.8
    assert r.p < 1e-6
    assert high - 0.02 < r.effect.high < high + 0.06
    assert r.effect.low == pytest.approx(low, abs=0.02)


def test_of_nearly_all_no_more_than_all_can_have_been_spared():
    rng = np.random.default_rng(8)
    counts = rng.binomial(20, np.where(np.arange(112) < 84, 0.95, 0.1), (3, 112))
    counts[1:] = rng.binomial(20, 0.6, (2, 112))
    r = judge(long(counts, 20, 12))
    seen = counts[0, 84:].sum() / 4
    assert r.avoided.high < 140 - seen
    assert r.avoided.low > 0.8 * 140 - seen
    assert r.effect.value == pytest.approx(0.1 / 0.95 - 1, abs=0.05)


def test_a_change_of_mix_is_not_an_effect():
    """Half of the bad stratum leaves the treated segment; neither stratum's rate moves."""
    rng = np.random.default_rng(0)
    rows = []
    for segment in range(6):
        for day in range(7 * 16):
            share = 0.2 if segment == 0 and day >= 84 else 0.4
            for stratum, n, rate in (("bad", int(400 * share), 0.12), ("good", int(400 * (1 - share)), 0.03)):
                date = SHIPPED + pd.Timedelta(days=day - 84)
                rows.append((f"s{segment}", date, stratum, rng.binomial(n, rate), n))
    daily = pd.DataFrame(rows, columns=["segment", "date", "stratum", "late", "n"])
    blind, fair = judge(daily), judge(daily, strata="stratum")
    assert blind.decision == "improved"
    assert fair.decision == "no clear change"
    assert fair.mix == pytest.approx(0.048 / 0.066 - 1, abs=0.02)


def test_too_early_and_not_comparable():
    daily = parcels(8)
    assert judge(daily[daily["date"] < SHIPPED]).decision == "too early"
    assert judge(daily, review="2026-05-01").decision == "too early"
    short = judge(daily[daily["date"] >= SHIPPED - pd.Timedelta(weeks=3)])
    assert short.decision == "not comparable"
    assert "at least 4" in short.reasons[0]


def test_looking_before_the_review_date_is_paid_for():
    daily = parcels(9, -0.5)
    early = judge(daily[daily["date"] < SHIPPED + pd.Timedelta(weeks=1)], review="2026-04-27")
    later = judge(daily, review="2026-04-27")
    assert early.level < later.level < 0.05
    assert later.decision == "improved"


def test_a_trend_before_the_change_is_flagged():
    daily = parcels(10)
    weeks = (daily["date"] - SHIPPED).dt.days / 7
    trend = np.where(daily["segment"] == "s0", np.exp(-0.05 * weeks), 1.0)
    r = judge(daily.assign(late=(daily["late"] * trend).round()))
    assert r.checks is not None
    assert r.checks.pretrend == pytest.approx(-0.05, abs=0.03)
    assert any("already moving" in reason for reason in r.reasons)


def test_a_control_whose_volume_jumps_is_named():
    daily = parcels(11)
    moved = (daily["segment"] == "s3") & (daily["date"] >= SHIPPED)
    r = judge(daily.assign(n=daily["n"] * np.where(moved, 2, 1), late=daily["late"] * np.where(moved, 2, 1)))
    assert r.volume_jumps == ("s3",)


def fading_study(seed: int, *, fades: bool) -> pd.DataFrame:
    """Sixteen weeks of nine segments; the first falls by 40 % for four weeks, and then keeps it or not."""
    rng = np.random.default_rng(seed)
    days = pd.date_range("2026-01-05", periods=7 * 20)
    rows = []
    for s in range(9):
        rate = np.full(len(days), 0.06)
        if s == 0:
            rate[84:112] *= 0.6
            rate[112:] *= 1.0 if fades else 0.6
        rows.append(pd.DataFrame({"date": days, "segment": f"s{s}", "x": rng.binomial(400, rate), "n": 400}))
    return pd.concat(rows)


@pytest.mark.parametrize("fades", [True, False])
def test_an_effect_that_fades_is_told_from_one_that_lasts(fades: bool):
    found = [
        before_after(fading_study(seed, fades=fades), shipped="2026-03-30", treated="s0", count="x", exposure="n")
        for seed in range(20)
    ]
    assert sum(r.fades for r in found) >= 19 if fades else sum(r.fades for r in found) <= 2
    if fades:
        late = [np.expm1(r.checks.halves.late) for r in found]
        assert abs(np.median(late)) < 0.05
        assert all("It fades" in " ".join(r.reasons) for r in found if r.fades)


def rising(rng: np.random.Generator, effect: float, weeks: int = 3) -> pd.DataFrame:
    """Five slices by week; the first doubles some weeks before the change, which moves it by `effect`."""
    levels = np.log(0.08) + rng.normal(0, 0.3, (5, 1)) + np.cumsum(rng.normal(0, 0.03, (5, 18)), axis=1)
    levels[0, 12 - weeks :] += np.log(2)
    levels[0, 12:] += np.log1p(effect)
    days = pd.date_range("2026-03-09", periods=18, freq="7D")
    late = rng.binomial(600, np.exp(levels))
    return pd.DataFrame(
        {"date": np.tile(days, 5), "segment": np.repeat(list("abcde"), 18), "late": late.ravel(), "parcels": 600}
    )


@pytest.mark.parametrize("effect", [0.0, -0.5])
def test_a_young_pattern_is_what_its_change_is_held_against(effect: float) -> None:
    """Planted 60 times: intervals hold the truth, where the whole baseline would make the same change look idle."""
    rng = np.random.default_rng(20)
    told = {"shipped": "2026-06-01", "treated": "a", "count": "late", "exposure": "parcels"}
    frames = [rising(rng, effect) for _ in range(60)]
    found = [before_after(frame, since="2026-05-11", **told) for frame in frames]
    assert sum(one.low <= effect <= one.high for one in found) >= 54
    clear = sum(one.p < 0.05 for one in found)
    assert clear <= 6 if effect == 0 else clear >= 57
    assert sum(before_after(frame, **told).p < 0.05 for frame in frames) <= 50


def test_a_pattern_needs_weeks_of_its_own() -> None:
    frame = rising(np.random.default_rng(1), 0.0)
    with pytest.raises(ValueError, match="no week lies between it and the change"):
        before_after(frame, shipped="2026-06-01", treated="a", count="late", exposure="parcels", since="2026-05-31")


@pytest.mark.parametrize("days", [0, 3, 6])
def test_a_pattern_that_fills_the_time_before_is_held_against_all_of_it(days: int) -> None:
    frame = rising(np.random.default_rng(1), -0.5)
    told = {"shipped": "2026-06-01", "treated": "a", "count": "late", "exposure": "parcels"}
    since = pd.Timestamp(frame["date"].min()) + pd.Timedelta(days=days)
    assert before_after(frame, since=since.date(), **told) == before_after(frame, **told)
