"""The before/after test against planted truths, its own promises, and worlds where nothing happened."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from closeloop.stats.panel import BeforeAfter, before_after

SHIPPED = pd.Timestamp("2026-03-02")


def parcels(seed: int, effect: float = 0.0, segments: int = 9, weeks: tuple[int, int] = (12, 4), volume: int = 400):
    """Daily counts: 6 % late, shared and own autocorrelated shocks; segment s0 changes on the ship date."""
    rng = np.random.default_rng(seed)
    days = 7 * sum(weeks)
    own, shared = 0.12 * rng.standard_normal((segments, days)), 0.15 * rng.standard_normal(days)
    for day in range(1, days):
        own[:, day] = 0.6 * own[:, day - 1] + 0.8 * own[:, day]
        shared[day] = 0.8 * shared[day - 1] + 0.6 * shared[day]
    logs = np.log(0.06) + 0.25 * rng.standard_normal((segments, 1)) + own + shared
    logs[0, 7 * weeks[0] :] += np.log1p(effect)
    return long(rng.binomial(volume, np.exp(logs)), volume, weeks[0])


def long(counts: np.ndarray, volume: int, weeks_before: int) -> pd.DataFrame:
    dates = pd.date_range(SHIPPED - pd.Timedelta(weeks=weeks_before), periods=counts.shape[1])
    return pd.DataFrame({
        "segment": np.repeat([f"s{i}" for i in range(len(counts))], len(dates)),
        "date": np.tile(dates, len(counts)),
        "late": counts.ravel(),
        "n": volume,
    })  # fmt: skip


def judge(daily: pd.DataFrame, **options) -> BeforeAfter:
    return before_after(daily, **({"shipped": SHIPPED, "treated": "s0", "count": "late", "exposure": "n"} | options))


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


def by_week(daily: pd.DataFrame) -> pd.DataFrame:
    monday = daily["date"] - pd.to_timedelta(daily["date"].dt.day_of_week, unit="D")
    return daily.assign(date=monday).groupby(["segment", "date"], as_index=False).sum()


def test_weeks_handed_over_as_weeks_give_the_same_answer_as_days_where_days_tell_no_more():
    """Without controls nothing is shared, so that how the days stray tells nothing."""
    daily = parcels(2, -0.2)
    alone, weekly = judge(daily, controls=[]), judge(by_week(daily), controls=[])
    assert weekly.effect == pytest.approx(alone.effect)
    assert weekly.avoided == pytest.approx(alone.avoided)
    assert judge(by_week(daily)).naive == pytest.approx(judge(daily).naive)


def test_days_sharpen_the_answer_where_the_changed_unit_reacts_more_than_the_others():
    """It reacts twice as much to shocks that all share: five weeks hardly tell, their days do."""
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shared = 0.3 * rng.standard_normal(56)
        for day in range(1, 56):
            shared[day] = 0.8 * shared[day - 1] + 0.6 * shared[day]
        own = 0.2 * rng.standard_normal((9, 1)) + 0.1 * rng.standard_normal((9, 56))
        logs = np.log(0.06) + np.r_[2.0, np.ones(8)][:, None] * shared + own
        daily = long(rng.binomial(800, np.exp(logs).clip(max=0.9)), 800, 5)
        r, weekly = judge(daily), judge(by_week(daily))
        width, weekly_width = (one.log_ratio.high - one.log_ratio.low for one in (r, weekly))
        found.append((abs(r.log_ratio.value), abs(weekly.log_ratio.value), width / weekly_width, r.p < 0.05))
    error, weekly_error, narrower, alarms = np.mean(found, axis=0)
    assert error < 0.95 * weekly_error
    assert narrower < 0.95
    assert alarms <= 0.14


def test_missing_days_are_missing_and_not_zero():
    daily = parcels(3)
    gap = (daily["segment"] == "s0") & daily["date"].between(SHIPPED, SHIPPED + pd.Timedelta(days=9))
    dropped, unknown = judge(daily[~gap]), judge(daily.assign(late=daily["late"].where(~gap).astype(float)))
    as_zero = judge(daily.assign(late=daily["late"].where(~gap, 0)))
    assert tuple(dropped.effect) == pytest.approx(tuple(unknown.effect))
    assert abs(dropped.effect.value) < 0.2
    assert as_zero.effect.value < -0.25


def test_days_that_do_not_fill_a_week_are_left_out():
    daily = parcels(3)
    first, last = daily["date"].min(), daily["date"].max()
    ragged = pd.concat([daily, daily[daily["date"] == last].assign(date=last + pd.Timedelta(days=2), late=400)])
    r = judge(ragged[ragged["date"] > first])
    assert (r.blocks_before, r.blocks_after) == (11, 4)
    assert r.effect == judge(daily[daily["date"] >= first + pd.Timedelta(days=7)]).effect


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


def test_a_control_without_events_is_left_out_and_said():
    daily = parcels(7, -0.5, segments=2)
    daily.loc[daily["segment"] == "s1", "late"] = 0
    alone = judge(daily[daily["segment"] == "s0"])
    r = judge(daily)
    assert r.effect == alone.effect
    assert r.thin == ("s1",)
    assert any("s1 had next to nothing to compare with" in said for said in r.reasons)


def test_of_nearly_all_no_more_than_all_can_have_been_spared():
    rng = np.random.default_rng(8)
    counts = rng.binomial(20, np.where(np.arange(112) < 84, 0.95, 0.1), (3, 112))
    counts[1:] = rng.binomial(20, 0.6, (2, 112))
    r = judge(long(counts, 20, 12))
    seen = counts[0, 84:].sum() / 4
    assert r.avoided.high < 140 - seen
    assert r.avoided.low > 0.8 * 140 - seen
    assert r.effect.value == pytest.approx(0.1 / 0.95 - 1, abs=0.05)


def test_higher_can_be_better():
    daily = parcels(5, -0.5)
    assert judge(daily).decision == "improved"
    assert judge(daily, better="higher").decision == "worsened"


def test_several_treated_units_are_taken_together():
    daily = parcels(6, -0.3)
    daily.loc[(daily["segment"] == "s1") & (daily["date"] >= SHIPPED), "late"] //= 2
    merged = daily.assign(segment=daily["segment"].replace({"s1": "s0"}))
    assert judge(daily, treated=["s0", "s1"]).effect == pytest.approx(judge(merged).effect)


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


def test_means_with_squares_and_values_without():
    rng = np.random.default_rng(1)
    dates = pd.date_range(SHIPPED - pd.Timedelta(weeks=12), periods=112)
    rows = []
    for segment in range(6):
        for date in dates:
            hours = rng.exponential(50.0, 150) * (0.7 if segment == 0 and date >= SHIPPED else 1.0)
            rows.append((f"s{segment}", date, hours.sum(), (hours**2).sum(), 150.0))
    daily = pd.DataFrame(rows, columns=["segment", "date", "hours", "squares", "n"])
    options = {"shipped": SHIPPED, "treated": "s0", "value": "hours", "exposure": "n"}
    full, bare = before_after(daily, squares="squares", **options), before_after(daily, **options)
    for r in (full, bare):
        assert r.decision == "improved"
        assert r.low < -0.3 < r.high
        assert r.high - r.low < 0.25


def test_a_yearly_panel_of_values_with_one_treated_unit():
    """Thirty-nine slowly wandering series, thirty years, no counts at all: the shape of many policy studies."""
    rng = np.random.default_rng(2)
    logs = np.log(110) + 0.2 * rng.standard_normal((39, 1)) + np.cumsum(0.03 * rng.standard_normal((39, 31)), axis=1)
    logs[0, 19:] += np.log(0.6)
    years = np.arange(1970, 2001)
    panel = pd.DataFrame({
        "state": np.repeat([f"u{i:02d}" for i in range(39)], 31), "year": np.tile(years, 39),
        "packs": np.exp(logs).ravel(),
    })  # fmt: skip
    r = before_after(panel, shipped=1989, treated="u00", unit="state", on="year", value="packs")
    assert (r.blocks_before, r.blocks_after, r.per) == (19, 12, "year")
    assert r.low < -0.4 < r.high
    assert r.decision == "improved"


def quarters(seed: int, effect: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    logs = 3 + rng.normal(0, 0.2, (9, 1)) + rng.normal(0, 0.05, 20) + rng.normal(0, 0.03, (9, 20))
    logs[0, 12:] += np.log1p(effect)
    dates = pd.date_range("2020-01-01", periods=20, freq="QS")
    return (
        pd.DataFrame(np.exp(logs).T, index=dates).rename_axis("date").reset_index().melt("date", var_name="segment")
    )


def test_quarters_are_used_as_they_are():
    r = before_after(quarters(1, -0.2), shipped="2023-01-01", treated=0, value="value")
    assert (r.per, r.blocks_before, r.blocks_after) == ("quarter", 12, 8)
    assert r.decision == "improved"
    assert r.low <= -0.2 <= r.high
    straddled = before_after(quarters(1, -0.2), shipped="2023-02-15", treated=0, value="value")
    assert (straddled.blocks_before, straddled.blocks_after) == (12, 7)


def test_a_control_without_a_value_is_left_out_and_the_changed_unit_named():
    daily = quarters(2, 0.0)
    daily.loc[(daily["segment"] == 3) & (daily["date"] == "2021-04-01"), "value"] = 0.0
    r = before_after(daily, shipped="2023-01-01", treated=0, value="value")
    whole = before_after(daily[daily["segment"] != 3], shipped="2023-01-01", treated=0, value="value")
    assert r.thin == ("3",)
    assert r.effect == whole.effect
    with pytest.raises(ValueError, match="'value' sums to 0 in the changed unit's quarter from 2021-04-01"):
        before_after(daily, shipped="2023-01-01", treated=3, value="value")


def test_fewer_than_four_events_a_week_are_put_in_longer_blocks():
    assert judge(parcels(7, volume=4)).blocks_before < 12
    assert judge(parcels(7, volume=400)).blocks_before == 12


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": "lost"}, "'lost'.* are not in the frame"),
        ({"value": "late"}, "exactly one of count and value"),
        ({"treated": "s99"}, "'s99'.* are not in column 'segment'"),
        ({"controls": ["s0", "s1"]}, "as treated and as controls"),
        ({"better": "less"}, "must be 'lower' or 'higher'"),
        ({"review": "2026-01-01"}, "must come after the ship date"),
        ({"worth": 5}, "below 1"),
    ],
)
def test_bad_questions_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        judge(parcels(0, segments=3), **options)


def test_a_frame_without_a_usable_row_is_refused():
    with pytest.raises(ValueError, match="no row of the frame"):
        judge(parcels(0, segments=3).assign(late=np.nan))


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="below 0"):
        judge(parcels(0, segments=3).assign(late=-1))


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


@pytest.mark.parametrize("since", ["2026-05-31", "2026-03-09"])
def test_a_pattern_needs_weeks_of_its_own_and_weeks_before_it(since: str) -> None:
    frame = rising(np.random.default_rng(1), 0.0)
    with pytest.raises(ValueError, match="no week lies between it and the change, or none before it"):
        before_after(frame, shipped="2026-06-01", treated="a", count="late", exposure="parcels", since=since)
