"""The plan against what the same study then shows."""

import numpy as np
import pandas as pd
import pytest

from closeloop.stats.panel import before_after
from closeloop.stats.review_plan import ReviewPlan, plan_review

SHIPPED = pd.Timestamp("2026-03-02")
WORDS = {"shipped": SHIPPED, "treated": "s0", "count": "late", "exposure": "n"}


def parcels(seed: int, volume: int, effect: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rates = 0.06 * np.exp(0.2 * rng.standard_normal((7, 1)) + 0.1 * rng.standard_normal((7, 112)))
    rates[0, 84:] *= 1 + effect
    dates = pd.date_range(SHIPPED - pd.Timedelta(weeks=12), periods=112)
    return pd.DataFrame({
        "segment": np.repeat([f"s{i}" for i in range(7)], 112), "date": np.tile(dates, 7),
        "late": rng.binomial(volume, rates).ravel(), "n": volume,
    })  # fmt: skip


def plan(daily: pd.DataFrame, **options) -> ReviewPlan:
    return plan_review(daily[daily["date"] < SHIPPED], **(WORDS | options))


@pytest.mark.parametrize("volume", [60, 1000])
def test_the_planned_half_width_is_what_comes(volume):
    planned, came = [], []
    for seed in range(15):
        daily = parcels(seed, volume, -0.2)
        planned.append(plan(daily).waits[3].half_width)
        r = before_after(daily, **WORDS)
        came.append((r.log_ratio.high - r.log_ratio.low) / 2)
    assert np.mean(planned) == pytest.approx(np.mean(came), rel=0.12)


def test_the_plan_does_not_look_past_the_ship_date():
    daily = parcels(0, 300, -0.5)
    assert plan_review(daily, **WORDS) == plan(daily)


def test_waiting_and_volume_and_size_all_help():
    small, large = plan(parcels(1, 40)), plan(parcels(1, 2000))
    assert (np.diff([w.half_width for w in small.waits]) < 0).all()
    assert all(a.power < b.power for a, b in zip(small.waits, large.waits, strict=True))
    assert all(a.power < b.power for a, b in zip(small.waits, plan(parcels(1, 40), effect=-0.4).waits, strict=True))
    assert large.waits[3].detectable > small.waits[3].detectable


def test_a_segment_that_can_never_show_it_is_told_so():
    p = plan(parcels(2, 15), effect=-0.1)
    assert p.proposed is None
    assert "cannot show a change of −10\xa0%" in p.sentence


def test_the_first_block_with_enough_power_is_proposed():
    p = plan(parcels(3, 2000), effect=-0.3)
    assert p.proposed is not None
    assert p.waits[p.proposed - 1].power >= 0.8
    assert all(w.power < 0.8 for w in p.waits[: p.proposed - 1])
    assert p.to_frame().shape == (12, 4)


def test_too_short_a_past_is_refused():
    daily = parcels(4, 300)
    with pytest.raises(ValueError, match="needs 4 whole blocks before"):
        plan(daily[daily["date"] >= SHIPPED - pd.Timedelta(weeks=3)])


def test_a_pattern_that_lasts_is_no_noise_to_the_plan():
    """Three times as many for the last four weeks: a plan that takes the rise for noise despairs of any review."""
    planned, despaired, came = [], [], []
    for seed in range(8):
        daily = parcels(seed, 300, -0.5)
        rises = (daily["segment"] == "s0") & (daily["date"] >= SHIPPED - pd.Timedelta(weeks=4))
        daily["late"] = daily["late"].mask(rises, (3 * daily["late"]).clip(upper=daily["n"]))
        since = str((SHIPPED - pd.Timedelta(weeks=4)).date())
        planned.append(plan(daily, since=since).waits[3].half_width)
        despaired.append(plan(daily).waits[3].half_width)
        r = before_after(daily, **WORDS, since=since)
        came.append((r.log_ratio.high - r.log_ratio.low) / 2)
    assert np.mean(planned) == pytest.approx(np.mean(came), rel=0.2)
    assert np.mean(despaired) > 1.5 * np.mean(planned)


def test_a_pattern_needs_a_block_on_either_side():
    with pytest.raises(ValueError, match="since=2026-02-27"):
        plan(parcels(4, 300), since="2026-02-27")
