"""The cube against plain pandas on the same CSV files, against itself a week earlier, and its file."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from closeloop import cube, cube_file
from closeloop.cube import Cube, Series
from closeloop.loop import Loop
from closeloop.model import Slice

END = datetime(2026, 11, 23)
HOLIDAYS = (date(2026, 5, 25), date(2026, 7, 4), date(2026, 9, 7))
LABEL_FORM = "%m/%d/%Y %I:%M:%S %p"
PORTAL = Slice.of([("channel", "wholesale portal"), ("complexity", "4+ lines")])
FEDEX_WEB = Slice.of([("carrier", "FedEx"), ("channel", "web")])


@pytest.fixture(scope="module")
def orders(demo_files: Path) -> pd.DataFrame:
    """One row per order, from the shop's file alone."""
    rows = pd.read_csv(demo_files / "shopify_orders.csv", dtype="str", keep_default_na=False)
    heads = rows[rows["Total"] != ""].set_index("Name")
    note = heads["Note Attributes"]
    ready = pd.concat([local(heads["Paid at"]), local(note.str.extract("On hold until: (.*)")[0].fillna(""))], axis=1)
    lines = rows.groupby("Name").size().reindex(heads.index)
    return pd.DataFrame({
        "number": heads.index.str.lstrip("#"),
        "channel": heads["Source"],
        "complexity": np.select([lines == 1, lines < 4], ["1 line", "2-3 lines"], "4+ lines"),
        "ready": ready.max(axis=1).where(lambda at: at < END + timedelta(hours=6)),
        "cancelled": local(heads["Cancelled at"]),
        "promised": pd.to_datetime(note.str.extract(r"promised_delivery: (\S+)")[0]),
    }).set_index("number")  # fmt: skip


@pytest.fixture(scope="module")
def parcels(demo_files: Path, orders: pd.DataFrame) -> pd.DataFrame:
    """One row per live outbound label with its first attempt, from the shipping and tracking files."""
    rows = pd.read_csv(demo_files / "shipstation_shipments.csv", dtype="str", keep_default_na=False)
    live = rows[(rows["Shipment - Void Date"] == "") & (rows["Return - Return Label Flag"] == "False")]
    scans = pd.read_csv(demo_files / "tracker_events.csv", dtype="str", keep_default_na=False)
    tried = scans[
        scans["status"].isin(["delivered", "available_for_pickup"])
        | scans["message"].str.startswith("Delivery attempted")
    ]
    attempt = tried.assign(at=local(tried["datetime"])).groupby("tracking_code")["at"].min()
    delivered = pd.to_datetime(live["Delivery - Date"].where(live["Delivery - Date"] != ""), format="%m/%d/%Y")
    frame = pd.DataFrame({
        "number": live["Order - Number"],
        "carrier": live["Carrier - Name"],
        "label": pd.to_datetime(live["Date - Label Create Date"], format=LABEL_FORM),
        "attempt": live["Shipment - Tracking Number"].map(attempt).fillna(delivered),
    })  # fmt: skip
    return frame.join(orders[["channel", "promised"]], on="number")


def local(text: pd.Series) -> pd.Series:
    zoned = pd.to_datetime(text.where(text != ""), utc=True)
    return zoned.dt.tz_convert("America/New_York").dt.tz_localize(None)


def next_working(moment: datetime) -> datetime:
    """The same time one working day (Monday to Saturday) later; days off start the clock at their end."""
    while not works(moment):
        moment = datetime(moment.year, moment.month, moment.day) + timedelta(days=1)
    moment += timedelta(days=1)
    while not works(moment):
        moment += timedelta(days=1)
    return moment


def works(moment: datetime) -> bool:
    return moment.weekday() != 6 and moment.date() not in HOLIDAYS


def by_week(at: pd.Series, bad: pd.Series, series: Series) -> tuple[np.ndarray, np.ndarray]:
    monday = at.dt.normalize() - pd.to_timedelta(at.dt.weekday, unit="D")
    keep = at.notna() & (at < END)
    weeks = pd.DatetimeIndex(series.weeks)
    sums = bad[keep].astype(float).groupby(monday[keep]).agg(["sum", "size"]).reindex(weeks, fill_value=0)
    return sums["sum"].to_numpy(), sums["size"].to_numpy()


@pytest.mark.parametrize("where", [Slice(), FEDEX_WEB], ids=str)
def test_on_time_delivery_is_what_pandas_counts(demo: Loop, parcels: pd.DataFrame, where: Slice) -> None:
    series = demo.cube.of("on_time_delivery")
    rows = parcels[np.logical_and.reduce([parcels[dim] == v for dim, v in where.where] or [parcels["label"].notna()])]
    at = pd.concat([rows["promised"], rows["label"].dt.normalize()], axis=1).max(axis=1)
    late = rows["attempt"].isna() | (rows["attempt"].dt.normalize() > rows["promised"])
    bad, total = by_week(at, late, series)
    assert 0 < bad.sum() < total.sum()
    np.testing.assert_array_equal(series.bad[series.row(where)], bad)
    np.testing.assert_array_equal(series.total[series.row(where)], total)


@pytest.mark.parametrize("where", [Slice(), PORTAL], ids=str)
def test_waiting_orders_are_what_pandas_counts(
    demo: Loop, orders: pd.DataFrame, parcels: pd.DataFrame, where: Slice
) -> None:
    series = demo.cube.of("ready_to_label")
    label = parcels.groupby("number")["label"].min().reindex(orders.index)
    due = orders["ready"].map(next_working, na_action="ignore")
    keep = orders["cancelled"].isna() | (orders["cancelled"] > due)
    for dim, value in where.where:
        keep &= orders[dim] == value
    waiting = label.isna() | (label > due)
    bad, total = by_week(due[keep], waiting[keep], series)
    assert 0 < bad.sum() < total.sum()
    np.testing.assert_array_equal(series.bad[series.row(where)], bad)
    np.testing.assert_array_equal(series.total[series.row(where)], total)


def test_the_slices_of_each_dimension_add_up(demo: Loop) -> None:
    for series in demo.cube.series:
        dims = {where.dims for where in series.slices}
        for fixed in sorted(dims - {()}):
            rows = [i for i, where in enumerate(series.slices) if where.dims == fixed]
            for sums in (series.bad, series.squares, series.total):
                np.testing.assert_allclose(sums[rows].sum(axis=0), sums[0], rtol=1e-9, atol=1e-6)
    assert {series.metric.id for series in demo.cube.series} > {"on_time_delivery", "cost_index", "return_rate"}


def test_pairs_add_up_to_their_slice(demo: Loop) -> None:
    series = demo.cube.of("slow_transit")
    fedex = Slice.of([("carrier", "FedEx")])
    rows = [i for i, w in enumerate(series.slices) if fedex.contains(w) and set(w.dims) == {"carrier", "region"}]
    assert len(rows) == 9, "nine census divisions"
    np.testing.assert_array_equal(series.total[rows].sum(axis=0), series.total[series.row(fedex)])


@pytest.mark.parametrize("week", ["2026-W37", "2026-W44"])
def test_final_weeks_never_change(demo: Loop, demo_week: Callable[[str], Loop], week: str) -> None:
    """Among them are weeks with a backlog of labels (W37) and with orders on hold over Monday (W44)."""
    opened = demo_week(week)
    assert len(opened.cube.series) == len(demo.cube.series)
    for series in opened.cube.series:
        then, now = series.until(opened.week), demo.cube.of(series.metric.id).until(opened.week)
        assert then.weeks == now.weeks, series.metric.id
        assert then.weeks == tuple(w for w, final in zip(series.weeks, series.final, strict=True) if final)
        rows = [now.row(where) for where in then.slices]
        for name in ("bad", "squares", "total"):
            old, new = getattr(then, name), getattr(now, name)[rows]
            np.testing.assert_allclose(old, new, rtol=1e-9, atol=1e-9, err_msg=f"{series.metric.id} {name}")


def test_until_leaves_out_what_was_not_final(demo: Loop) -> None:
    week = date(2026, 9, 7)
    ends = {s.metric.id: s.until(week).weeks[-1] for s in demo.cube.series}
    assert ends["ready_to_label"] == week
    assert ends["on_time_delivery"] == week
    assert ends["exception_rate"] == week - timedelta(weeks=1)
    assert ends["return_rate"] == week - timedelta(weeks=3)


def same(one: Cube, other: Cube) -> None:
    assert (one.as_of, one.week, one.missing) == (other.as_of, other.week, other.missing)
    for a, b in zip(one.series, other.series, strict=True):
        assert (a.metric, a.slices, a.weeks) == (b.metric, b.slices, b.weeks)
        for name in ("bad", "squares", "total", "final"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_a_cube_comes_back_from_its_file(demo: Loop, tmp_path: Path) -> None:
    made = cube.build(demo.con, demo.week)
    cube_file.save(made, tmp_path / "deep" / "cube.npz")
    same(made, cube_file.load(tmp_path / "deep" / "cube.npz", demo.week))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["cube.npz"]
    same(made, demo.cube)


def test_an_unknown_metric_or_slice_is_said_in_words(demo: Loop) -> None:
    with pytest.raises(ValueError, match=r"'late_handover': needs orders\.promised_ship_by"):
        demo.cube.of("late_handover")
    with pytest.raises(ValueError, match=r"'speed': unknown; this data gives: .*on_time_delivery"):
        demo.cube.of("speed")
    with pytest.raises(ValueError, match=r"no on_time_delivery for carrier = DHL"):
        demo.cube.of("on_time_delivery").row(Slice.of([("carrier", "DHL")]))
