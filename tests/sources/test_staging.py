"""Files to canonical tables: every row is used or set aside with a name, and every time is the right instant."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closeloop import project
from closeloop.model import Quarantine, TableCount
from closeloop.sources import prepared, source

ZONE = "America/New_York"
COLUMNS = ("id", "ordered", "line", "qty", "price")
ORDERS = "select id as order_id, ordered as ordered_at, _file, _row from shop"
LINES = "select id as order_id, line as line_no, qty, price as unit_price, _file, _row from shop"


def shown_twice_or_never(at: datetime, zone: str) -> str:
    """What Python says of a time on the wall: its offset depends on the fold, and it comes back or it does not."""
    early, late = (at.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return "once"
    return "twice" if early.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == at else "never"


class Built:
    """The checked tables of one small shop."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.counts: dict[str, TableCount] = {c.table: c for c in prepared.counts(con)}
        self.quarantined: tuple[Quarantine, ...] = prepared.quarantined(con)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.con.execute(sql).fetchall()


@contextmanager
def built(content: str | bytes, orders: str = ORDERS, extra: str = "", zone: str = ZONE) -> Iterator[Built]:
    """Build a shop of one file, shop.csv."""
    with TemporaryDirectory() as folder, duckdb.connect() as con:
        where = Path(folder)
        (where / "shop.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        yml = f"title: Shop\ntimezone: {zone}\ncurrency: USD\nfiles: {{shop: shop.csv}}\n{extra}"
        (where / "source.yml").write_text(yml)
        (where / "orders.sql").write_text(orders)
        (where / "order_lines.sql").write_text(LINES)
        prepared.attach(con, prepared.prepare(source.read(where), where / "cache"))
        yield Built(con)


def as_csv(rows: Sequence[Sequence[str]], bom: bool = False, quote_all: bool = False) -> str:
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerows([COLUMNS, *rows])
    return ("\ufeff" if bom else "") + text.getvalue()


def good(number: int, **cells: str) -> list[str]:
    row = {"id": str(number), "ordered": "2026-03-02 09:14:20", "line": "1", "qty": "2", "price": "4.41", **cells}
    return [row[name] for name in COLUMNS]


ids = st.sampled_from(["1", "2", "3", "A-7", "=HYPERLINK(1)", "O'Brien", 'say "hi"', "a,b", "two\nlines", "東京", ""])
times = st.sampled_from([
    "2026-03-02 09:14:20", "2026-03-02 09:14:20 -0500", "2026-03-02T14:14:20Z", "", "yesterday",
    "2026-02-30 10:00:00", "2026-13-01", "infinity", "0000-00-00", "2026-03-02 25:00:00", "12/31/2026", "=NOW()",
])  # fmt: skip
whole = st.sampled_from(["0", "1", "2", "-1", "", "many", "2.5", "1e400", "99999999999999999999", "nan", " 3 "])
money = st.sampled_from(["4.41", "0", "-4.41", "$4.41", "4,41", "1e30", "", "inf", "nan", "1.23456789"])
tables = st.lists(st.tuples(ids, times, whole, whole, money), min_size=1, max_size=8)


@given(tables, st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_row_is_used_or_set_aside(rows: list[tuple[str, ...]], bom: bool, quote_all: bool) -> None:
    # Three plain rows first, as any real export has, so that the reader learns the form of the file.
    every = [*(good(number) for number in (91, 92, 93)), *rows]
    with built(as_csv(every, bom, quote_all)) as shop:
        unreadable = shop.counts["unreadable lines"].rows_in
        for table in ("orders", "order_lines"):
            count = shop.counts[table]
            assert count.rows_in + unreadable == len(every)
            assert count.rows_in == count.rows_used + count.rows_quarantined
            assert shop.rows(f"SELECT count(*) FROM store.{table}") == [(count.rows_used,)]
        assert sum(q.count for q in shop.quarantined) == unreadable + sum(
            shop.counts[t].rows_quarantined for t in ("orders", "order_lines")
        )
        check_used(shop)


def check_used(shop: Built) -> None:
    """Nothing that breaks a rule is among the used rows."""
    keys = shop.rows("SELECT order_id, ordered_at IS NULL OR NOT isfinite(ordered_at) FROM store.orders")
    assert len({key for key, _ in keys}) == len(keys)
    assert not any(gap or not key for key, gap in keys)
    lines = shop.rows("SELECT order_id, line_no, qty, unit_price FROM store.order_lines")
    assert len({line[:2] for line in lines}) == len(lines)
    assert all(qty >= 0 and (price is None or 0 <= price < 1e14) for _, _, qty, price in lines)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("cells", "column", "value", "rule", "mend"),
    [
        ({"ordered": "yesterday"}, "ordered_at", "yesterday", "not an instant", "2026-03-02 09:14:20"),
        ({"ordered": ""}, "ordered_at", "", "is missing", "when the customer ordered"),
        ({"ordered": "infinity"}, "ordered_at", "infinity", "not an instant", "time_formats"),
        ({"id": "1"}, "order_id", "1", "order_id was seen before", "one row per key"),
        ({"qty": "-2"}, "qty", "-2", "below 0", "at least 0"),
        ({"qty": "2.5"}, "qty", "2.5", "not a whole", "whole number"),
        ({"qty": "99999999999999999999"}, "qty", "99999999999999999999", "not a whole", "whole number"),
        ({"price": "$4.41"}, "unit_price", "$4.41", "not a money", "no currency sign"),
        ({"price": "=1+1"}, "unit_price", "=1+1", "not a money", "no currency sign"),
    ],
)
def test_a_set_aside_row_is_named(cells: dict[str, str], column: str, value: str, rule: str, mend: str) -> None:
    with built(as_csv([good(1), good(2), good(3, **cells), good(4)])) as shop:
        found = {q.column: q for q in shop.quarantined}
        fault = found[column]
        assert (fault.file, fault.row, fault.value, fault.rule, fault.count) == ("shop.csv", 3, value, rule, 1)
        assert mend in fault.mend


def test_a_faulty_row_does_not_cost_its_correction() -> None:
    with built(as_csv([good(1, ordered="soon"), good(1), good(1)])) as shop:
        assert shop.rows("SELECT order_id, _row FROM store.orders") == [("1", 2)]
        assert {(q.rule, q.row) for q in shop.quarantined if q.table == "orders"} == {
            ("not an instant", 1),
            ("order_id was seen before", 3),
        }


def test_lines_that_are_no_rows_are_counted_with_their_line() -> None:
    lines = as_csv([good(n) for n in range(1, 6)]).splitlines()
    lines[3] = "3,2026-03-02 09:14:20,1,2,4.41,one,too,many"
    with built("\n".join(lines) + "\n") as shop:
        assert shop.counts["unreadable lines"].rows_quarantined == 1
        assert shop.counts["orders"].rows_used == 4
        fault = next(q for q in shop.quarantined if "does not have the columns" in q.rule)
        assert (fault.file, fault.row) == ("shop.csv", 4)
        assert fault.value.startswith("3,2026-03-02")


def test_a_null_byte_is_kept_or_named() -> None:
    with built(as_csv([good(1), good(2, id="2\x00x"), good(3)])) as shop:
        assert shop.counts["orders"].rows_in + shop.counts["unreadable lines"].rows_in == 3


def test_cells_that_look_like_formulas_or_sql_stay_text() -> None:
    odd = ["=cmd|' /C calc'!A0", "'); DROP TABLE orders; --", "@SUM(1)"]
    with built(as_csv([good(0, id=text) for text in odd])) as shop:
        assert [row[0] for row in shop.rows("SELECT order_id FROM store.orders ORDER BY _row")] == odd


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", r"shop\.csv: the file is empty"), (b"\x89PNG\r\n\x1a\n\x00\x01", r"shop\.csv: cannot be read as csv")],
)
def test_a_file_that_is_no_table_is_named(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words), built(content):
        pass


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    merchant = source.read(project.root() / "params/sources/demo", tmp_path)
    with pytest.raises(ValueError, match=r"shopify_orders\.csv: no such file; .*--data FOLDER"):
        prepared.prepare(merchant, tmp_path)


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ("select id as order_id, wrong as ordered_at, _file, _row from shop", r"orders\.sql: .*wrong"),
        ("select id as order_no, _file, _row from shop", r"orders\.sql: unknown column 'order_no'"),
        ("select id as order_id, ordered as ordered_at from shop", r"orders\.sql: select _file and _row too"),
    ],
)
def test_a_faulty_select_is_named(orders: str, words: str) -> None:
    with pytest.raises(ValueError, match=words), built(as_csv([good(1)]), orders):
        pass


def instants(stamps: list[str], extra: str = "") -> list[datetime]:
    rows = [good(number, ordered=stamp) for number, stamp in enumerate(stamps)]
    with built(as_csv(rows), extra=extra) as shop:
        found = shop.rows("SELECT epoch_us(ordered_at) FROM store.orders ORDER BY _row")
    assert len(found) == len(stamps)
    return [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us)) for (us,) in found]  # type: ignore[call-overload]


# Every 37 minutes over the days on which New York's clocks change, and over a plain one.
WALL = [
    datetime(2026, *day) + timedelta(minutes=37 * step)
    for day in ((3, 7, 20), (10, 31, 20), (6, 1, 0))
    for step in range(24)
]


def test_offsets_are_read_as_written() -> None:
    offsets = ["-0500", "-05:00", "+0000", "+0530", "+1345"]
    stamps = [f"{t:%Y-%m-%d %H:%M:%S} {offset}" for t in WALL for offset in offsets]
    expected = [datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S %z") for stamp in stamps]
    assert instants(stamps) == expected


@pytest.mark.parametrize(("form", "extra"), [
    ("%Y-%m-%d %H:%M:%S", ""),
    ("%m/%d/%Y %I:%M:%S %p", 'time_formats: ["%m/%d/%Y %I:%M:%S %p"]\n'),
])  # fmt: skip
def test_times_without_a_zone_are_the_merchants_wall_clock(form: str, extra: str) -> None:
    found = instants([t.strftime(form) for t in WALL], extra)
    for wall, instant in zip(WALL, found, strict=True):
        # In the hour that comes twice either reading is right, and so is either side of the one that is skipped.
        readings = {wall.replace(tzinfo=ZoneInfo(ZONE), fold=fold).astimezone(UTC) for fold in (0, 1)}
        assert instant in readings, wall
    unsure = sum(
        wall.replace(tzinfo=ZoneInfo(ZONE)).utcoffset() != wall.replace(tzinfo=ZoneInfo(ZONE), fold=1).utcoffset()
        for wall in WALL
    )
    assert 0 < unsure < 6


def test_no_customer_reaches_the_checked_tables(demo_files: Path, cache: Path) -> None:
    shop = pd.read_csv(demo_files / "shopify_orders.csv", dtype="str", keep_default_na=False)
    personal = [c for c in ("Email", "Shipping Name", "Shipping Address1") if shop[c].ne("").any()]
    assert len(personal) == 3, "the exports hold customers, else this test shows nothing"
    merchant = source.read(project.root() / "params/sources/demo", demo_files)
    with duckdb.connect(str(prepared.prepare(merchant, cache)), read_only=True) as con:
        columns = con.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE data_type = 'VARCHAR'"
        ).fetchall()
        assert ("orders", "order_id") in columns
        con.register("shop", pd.DataFrame({"text": pd.concat([shop[c] for c in personal]).unique()}))
        for table, column in columns:
            hits = con.execute(
                f'SELECT count(*) FROM "{table}" WHERE "{column}" IN (SELECT text FROM shop WHERE text <> \'\')'
                f" OR \"{column}\" ILIKE '%@example.com%' OR \"{column}\" ILIKE '%Example St%'"
            ).fetchone()
            assert hits == (0,), (table, column)


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
)
def test_times_that_the_clocks_show_twice_or_never_are_counted(zone: str) -> None:
    start = datetime(2017, 1, 1)
    local = [start + timedelta(minutes=10 * i) for i in range(6 * 24 * 365)]
    kinds = [shown_twice_or_never(at, zone) for at in local]
    odd = [i for i, kind in enumerate(kinds) if kind != "once"]
    chosen = sorted({j for i in odd for j in range(i - 9, i + 10)} | set(range(0, len(local), 5000)))
    rows = [(str(i), f"{local[i]:%Y-%m-%d %H:%M:%S}", "1", "1", "1") for i in chosen]
    rows += [(f"z{i}", f"{local[i]:%Y-%m-%d %H:%M:%S} +0000", "1", "1", "1") for i in odd]
    with built(as_csv(rows), zone=zone) as shop:
        said = prepared.assumed(shop.con)
    for kind, words in (("twice", "show twice"), ("never", "leave out")):
        n = kinds.count(kind)
        told = [text for text in said if words in text]
        assert len(told) == (n > 0)
        assert all(f"orders.ordered_at: {n} times without an offset" in text and zone in text for text in told)
    assert len(odd) == {"UTC": 0, "Australia/Lord_Howe": 6}.get(zone, 12)
