"""Interventions with a published result: UK seat belts (Harvey and Durbin 1986) and Sicily (Lopez Bernal 2017)."""

from pathlib import Path

import pandas as pd
import pytest

from closeloop.stats.panel import BeforeAfter, before_after

DATA = Path(__file__).parents[3] / "shared" / "data" / "interventions"

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the published series in {DATA}"),
]


def seat_belts(treated: str, controls: list[str]) -> BeforeAfter:
    wide = pd.read_parquet(DATA / "uk_seatbelts.parquet")
    casualties = wide.melt("month", ["drivers", "front", "rear"], "segment", "injured")
    return before_after(
        casualties, shipped="1983-02-01", treated=treated, controls=controls, on="month", count="injured"
    )


@pytest.mark.parametrize(("treated", "published"), [("drivers", -0.23), ("front", -0.30)])
def test_seat_belts_against_rear_seats(treated, published):
    r = seat_belts(treated, ["rear"])
    assert r.low <= published <= r.high
    assert r.decision == "improved"
    assert r.high - r.low < 0.15
    assert (r.blocks_before, r.blocks_after, r.per) == (169, 23, "month")


def test_rear_seats_that_the_law_left_alone_did_not_change():
    r = seat_belts("rear", [])
    assert r.low <= 0.03 <= r.high
    assert r.decision == "no clear change"


def test_smoking_ban_in_sicily_without_any_control():
    sicily = pd.read_parquet(DATA / "sicily_smoking_ban.parquet")
    sicily["date"] = pd.to_datetime({"year": sicily["year"], "month": sicily["month"], "day": 1})
    r = before_after(
        sicily.assign(segment="sicily"), shipped="2005-01-01", treated="sicily", count="aces", exposure="stdpop"
    )
    assert 1 + r.low <= 0.885
    assert 1 + r.high >= 0.894
    assert r.decision == "improved"
    assert r.naive > 0  # a plain comparison of means has the wrong sign
