"""Every metric against plain loops over the same rows, on a merchant with every optional column."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean

import duckdb
import pytest

from closeloop import cube, glossary, metrics
from closeloop.model import Metric, Slice

from .random_merchant import AS_OF, TICKET_COST, Row, Rows, due, known, opened, random_rows, worked

WEEK = date(2026, 5, 18)
DAY = timedelta(days=1)
FOUND = ("accepted", "moving", "late", "broken", "tried", "here", "gone")
Counted = Iterator[tuple[datetime | date | None, float, float]]


class Told:
    """The rows known at AS_OF, and what a reader of them would say of each parcel."""

    def __init__(self, rows: Rows) -> None:
        self.orders = {row["order_id"]: row for row in known(rows, "orders")}
        self.lines = known(rows, "order_lines")
        self.parcels = known(rows, "shipments")
        self.returns = known(rows, "returns")
        self.tickets = known(rows, "tickets")
        self.scans: dict[str, list[Row]] = defaultdict(list)
        for scan in sorted(known(rows, "tracking_events"), key=lambda row: row["occurred_at"]):
            self.scans[scan["shipment_id"]].append(scan)

    def first(self, parcel: Row, *words: str) -> datetime | None:
        times = [s["occurred_at"] for s in self.scans[parcel["shipment_id"]] if s["source_status"] in words]
        return min(times, default=None)

    def of_order(self, order: str) -> list[Row]:
        return [parcel for parcel in self.parcels if parcel["order_id"] == order]

    def episodes(self, parcel: Row) -> list[tuple[datetime, datetime]]:
        """Opening and first record of each run of exception scans."""
        found, inside = list[tuple[datetime, datetime]](), False
        for scan in self.scans[parcel["shipment_id"]]:
            if scan["source_status"] == "made":
                continue
            bad = scan["source_status"] in ("late", "broken", "gone")
            if bad and not inside:
                found.append((scan["occurred_at"], scan["recorded_at"]))
            inside = bad
        return found

    def ended(self, parcel: Row) -> datetime | None:
        return self.first(parcel, "here", "gone")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return random_rows(seed=11)


@pytest.fixture(scope="module")
def told(rows: Rows) -> Told:
    return Told(rows)


@pytest.fixture(scope="module")
def con(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return opened(rows, tmp_path_factory.mktemp("random"))


def shipping_progress(told: Told) -> Counted:
    for order in told.orders.values():
        if order["ready_at"] is None:
            continue
        at = due(order["ready_at"], 1)
        first = [t for p in told.of_order(order["order_id"]) if (t := told.first(p, *FOUND))]
        if order["cancelled_at"] is None or order["cancelled_at"] > at:
            yield at, not first or min(first) > at, 1


def steps(since: date, until: date) -> int:
    """Two for each working day after a day, and one for the days off behind the last of them."""
    days = [since + DAY * i for i in range((until - since).days + 1)]
    off = [day.weekday() >= 5 for day in (since, until)]
    return 2 * sum(day.weekday() < 5 for day in days[1:]) + off[1] - off[0]


def short_promise(told: Told) -> Counted:
    """All weeks lie in the base period, so what is usual are all orders attempted by its end."""
    took, promised = defaultdict[tuple[str, str | None], list[int]](list), list[tuple[Row, int]]()
    for order in told.orders.values():
        day = order["ordered_at"].date()
        tries = [told.first(parcel, "tried", "here") for parcel in told.of_order(order["order_id"])]
        done = [t for t in tries if t is not None]
        if tries and len(done) == len(tries) and max(done) < datetime(2026, 5, 25):
            took[order["dest_state"], order["requested_class"]].append(steps(day, max(done).date()))
        if order["promised_date"] is not None:
            promised.append((order, steps(day, order["promised_date"])))
    for order, days in promised:
        like = took[order["dest_state"], order["requested_class"]]
        yield order["ordered_at"], sum(d > days for d in like) / len(like), 1


def idle_24h(told: Told) -> Counted:
    for parcel in told.parcels:
        at, first = parcel["label_created_at"] + DAY, told.first(parcel, *FOUND)
        yield at, first is None or first > at, 1


def transit_vs_standard(told: Told) -> Counted:
    for parcel in told.parcels:
        first, tried = told.first(parcel, *FOUND), told.first(parcel, "tried", "here")
        if first and parcel["standard_days"] is not None:
            at = due(first, parcel["standard_days"])
            yield at, tried is None or tried.date() > at.date(), 1


def scan_gap_48h(told: Told) -> Counted:
    for parcel in told.parcels:
        scans = [s["occurred_at"] for s in told.scans[parcel["shipment_id"]] if s["source_status"] in FOUND]
        end = told.ended(parcel)
        gaps = [
            worked(at, scans[i + 1] if i + 1 < len(scans) else AS_OF) > 2 * DAY
            for i, at in enumerate(scans)
            if end is None or at < end
        ]
        if gaps:
            yield told.first(parcel, *FOUND), any(gaps), 1


def missing_scan_rate(told: Told) -> Counted:
    for parcel in told.parcels:
        yield told.first(parcel, "here"), told.first(parcel, "accepted") is None, 1


def first_attempt_success(told: Told) -> Counted:
    for parcel in told.parcels:
        yield told.first(parcel, "tried", "here"), told.first(parcel, "tried") is not None, 1


def surcharge_share(told: Told) -> Counted:
    for parcel in told.parcels:
        yield parcel["label_created_at"], parcel["cost_surcharge"], parcel["cost"]


def adjust_rate(told: Told) -> Counted:
    for parcel in told.parcels:
        yield parcel["label_created_at"], parcel["cost_invoiced"] > parcel["rate_quoted"], 1


def service_upgrade_share(told: Told) -> Counted:
    speed = ["next_day", "two_day", "ground"]
    for parcel in told.parcels:
        asked = told.orders[parcel["order_id"]]["requested_class"]
        if asked:
            yield parcel["label_created_at"], speed.index(parcel["service_class"]) < speed.index(asked), 1


def replacing(told: Told, parcel: Row) -> list[Row]:
    at, bad = parcel["label_created_at"], told.first(parcel, "late", "broken", "gone")
    worst = next((s["source_status"] for s in told.scans[parcel["shipment_id"]] if s["occurred_at"] == bad), "")
    units = sum(line["qty"] for line in told.lines if line["order_id"] == parcel["order_id"])
    return [
        other
        for other in told.of_order(parcel["order_id"])
        if other["label_created_at"] > at + DAY
        and (
            other["replaces_shipment_id"] == parcel["shipment_id"]
            or (other["replaces_shipment_id"] is None and units == 1)
            or (other["replaces_shipment_id"] is None and worst in ("broken", "gone") and bad is not None
                and bad < other["label_created_at"])
        )
    ]  # fmt: skip


def reship_rate(told: Told) -> Counted:
    for parcel in told.parcels:
        at, again = parcel["label_created_at"], [other["label_created_at"] for other in replacing(told, parcel)]
        yield at, bool(again) and min(again) < at + 30 * DAY, 1


def wismo_rate(told: Told) -> Counted:
    for order in told.orders.values():
        asked = [
            t["created_at"] for t in told.tickets if t["order_id"] == order["order_id"] and t["topic"] == "wismo"
        ]
        if order["cancelled_at"] is None:
            yield order["ordered_at"], bool(asked) and min(asked) < order["ordered_at"] + 21 * DAY, 1


def perfect_order(told: Told) -> Counted:
    for order in told.orders.values():
        promise = order["promised_date"]
        if order["cancelled_at"] is not None or promise is None:
            continue
        midnight, name = datetime.combine(promise, datetime.min.time()), order["order_id"]
        parcels = told.of_order(name)
        tries = [told.first(parcel, "tried", "here") for parcel in parcels]
        late = not tries or any(t is None for t in tries) or max(t for t in tries if t).date() > promise
        harmed = any(first_exception(told, parcel) in ("broken", "gone") for parcel in parcels)
        faults = [r["requested_at"] for r in told.returns if r["order_id"] == name and "damaged" in r["reason"]]
        asked = [t["created_at"] for t in told.tickets if t["order_id"] == name]
        wrong = bool(faults) and min(faults) < midnight + 30 * DAY
        yield promise, late or harmed or wrong or (bool(asked) and min(asked) < midnight + 14 * DAY), 1


def first_exception(told: Told, parcel: Row) -> str:
    words = [s["source_status"] for s in told.scans[parcel["shipment_id"]]]
    return next((word for word in words if word in ("late", "broken", "gone")), "")


def cost_per_exception(told: Told) -> Counted:
    for parcel in told.parcels:
        starts = sorted([at for at, _ in told.episodes(parcel)] + ruled(told, parcel))
        for at, after in pairwise([*starts, datetime.max]):
            until = min(at + 14 * DAY, after)
            again = min(replacing(told, parcel), key=lambda other: other["label_created_at"], default=None)
            resent = again["cost"] if again and at <= again["label_created_at"] < until else 0
            asked = [t for t in told.tickets if t["order_id"] == parcel["order_id"] and at <= t["created_at"] < until]
            yield at, resent + TICKET_COST * len(asked), 1


def ruled(told: Told, parcel: Row) -> list[datetime]:
    """Openings that no carrier reports: a label that lies idle for two working days, a promise that passes."""
    first, tried = told.first(parcel, *FOUND), told.first(parcel, "tried", "here")
    idle, promise = due(parcel["label_created_at"], 2), told.orders[parcel["order_id"]]["promised_date"]
    found = [idle] if idle < AS_OF and (first is None or first > idle) else []
    late = datetime.combine(promise, datetime.min.time()) + DAY if promise else AS_OF
    return found + ([late] if late < AS_OF and (tried is None or tried >= late) else [])


def exceptions_per_1000_parcel_days(told: Told) -> Counted:
    for parcel in told.parcels:
        since = told.first(parcel, *FOUND) or parcel["label_created_at"]
        until = min(told.ended(parcel) or AS_OF, since + 30 * DAY, AS_OF)
        opened_at = [at for at, _ in told.episodes(parcel)]
        week = datetime(2026, 2, 23)
        while week < until:
            days = (min(until, week + 7 * DAY) - max(since, week)) / DAY
            if days > 0 and week + 7 * DAY > since:
                yield week, 1000 * sum(week <= at < week + 7 * DAY for at in opened_at), days
            week += 7 * DAY


ORACLES: tuple[Callable[[Told], Counted], ...] = (
    shipping_progress, short_promise, idle_24h, transit_vs_standard, scan_gap_48h, missing_scan_rate,
    first_attempt_success, surcharge_share, adjust_rate, service_upgrade_share, reship_rate, wismo_rate,
    perfect_order, exceptions_per_1000_parcel_days, cost_per_exception,
)  # fmt: skip


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda oracle: oracle.__name__)
def test_a_metric_is_what_a_loop_over_the_rows_counts(
    oracle: Callable[[Told], Counted], told: Told, con: duckdb.DuckDBPyConnection
) -> None:
    series = cube.build(con, WEEK, [metrics.by_id(oracle.__name__)]).of(oracle.__name__)
    whole, sums = series.row(Slice()), defaultdict[date, list[float]](lambda: [0.0, 0.0])
    for at, bad, total in oracle(told):
        if at is not None:
            day = at.date() if isinstance(at, datetime) else at
            week = day - timedelta(days=day.weekday())
            sums[week][0] += bad
            sums[week][1] += total
    assert len(series.weeks) >= 8
    for i, week in enumerate(series.weeks):
        assert (series.bad[whole, i], series.total[whole, i]) == pytest.approx(tuple(sums[week])), week
    most = {"share": 1, "rate": 1000, "mean": 50}[series.metric.kind]
    assert 0 < mean(series.bad[whole]) < most * mean(series.total[whole])


def test_every_metric_can_be_had_where_every_column_is(con: duckdb.DuckDBPyConnection) -> None:
    made = cube.build(con, WEEK, metrics.METRICS)
    assert {name for name, why in made.missing if why.startswith("needs")} == {"late_handover"}  # has no deadlines


@pytest.mark.parametrize("metric", metrics.METRICS, ids=lambda metric: metric.id)
def test_every_row_of_a_metric_counts(metric: Metric, con: duckdb.DuckDBPyConnection) -> None:
    """A sum leaves out what is unknown, so that a day without a case would be no day: an entry must say 0 there."""
    asked = f"SELECT count(*), count({metric.bad}), count({metric.total}) FROM {metric.view}"
    (counted,) = con.execute(f"{asked} WHERE ({metric.rows}) AND {metric.at} IS NOT NULL").fetchall()
    assert len(set(counted)) == 1, counted
    assert counted[0] or metric.id == "late_handover", "it has no deadlines; of every other metric there are rows"


def test_the_glossary_in_the_docs_is_the_one_of_the_entries() -> None:
    page = Path(__file__).parent.parent / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8").rstrip() == glossary.markdown().rstrip()
    assert all(f"`{one.id}`" in glossary.markdown() for one in metrics.EVERY)
