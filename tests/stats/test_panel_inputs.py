"""The before/after test on every kind of panel: days, weeks, quarters, years, means, and what it cannot take."""

import numpy as np
import pandas as pd
import pytest

from closeloop.stats.panel import before_after
from tests.stats.panel_studies import SHIPPED, by_week, judge, long, parcels


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


def test_a_control_without_events_is_left_out_and_said():
    daily = parcels(7, -0.5, segments=2)
    daily.loc[daily["segment"] == "s1", "late"] = 0
    alone = judge(daily[daily["segment"] == "s0"])
    r = judge(daily)
    assert r.effect == alone.effect
    assert r.thin == ("s1",)
    assert any("s1 had next to nothing to compare with" in said for said in r.reasons)


def test_higher_can_be_better():
    daily = parcels(5, -0.5)
    assert judge(daily).decision == "improved"
    assert judge(daily, better="higher").decision == "worsened"


def test_several_treated_units_are_taken_together():
    daily = parcels(6, -0.3)
    daily.loc[(daily["segment"] == "s1") & (daily["date"] >= SHIPPED), "late"] //= 2
    merged = daily.assign(segment=daily["segment"].replace({"s1": "s0"}))
    assert judge(daily, treated=["s0", "s1"]).effect == pytest.approx(judge(merged).effect)


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
