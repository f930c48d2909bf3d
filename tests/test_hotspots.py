"""Slices that were worse all along: a planted one is named and measured, and luck is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from closeloop import hotspots, simulate
from closeloop.loop import Loop
from closeloop.model import Slice
from closeloop.simulate import Effect, Problem, where

HOT = Slice.of([("carrier", "UPS"), ("warehouse", "NV")])


@pytest.fixture(scope="module")
def merchant(open_source: Callable[..., Loop], tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """UPS parcels from NV always waited a day longer for their first scan, and eBay's were often damaged."""
    base = simulate.demo_scenario(34, 1500, 21)
    slow = (Effect("delay", where(carrier="UPS", warehouse="NV"), base.start, None, 16.0, "label_to_scan"),)
    worn = (Effect("exception_add", where(channel="ebay"), base.start, None, 0.3, "damaged"),)
    problems = tuple(
        Problem(
            id=f"H{i}", role="problem", title="always so", metric="", where=effects[0].where, start=base.start,
            end=None, size=effects[0].size, unit="", origin="carrier", story="", effects=effects,
        )
        for i, effects in enumerate((slow, worn))
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("hot")
    scenario = replace(base, problems=problems)
    simulate.write_exports(simulate.simulate(scenario), folder)
    return open_source("", folder)


def test_a_slice_that_was_always_worse_is_named_with_its_excess(merchant: Loop) -> None:
    found = hotspots.hotspots(merchant.con, merchant.cube)
    assert found[0].scope == HOT
    assert found[0].what in ("label_to_first_scan", "idle_labels", "order_to_handover")
    assert found[0].now > 1.5 * found[0].before
    assert HOT not in {pattern.slice for pattern in merchant.patterns.patterns}  # it is no news


def test_what_most_cells_have_none_of_is_compared_too(merchant: Loop) -> None:
    """In most weeks a carrier's parcels of one channel from one site have no exception at all."""
    found = [one for one in hotspots.hotspots(merchant.con, merchant.cube) if one.what == "exception_rate"]
    assert Slice.of([("channel", "ebay")]) in {one.scope for one in found}


def test_the_excess_is_the_one_of_a_stratified_table() -> None:
    """With one week a stratum, observed over expected is near the Mantel-Haenszel risk ratio of statsmodels."""
    rng = np.random.default_rng(3)
    rows = [
        (week, carrier, region, float(rng.binomial(400, rate * (2 if carrier == "UPS" else 1))), 400.0)
        for week in pd.date_range("2026-01-05", periods=hotspots.HALF_WEEKS, freq="7D")
        for region, rate in (("East", 0.05), ("West", 0.15))
        for carrier in ("UPS", "USPS", "FedEx")
    ]
    cells = pd.DataFrame(rows, columns=["week", "carrier", "region", "bad", "n"])
    (ups,) = [
        e for e in hotspots._excesses(cells, ("carrier", "region")) if e.where == Slice.of([("carrier", "UPS")])
    ]
    sums = cells.assign(ups=cells["carrier"] == "UPS").groupby(["region", "ups"])[["bad", "n"]].sum()
    tables = [
        [[sums.loc[(r, u), "bad"], sums.loc[(r, u), "n"] - sums.loc[(r, u), "bad"]] for u in (True, False)]
        for r in ("East", "West")
    ]
    assert ups.observed / ups.expected == pytest.approx(StratifiedTable(tables).riskratio_pooled, rel=0.02)
    assert ups.low < ups.observed - ups.expected < ups.high
    assert ups.rows == 800


@pytest.mark.parametrize(("mended", "worth"), [(12, True), (8, False)], ids=["as ever", "mended four weeks ago"])
def test_what_has_been_mended_is_no_hotspot(mended: int, worth: bool) -> None:
    rng = np.random.default_rng(5)
    rows = [
        (week, carrier, region, float(rng.binomial(400, 0.3 if carrier == "UPS" and i < mended else 0.05)), 400.0)
        for i, week in enumerate(pd.date_range("2026-01-05", periods=hotspots.HALF_WEEKS, freq="7D"))
        for region in ("East", "West")
        for carrier in ("UPS", "USPS", "FedEx")
    ]
    cells = pd.DataFrame(rows, columns=["week", "carrier", "region", "bad", "n"])
    found = {e.where: e for e in hotspots._excesses(cells, ("carrier", "region"))}
    assert found[Slice.of([("carrier", "UPS")])].worth is worth


def test_luck_is_not_called_a_hotspot() -> None:
    """Of 300 quiet slices the interval of the excess leaves zero out as often as it says, and no more."""
    rng, missed, asked = np.random.default_rng(4), 0, 0
    for _ in range(30):
        weeks = pd.date_range("2026-01-05", periods=hotspots.HALF_WEEKS, freq=timedelta(days=7))
        rows = [
            (week, f"c{i}", region, float(rng.binomial(120, rate)), 120.0)
            for week in weeks
            for region, rate in (("East", 0.05), ("West", 0.12))
            for i in range(10)
        ]
        cells = pd.DataFrame(rows, columns=["week", "carrier", "region", "bad", "n"])
        single = [e for e in hotspots._excesses(cells, ("carrier", "region")) if e.where.dims == ("carrier",)]
        missed += sum(not e.low <= 0 <= e.high for e in single)
        asked += len(single)
    assert asked == 300
    assert missed <= 28  # binomial: above 28 of 300 has a chance under 0.1 % at a true 5 %


def test_a_short_history_has_no_hotspot(demo_week: Callable[[str], Loop]) -> None:
    assert hotspots.hotspots(demo_week("2026-W30").con, demo_week("2026-W30").cube) == ()
