"""What an analyst asks for beside the weekly scan: any slice, segments, times, stocks, rates, prices, maturity."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from closeloop import crossed, cube, maturity, metrics, prices, rates, segments, stocks, times
from closeloop.loop import Loop
from closeloop.metrics.times import STOCKS
from closeloop.model import Slice
from closeloop.workbench.bench import Workbench

from .random_merchant import AS_OF, Rows, due, known, opened, random_rows

WEEK = date(2026, 5, 18)
DAY = timedelta(days=1)

FAR_OR_HEAVY = """
title: Far or heavy
match: any
groups:
  - conditions:
      - {field: zone, is: [7]}
      - {field: carrier, is_not: UPS}
  - match: any
    conditions:
      - {field: billed_lb, over: 5}
      - {field: service, starts_with: al}
"""


@pytest.fixture(scope="module")
def rows() -> Rows:
    return random_rows(seed=12)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[segments.Segment, ...]:
    folder = tmp_path_factory.mktemp("segments")
    (folder / "far_or_heavy.yml").write_text(FAR_OR_HEAVY, encoding="utf-8")
    return segments.read(folder)


@pytest.fixture(scope="module")
def con(
    rows: Rows, saved: tuple[segments.Segment, ...], tmp_path_factory: pytest.TempPathFactory
) -> duckdb.DuckDBPyConnection:
    return opened(rows, tmp_path_factory.mktemp("asked"), saved)


def test_a_segment_holds_the_rows_that_its_groups_say(rows: Rows, con: duckdb.DuckDBPyConnection) -> None:
    mine = {
        p["shipment_id"]
        for p in known(rows, "shipments")
        if (p["zone"] == "7" and p["carrier"] != "UPS") or p["weight_g"] > 2268 or p["service"] == "Alpha"
    }
    found = con.execute("SELECT shipment_id FROM parcel_facts WHERE segment_far_or_heavy = 'yes'").fetchall()
    assert {row[0] for row in found} == mine
    assert 0 < len(mine) < len(known(rows, "shipments"))


@pytest.mark.parametrize("where", [
    "segment_far_or_heavy = yes",
    "segment_far_or_heavy = no & carrier = UPS & warehouse = NJ",
    "lane = NJ to Middle Atlantic & service = Beta & zone = 2",
    "carrier = UPS",
])  # fmt: skip
def test_any_slice_has_the_weeks_that_a_filter_of_the_facts_has(con: duckdb.DuckDBPyConnection, where: str) -> None:
    metric, whole = metrics.by_id("idle_24h"), cube.build(con, WEEK)
    series = crossed.series_of(con, whole, metric, Slice.parse(where))
    condition = " AND ".join(f"{dim} = '{value}'" for dim, value in Slice.parse(where).where)
    due_at = "label_at + INTERVAL 24 HOUR"
    counted = con.execute(
        f"SELECT date_trunc('week', {due_at})::DATE, count(*) FROM parcel_facts WHERE {condition} GROUP BY 1"
    ).fetchall()
    by_week = dict(counted)
    assert series.slices == (Slice.parse(where),)
    assert series.total[0].tolist() == [by_week.get(week, 0) for week in series.weeks]
    assert series.total.sum() > 0


@pytest.mark.parametrize(("where", "said"), [
    ("carrier = UPS & zone = 7 & warehouse = NJ & service = Beta", "at most 3 dimensions"),
    ("planet = Mars", "cannot be sliced by 'planet'"),
    ("1=1) OR (carrier = UPS", "cannot be sliced by"),
    ("carrier = x' OR 'a' = 'a", "not one row"),
])  # fmt: skip
def test_a_slice_that_cannot_be_is_said(con: duckdb.DuckDBPyConnection, where: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        crossed.series_of(con, cube.build(con, WEEK), metrics.by_id("idle_24h"), Slice.parse(where))


@pytest.mark.parametrize(("text", "said"), [
    ("groups: []", "write a title and `groups`"),
    ("groups: [{conditions: [{field: zone, near: 7}]}]", "one test of is, is_not"),
    ("groups: [{conditions: [{field: zone, is: 7, over: 3}]}]", "with one test"),
    ("groups: [{conditions: [{field: 'a; DROP TABLE x', is: 7}]}]", "a condition is"),
    ("groups: [{conditions: [{field: cost, over: dear}]}]", "takes a number, not 'dear'"),
    ("groups: [{match: some, conditions: [{field: zone, is: 7}]}]", "write all or any"),
    ("groups: [{match: any}]", "group 1 needs `conditions`"),
    ("groups: [", "not readable as YAML"),
])  # fmt: skip
def test_a_faulty_segment_is_said_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"mine\.yml.*{said}"):
        segments.read(tmp_path)


def test_a_segment_of_a_field_that_is_not_there_is_said(rows: Rows, tmp_path: Path) -> None:
    group = segments.Group("all", (segments.Condition("carier", "is", ("UPS",)),))
    with pytest.raises(ValueError, match="segment mine: no field is called 'carier'; did you mean 'carrier'"):
        opened(rows, tmp_path, (segments.Segment("mine", "Mine", "all", (group,)),))


def test_quotes_in_a_segment_are_only_text(rows: Rows, tmp_path: Path) -> None:
    group = segments.Group("all", (segments.Condition("carrier", "is", ("x' OR 'a' = 'a",)),))
    con = opened(rows, tmp_path, (segments.Segment("mine", "Mine", "all", (group,)),))
    assert con.execute("SELECT DISTINCT segment_mine FROM parcel_facts").fetchall() == [("no",)]


def test_times_count_what_still_runs(rows: Rows, con: duckdb.DuckDBPyConnection) -> None:
    scans = known(rows, "tracking_events")
    first: dict[str, datetime] = {}
    for scan in sorted(scans, key=lambda row: row["occurred_at"], reverse=True):
        if scan["source_status"] != "made":
            first[scan["shipment_id"]] = scan["occurred_at"]
    labels = {p["shipment_id"]: p["label_created_at"] for p in known(rows, "shipments")}
    (found,) = times.durations(con, metrics.time_by_id("label_to_first_scan_h"), by="all")
    assert (found.n, found.ended) == (len(labels), sum(name in first for name in labels))
    scanned_by = [(first.get(name, AS_OF) - at) / timedelta(hours=1) for name, at in labels.items() if name in first]
    waits = [(AS_OF - at) / timedelta(hours=1) for name, at in labels.items() if name not in first]
    assert found.open == len(waits)
    grid = np.arange(0, 400, 0.25)
    survival = 1.0
    alive, running = np.ceil(4 * np.array(scanned_by)) / 4, np.ceil(4 * np.array(waits)) / 4
    for hour in grid[1:]:  # Kaplan-Meier by hand, until half are scanned
        at_risk = (alive >= hour).sum() + (running >= hour).sum()
        survival *= 1 - (alive == hour).sum() / at_risk
        if survival <= 0.5:
            break
    assert found.median.value == hour
    assert found.median.low <= hour <= found.median.high


def test_business_hours_leave_weekends_out(rows: Rows, con: duckdb.DuckDBPyConnection) -> None:
    asked = [datetime(2026, 5, 22, 18), datetime(2026, 5, 25, 3)]  # Friday evening to Monday night
    row = con.execute("SELECT business_hours(?::TIMESTAMP, ?::TIMESTAMP)", asked).fetchone()
    assert row == (9.0,)
    assert due(asked[0], 1) == datetime(2026, 5, 25, 18)


def test_the_backlog_is_what_is_open_at_midnight(rows: Rows, con: duckdb.DuckDBPyConnection) -> None:
    labels: dict[str, datetime] = {}
    for parcel in known(rows, "shipments"):
        name, at = parcel["order_id"], parcel["label_created_at"]
        labels[name] = min(at, labels.get(name, at))
    runs = []
    for order in known(rows, "orders"):
        ends = [at for at in (labels.get(order["order_id"]), order["cancelled_at"]) if at]
        began, ended = order["ready_at"] or order["ordered_at"], min(ends, default=None)
        if ended is None or ended > began:  # else it never waited: cancelled before it was ready
            runs.append((began, ended))
    found = stocks.stock(con, STOCKS[0], days=20)
    assert [one.day for one in found] == [(AS_OF - (20 - i) * DAY).date() for i in range(20)]
    for one in found:
        midnight = datetime.combine(one.day + DAY, datetime.min.time())
        waits = [
            midnight - began for began, ended in runs if began < midnight and (ended is None or ended >= midnight)
        ]
        assert one.waiting == len(waits)
        assert (one.young, one.old) == (sum(w <= DAY for w in waits), sum(w > 3 * DAY for w in waits))
        assert one.came == sum(midnight - DAY <= began < midnight for began, _ in runs)
        assert one.went == sum(ended is not None and midnight - DAY <= ended < midnight for _, ended in runs)


def test_the_return_triangle_is_what_loops_count(rows: Rows, con: duckdb.DuckDBPyConnection) -> None:
    alive = {o["order_id"]: o["ordered_at"] for o in known(rows, "orders") if o["cancelled_at"] is None}
    asked = {(r["order_id"], r["sku"]): r["requested_at"] for r in known(rows, "returns")}
    triangle = maturity.return_triangle(con)
    assert len(triangle) == 11
    for week, row in triangle.iterrows():
        monday = week.to_pydatetime()
        mine = [line for line in rows.order_lines if monday <= alive.get(line["order_id"], AS_OF) < monday + 7 * DAY]
        assert row["lines"] == len(mine)
        for age in range(1, maturity.LAST_AGE + 1):
            end = monday + 7 * DAY
            if end + age * 7 * DAY > AS_OF:
                assert np.isnan(row[age])
                continue
            came = [
                asked[key]
                for line in mine
                if (key := (line["order_id"], line["sku"])) in asked
                and (asked[key].date() - alive[line["order_id"]].date()).days < 7 * age
            ]
            assert row[age] == len(came), (week, age)


def test_a_young_week_of_returns_is_foretold(demo_week: Callable[[str], Loop], demo: Loop) -> None:
    """What September's weeks were said to come to in September is what they came to by late November."""
    then = {one.week: one for one in maturity.returns(demo_week("2026-W37").con)}
    now = {one.week: one for one in maturity.returns(demo.con)}
    young = [one for one in then.values() if one.final and one.ripe < 0.97]
    assert len(young) >= 2
    for one in young:
        came = now[one.week].final
        assert came is not None
        assert one.final is not None
        assert one.so_far / one.lines < came.value
        assert one.final.low <= came.value <= one.final.high
    assert next(iter(reversed(then.values()))).final is None  # the newest week is too young to say


def test_rates_are_compared_like_for_like(demo: Loop) -> None:
    """UPS Ground of the demo is dearer than FedEx Ground on the same parcels by its rate card; speed is shared."""
    options = {o.name: o for o in rates.compare(demo.con, "service", "FedEx Ground", Slice())}
    assert {"UPS Ground", "USPS Ground Advantage", "FedEx 2Day"} <= set(options)
    quick, same = options["FedEx 2Day"].measures, options["UPS Ground"].measures
    assert quick["cost"].difference.low > 5
    assert quick["p90"].difference.high < 0
    assert abs(same["p50"].difference.value) <= 0.5
    assert not options["UPS Ground"].on_frontier
    assert options["USPS Ground Advantage"].on_frontier
    for option in options.values():
        assert 0 < option.matched <= 1
        for sides in option.measures.values():
            assert sides.difference.value == pytest.approx(sides.other.value - sides.own.value)
            assert sides.difference.low <= sides.difference.value <= sides.difference.high


def test_reweighting_is_what_a_loop_over_the_cells_gives(con: duckdb.DuckDBPyConnection) -> None:
    (option,) = rates.compare(con, "carrier", "UPS", Slice.parse("warehouse = NJ"))
    cells = con.execute(
        """
        SELECT zone, weight_band, service_class,
               avg(cost) FILTER (carrier = 'UPS'), count(*) FILTER (carrier = 'UPS'),
               avg(cost) FILTER (carrier = 'USPS'), count(*) FILTER (carrier = 'USPS')
        FROM parcel_facts WHERE warehouse = 'NJ'
          AND coalesce(handed_over_at, label_at) >= (SELECT as_of FROM clock) - INTERVAL 84 DAY GROUP BY ALL
        """
    ).fetchall()
    both = [cell for cell in cells if cell[4] >= 5 and cell[6] >= 5]
    n = sum(cell[4] for cell in both)
    own, other = (sum(cell[i] * cell[4] for cell in both) / n for i in (3, 5))
    cost = option.measures["cost"]
    assert (cost.own.value, cost.other.value) == pytest.approx((own, other))
    assert option.matched == pytest.approx(n / sum(cell[4] for cell in cells))


def test_a_price_step_is_told_from_a_shift_of_the_mix(demo: Loop) -> None:
    """Planted on 11 October: USPS's card rises for heavy parcels; UPS is given heavier ones at the same prices."""
    base, weeks = (date(2026, 8, 31), date(2026, 10, 4)), (date(2026, 9, 28), date(2026, 11, 9))
    heavy = "carrier = USPS & weight_band = 2-5 lb"
    before, after = prices.drift(demo.con, base, weeks, Slice.parse(heavy))
    assert before.price.low <= 1.005
    assert after.price.low > max(1.02, before.price.high)
    before, after = prices.drift(demo.con, base, weeks, Slice.parse("carrier = UPS"))
    assert after.price.low < 1 < after.price.high
    assert after.mix.low > 1.04
    assert after.cost_per_parcel > before.cost_per_parcel
    with pytest.raises(ValueError, match="no parcel of carrier = DHL"):
        prices.drift(demo.con, base, weeks, Slice.parse("carrier = DHL"))


def test_orders_without_a_state_are_placed_by_their_postal_area(rows: Rows, tmp_path: Path) -> None:
    areas = {"100": "NY", "902": "CA", "606": "IL", "995": "AK", "zzz": "unknown"}
    orders = [
        {**row, "dest_state": None, "dest_postal_area": list(areas)[i % len(areas)]}
        for i, row in enumerate(rows.orders)
    ]
    con = opened(replace(rows, orders=orders), tmp_path)
    found = con.execute("SELECT order_id, state FROM order_facts").fetchall()
    area = {row["order_id"]: row["dest_postal_area"] for row in orders}
    assert all(state == areas[area[name]] for name, state in found)
    assert len(found) == len(known(rows, "orders"))


def test_the_index_of_every_week_is_the_drift_but_for_its_weights(demo: Loop) -> None:
    """The scan adds up costs at new quantities (Paasche); Fisher also weighs by the old ones."""
    series, ratios = demo.cube.of("cost_index"), list[float]()
    first = demo.con.execute("SELECT min(date_trunc('week', sent_at))::DATE FROM parcel_facts").fetchall()[0][0]
    for where in map(Slice.parse, ("", "carrier = USPS", "carrier = USPS & weight_band = 2-5 lb")):
        row = series.row(where)
        ratios.append(series.bad[row, -1] / series.total[row, -1])
        (told,) = prices.drift(demo.con, (first, first + timedelta(days=83)), (series.weeks[-1],), where)
        assert told.price.value == pytest.approx(ratios[-1], rel=0.005)
    assert ratios[-1] > 1.02, "the planted rise"


def test_the_price_of_a_week_is_fishers_index_of_its_parcels(demo: Loop) -> None:
    """Worked by hand from the parcels: the geometric mean of what the old and the new basket cost then and now."""
    rows = demo.con.execute(
        "SELECT (carrier, service, zone, billed_lb)::VARCHAR, date_trunc('week', label_at)::DATE, cost::DOUBLE,"
        " sent_at < ends_at FROM parcel_facts, base_period WHERE cost IS NOT NULL AND label_at IS NOT NULL"
    ).fetchall()
    (kpi,) = (one for one in demo.scorecard if one.metric == "cost_index")
    then, now = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for cell, week, cost, early in rows:
        if early:
            then[cell].append(cost)
        if week == kpi.week:
            now[cell].append(cost)
    both = [cell for cell in now if cell in then]
    old, new = ({c: sum(costs[c]) / len(costs[c]) for c in both} for costs in (then, now))
    laspeyres = sum(new[c] * len(then[c]) for c in both) / sum(old[c] * len(then[c]) for c in both)
    paasche = sum(new[c] * len(now[c]) for c in both) / sum(old[c] * len(now[c]) for c in both)
    assert kpi.value == pytest.approx(100 * (laspeyres * paasche) ** 0.5)
    index = prices.weekly(demo.con)[kpi.week]
    matched = sum(len(now[c]) for c in both) / sum(map(len, now.values()))
    means = (sum(map(sum, costs.values())) / sum(map(len, costs.values())) for costs in (now, then))
    assert index.matched_now == pytest.approx(matched)
    assert index.fisher * index.mix == pytest.approx(next(means) / next(means))
    assert prices.beside(index) in kpi.sentence
    asked = Workbench(demo).measure("cost_index")
    assert asked.frame["value"].iloc[-1] == pytest.approx(kpi.value)
    assert prices.beside(prices.weekly(demo.con)[demo.week]) in asked.says


def test_the_price_of_parcels_without_a_label_date_goes_by_their_hand_over(rows: Rows, tmp_path: Path) -> None:
    """The index has a week wherever its sums have one; else a page would show Paasche's index as Fisher's."""
    unlabelled = [{**row, "label_created_at": None} for row in rows.shipments]
    con = opened(replace(rows, shipments=unlabelled), tmp_path)
    sums = crossed.series_of(con, cube.build(con, WEEK), metrics.by_id("cost_index"), Slice())
    counted = {week for week, total in zip(sums.weeks, sums.total[0], strict=True) if total > 0}
    assert len(counted) > 3
    assert counted <= set(prices.weekly(con))
