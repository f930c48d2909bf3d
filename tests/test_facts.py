"""Facts against brute force: working days, and nothing that was not known yet."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pandas as pd
import pytest

from closeloop import cube, facts, project
from closeloop.engines.duck import DuckEngine
from closeloop.loop import Loop
from closeloop.sources import prepared, source

from .random_merchant import AS_OF, merchant, opened, random_rows

HOLIDAYS = (date(2026, 5, 25), date(2026, 7, 4), date(2026, 9, 7))
WEEK = date(2026, 9, 14)
KNOWN = cube.as_of(WEEK)
ZONE = "America/New_York"
FORWARD = {"label_due_at", "handover_due_at", "scan_due_at", "idle_due_at", "standard_due_at", "promised_ship_by",
           "promised_date"}  # fmt: skip
"""Promises and due times: they may lie ahead."""
TABLES = (
    "watched_events",
    "order_facts",
    "parcel_facts",
    "parcel_references",
    "line_facts",
    "exceptions",
    "scan_gaps",
)
EMPTY = {"exceptions": {"first_ticket_at"}}
"""Columns of time in which the demo has nothing: it has no tickets."""


def due_by_hand(start: datetime, k: int) -> datetime:
    """Count working days one by one; a clock that starts on a day off starts the next working day at 0:00."""
    moment = start
    while not works(moment):
        moment = datetime(moment.year, moment.month, moment.day) + timedelta(days=1)
    for _ in range(k):
        moment += timedelta(days=1)
        while not works(moment):
            moment += timedelta(days=1)
    return moment


def works(moment: datetime) -> bool:
    return moment.weekday() != 6 and moment.date() not in HOLIDAYS


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_due_times_count_working_days(demo: Loop, k: int) -> None:
    moments = [datetime(2026, 5, 18) + timedelta(hours=7 * step + 1 / 3) for step in range(400)]
    assert {works(m) for m in moments} == {True, False}
    found = demo.con.execute(
        f"SELECT due(t, {k}) FROM (SELECT unnest($moments::TIMESTAMP[]) AS t)", {"moments": moments}
    ).fetchall()
    assert [row[0] for row in found] == [due_by_hand(m, k) for m in moments]


def test_an_order_that_is_not_released_has_no_deadline_yet(demo: Loop) -> None:
    rows = demo.con.execute("SELECT count(*), count(label_due_at) FROM order_facts WHERE ready_at IS NULL").fetchone()
    assert rows is not None
    assert rows[0] > 0
    assert rows[1] == 0


class Cut(NamedTuple):
    """Facts of one week from all files, and from files that end at that instant."""

    whole: duckdb.DuckDBPyConnection
    cut: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def both(demo_files: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    folder = tmp_path_factory.mktemp("cut")
    cut_files(demo_files, folder)
    return Cut(facts_of(demo_files, cache), facts_of(folder, cache))


def facts_of(folder: Path, cache: Path) -> duckdb.DuckDBPyConnection:
    merchant = source.read(project.root() / "params/sources/demo", folder)
    con = duckdb.connect()
    prepared.attach(con, prepared.prepare(merchant, cache))
    facts.build(con, merchant, KNOWN)
    return con


def cut_files(given: Path, folder: Path) -> None:
    """Write the exports as they would have been at KNOWN: no later row, no later cell."""
    tables = {path.name: pd.read_csv(path, dtype="str", keep_default_na=False) for path in given.glob("*.csv")}
    shop, labels = tables["shopify_orders.csv"], tables["shipstation_shipments.csv"]
    shop = shop[local(shop["Created at"]) < KNOWN].copy()
    blank_later(shop, ("Paid at", "Fulfilled at", "Cancelled at"), None)
    labels = labels[local(labels["Date - Label Create Date"], "%m/%d/%Y %I:%M:%S %p") < KNOWN].copy()
    blank_later(labels, ("Shipment - Void Date",), "%m/%d/%Y %I:%M:%S %p")
    blank_later(labels, ("Delivery - Date",), "%m/%d/%Y")
    tracker, back = tables["tracker_events.csv"], tables["returns.csv"]
    back = back[local(back["requested_at"]) < KNOWN].copy()
    blank_later(back, ("received_at", "refunded_at"), None)
    tables |= {
        "shopify_orders.csv": shop,
        "shipstation_shipments.csv": labels,
        "tracker_events.csv": tracker[local(tracker["recorded_at"]) < KNOWN],
        "returns.csv": back,
    }
    assert all(len(tables[name]) > 0 for name in tables)
    for name, frame in tables.items():
        frame.to_csv(folder / name, index=False)


def local(text: pd.Series, form: str | None = None) -> pd.Series:
    """Wall-clock times in New York; NaT where there is none."""
    if form:
        return pd.to_datetime(text.where(text != ""), format=form)
    zoned = pd.to_datetime(text.where(text != ""), utc=True)
    return zoned.dt.tz_convert(ZONE).dt.tz_localize(None)


def blank_later(frame: pd.DataFrame, columns: tuple[str, ...], form: str | None) -> None:
    for name in columns:
        frame.loc[local(frame[name], form) >= KNOWN, name] = ""


@pytest.mark.parametrize("table", TABLES)
def test_a_past_week_sees_only_what_its_files_held_then(both: Cut, table: str) -> None:
    whole, cut = (con.execute(f"SELECT * FROM {table} ORDER BY ALL").df() for con in both)
    assert len(whole) > 1000
    pd.testing.assert_frame_equal(whole, cut)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_in_the_facts_lies_after_their_instant(both: Cut, table: str) -> None:
    kinds = both.whole.execute(f"DESCRIBE {table}").fetchall()
    times = [name for name, kind, *_ in kinds if kind in ("TIMESTAMP", "DATE") and name not in FORWARD]
    times = [name for name in times if name != "transit_due_at"]
    newest = both.whole.execute(f"SELECT {', '.join(f'max({name})' for name in times)} FROM {table}").fetchone()
    assert newest is not None
    known = {name: at for name, at in zip(times, newest, strict=True) if at is not None}
    assert set(times) - set(known) == EMPTY.get(table, set())
    assert all(at < KNOWN for at in known.values()), known


def test_facts_can_be_made_again_on_one_connection(tmp_path: Path) -> None:
    con, rows = opened(random_rows(seed=4, n=300), tmp_path), "SELECT * FROM {} ORDER BY ALL"
    newest = {name: con.execute(rows.format(name)).fetchall() for name in TABLES}
    facts.build(con, merchant(tmp_path), AS_OF - timedelta(weeks=5))
    older = {name: con.execute(rows.format(name)).fetchall() for name in TABLES}
    assert all(older[name] != newest[name] for name in TABLES)
    facts.build(con, merchant(tmp_path), AS_OF)
    assert {name: con.execute(rows.format(name)).fetchall() for name in TABLES} == newest


def test_facts_do_not_hang_on_numbers_for_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(seed=4, n=300)
    by_number = opened(rows, tmp_path)
    assert by_number.execute("SELECT typeof(any_value(order_key)) FROM order_facts").fetchone() == ("UBIGINT",)
    monkeypatch.setattr(DuckEngine, "key_sql", lambda _: "x")
    by_text = opened(rows, tmp_path)
    assert by_text.execute("SELECT bool_and(order_key = order_id) FROM order_facts").fetchone() == (True,)
    for name in TABLES:
        both = [con.execute(f"FROM {name}").df() for con in (by_number, by_text)]
        told = [one[sorted(c for c in one if not str(c).endswith("_key"))].astype("str") for one in both]
        first, second = (one.sort_values(list(one)).reset_index(drop=True) for one in told)
        pd.testing.assert_frame_equal(first, second)


def test_orders_that_share_a_number_are_joined_by_their_text() -> None:
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS store; CREATE TABLE store.shipments (shipment_id VARCHAR)")
    con.execute("CREATE TABLE store.orders AS SELECT unnest(['1', '2']) AS order_id")
    assert "hash" in DuckEngine(con).key_sql()
    con.execute("INSERT INTO store.orders VALUES ('1')")  # one number for two rows, as if two texts had it
    assert DuckEngine(con).key_sql() == "x"


def test_the_files_do_hold_later_times(both: Cut) -> None:
    later = both.whole.execute("SELECT max(recorded_at::TIMESTAMP) FROM store.tracking_events").fetchone()
    assert later is not None
    assert later[0] > KNOWN + timedelta(weeks=8)


def test_orders_alone_are_enough_and_gaps_are_called_unknown(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,day\n1,2026-09-01 10:00:00\n2,2026-09-02 10:00:00\n")
    (tmp_path / "source.yml").write_text(f"title: S\ntimezone: {ZONE}\ncurrency: USD\nfiles: {{shop: orders.csv}}\n")
    (tmp_path / "orders.sql").write_text("select id as order_id, day as ordered_at, _file, _row from shop")
    merchant = source.read(tmp_path)
    with duckdb.connect() as con:
        prepared.attach(con, prepared.prepare(merchant, tmp_path / "cache"))
        facts.build(con, merchant, KNOWN)
        found = con.execute(
            "SELECT DISTINCT channel, complexity, region, state, campaign FROM order_facts"
        ).fetchall()
    assert found == [("unknown", "unknown", "unknown", "unknown", "none")]
