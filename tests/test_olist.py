"""The real marketplace sample: what it can say, and one week's late parcels counted by hand."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from closeloop.loop import Loop

pytestmark = pytest.mark.real_data
WEEK = date(2018, 3, 5)


@pytest.fixture(scope="module")
def folder(real_data: Callable[[str], Path]) -> Path:
    return real_data("olist")


@pytest.fixture(scope="module")
def olist(folder: Path, open_source: Callable[..., Loop]) -> Loop:
    return open_source("2018-W10", folder, "params/sources/olist")


@pytest.fixture(scope="module")
def sampled(folder: Path) -> pd.DataFrame:
    orders = pd.read_parquet(folder / "orders.parquet")
    return orders[orders["sample_source"].str.contains("[BCDE]")]


def test_only_the_orders_drawn_at_random_are_read(olist: Loop, sampled: pd.DataFrame) -> None:
    counts = {count.table: count for count in olist.quality.counts}
    assert counts["orders"].rows_in == len(sampled) == 22_870
    assert counts["orders"].rows_quarantined == 0
    assert counts["shipments"].rows_in == sampled["order_delivered_carrier_date"].notna().sum()


def test_it_says_what_it_cannot_say(olist: Loop) -> None:
    assert olist.week == WEEK
    assert olist.quality.level.startswith("L1")
    assert {s.metric.id for s in olist.cube.series} == {
        "short_promise", "order_to_handover", "late_handover", "slow_transit", "on_time_delivery", "cost_per_parcel",
        "cost_index",
    }  # fmt: skip
    dims = {dim for series in olist.cube.series for where in series.slices for dim in where.dims}
    assert "state" in dims
    assert not dims & {"carrier", "service"}
    assert len(olist.quality.cannot_say) >= 4


def test_late_parcels_of_a_week_are_what_pandas_counts(olist: Loop, sampled: pd.DataFrame) -> None:
    series = olist.cube.of("on_time_delivery")
    column = series.weeks.index(WEEK)
    times = sampled[
        ["order_estimated_delivery_date", "order_delivered_carrier_date", "order_delivered_customer_date"]
    ]
    promised, handed, delivered = (pd.to_datetime(times[name]) for name in times)
    # As known on the Monday after the week, at six.
    known = pd.Timestamp(2018, 3, 12, 6)
    handed, delivered = handed.where(handed < known), delivered.where(delivered < known)
    due = pd.concat([promised.dt.normalize(), handed.dt.normalize()], axis=1).max(axis=1)
    inside = handed.notna() & (due >= pd.Timestamp(WEEK)) & (due < pd.Timestamp(2018, 3, 12))
    late = delivered.isna() | (delivered.dt.normalize() > promised.dt.normalize())
    assert series.total[0, column] == inside.sum() > 100
    assert series.bad[0, column] == (inside & late).sum() > 10


def test_what_lasts_is_not_called_resolved(olist: Loop, sampled: pd.DataFrame) -> None:
    """From carnival to Easter 2018 parcels took longer: four weeks later that is still said."""
    (slow,) = (p for p in olist.patterns.patterns if p.metric == "slow_transit")
    assert slow.onset == date(2018, 2, 12)
    assert slow.first_seen == date(2018, 2, 19), "the week before, carnival alone may have made it"
    assert slow.status == "continuing"
    handed, delivered = (pd.to_datetime(sampled[f"order_delivered_{whom}_date"]) for whom in ("carrier", "customer"))
    days = (delivered - handed).dt.days
    before, since = (
        days[handed.between(*span)].median() for span in (("2018-01-15", "2018-02-04"), ("2018-02-12", "2018-03-04"))
    )
    assert since >= before * 1.2


def test_the_week_can_be_told(olist: Loop) -> None:
    found = olist.findings
    assert 3 <= len(found.bottom_line) <= 5
    assert found.bottom_line[-1].startswith("These are about a quarter of all orders")
    assert not found.verdicts
