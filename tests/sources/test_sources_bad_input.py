"""Broken files: a plain message with the file's name, or every row used or set aside; never a traceback."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closeloop import project
from closeloop.sources import prepared, source

SAMPLES = Path(__file__).parent / "samples"
HEADER = "Name,Created at,Total,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku"
ROW = "#{0},2026-03-02 09:14:20 -0500,43.90,1,Tote – Größe,38.00,TOTE"


def shop_file(rows: int = 6, **changed: str) -> str:
    lines = [changed.get(f"row{n}", ROW.format(1000 + n)) for n in range(rows)]
    return "\n".join([changed.get("header", HEADER), *lines]) + "\n"


@pytest.fixture
def shop(combined: Callable, tmp_path: Path) -> Callable:
    """Build a Shopify merchant of one file."""

    def build(content: str | bytes):  # type: ignore[no-untyped-def]
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        path = folder / "orders.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        built = combined("shopify_csv", shopify_csv=folder)
        balanced(built)
        return built

    return build


def balanced(built) -> None:  # type: ignore[no-untyped-def]
    for count in built.counts.values():
        assert count.rows_in == count.rows_used + count.rows_quarantined
        told = [q for q in built.quarantined if q.table == count.table.replace("unreadable lines", "file")]
        assert sum(q.count for q in told) == count.rows_quarantined


def attempt(build: Callable):  # type: ignore[no-untyped-def]
    """Return the message of a refusal, or what was built; any other error is one of the package."""
    try:
        return "", build()
    except ValueError as error:
        return str(error), None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_an_encoding_costs_no_row_and_is_told(encoding: str, shop: Callable) -> None:
    text = shop_file().replace("–", "-") if encoding == "latin-1" else shop_file()
    content = b"\xfe\xff" + text.encode(encoding) if encoding == "utf-16-be" else text.encode(encoding)
    built = shop(content)
    assert built.counts["orders"].rows_used == 6
    assert [bool(told) for told in (prepared.assumed(built.con),)] == [not encoding.startswith("utf-8")]


def test_letters_of_an_older_encoding_are_read(shop: Callable) -> None:
    text = shop_file().replace("Lineitem sku", "x").replace(",TOTE", ",T")
    rows = shop(text.encode("cp1252")).rows("sku", "order_lines")
    assert set(rows) == {("Tote – Größe",)}


def test_a_file_cut_off_within_a_letter_is_still_utf8(shop: Callable) -> None:
    whole = shop_file(40).encode()
    built = shop(whole[: whole.rindex("ß".encode()) + 1])
    assert prepared.assumed(built.con) == ()
    assert built.counts["orders"].rows_used + built.counts["unreadable lines"].rows_in == 40


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_read(delimiter: str, shop: Callable) -> None:
    assert shop(shop_file().replace(",", delimiter)).counts["orders"].rows_used == 6


def test_windows_line_ends_are_read(shop: Callable) -> None:
    assert shop(shop_file().replace("\n", "\r\n")).counts["orders"].rows_used == 6


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace("Created at", "Created_at"), r"orders\.sql: no file has a column 'Created at'; the nearest is"
         r" 'Created_at' in orders\*\.csv"),
        (HEADER.replace("Total", "Amount"), r"no file has a column 'Total'"),
        (HEADER.replace("Lineitem price", "Lineitem prize"), r"'Lineitem price'.*'Lineitem prize'"),
    ],
)  # fmt: skip
def test_a_renamed_column_is_named_with_the_nearest(header: str, words: str, shop: Callable) -> None:
    with pytest.raises(ValueError, match=words):
        shop(shop_file(header=header))


def test_a_column_that_may_be_lacking_is_empty(shop: Callable) -> None:
    assert set(shop(shop_file()).rows("channel, cancelled_at", "orders")) == {(None, None)}


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", HEADER.encode(), b"\x00" * 64, b"\x89PNG\r\n\x1a\n\x00\x01" * 9, b"PK\x03\x04" * 20, b'"' * 99,
     b"<html><body>login</body></html>", b'{"orders": []}', b"\xff\xfe", b"\xff\xfeN"],
)  # fmt: skip
def test_what_is_no_table_is_named(content: bytes, shop: Callable) -> None:
    said, built = attempt(lambda: shop(content))
    assert "orders" in said or built.counts["orders"].rows_used == 0


def test_extreme_cells_are_kept_or_set_aside(shop: Callable) -> None:
    stamp = "2026-03-02 09:14:20 -0500"
    built = shop(shop_file(
        9,
        row0=f"#2000,{stamp},1e999,1,{'x' * 1_000_000},38.00,LONG",
        row1=f'=HYPERLINK("http://x"),{stamp},43.90,-5,Tote,38.00,T',
        row2=f"#2002,{stamp},99999999999999999999999,1,Tote,-38.00,T",
        row3=f"#2003,{stamp},4\x003.90,1,To\x00te,38.00,T",
        row4="#2004,9999999-01-01,43.90,1,Tote,38.00,T",
        row5="#2005,2026-03-02 09:14:20 +9900,43.90,1,Tote,38.00,T",
    ))  # fmt: skip
    assert built.counts["orders"].rows_in + built.counts["unreadable lines"].rows_in == 9
    assert built.counts["orders"].rows_used >= 3
    assert {("1006",), ("1007",), ("1008",)} <= set(built.rows("order_id", "orders"))


def test_mixed_offsets_are_each_read_as_written(shop: Callable) -> None:
    stamps = [
        "2026-03-02 09:14:20 -0500",
        "2026-03-02T14:14:20Z",
        "2026-03-02 19:44:20 +05:30",
        "2026-03-02 09:14:20",
    ]
    rows = {f"row{n}": f"#{n},{stamp},1,1,T,1,T" for n, stamp in enumerate(stamps)}
    built = shop(shop_file(4, **rows))
    # The last has no offset, and is the shop's own New York time.
    assert built.rows("DISTINCT epoch(ordered_at)::BIGINT", "orders") == [(1772460860,)]


def test_an_email_address_never_passes(shop: Callable) -> None:
    row = "#1,2026-03-02 09:14:20 -0500,43.90,1,Gift for ann@example.com,38.00,"
    with pytest.raises(
        ValueError, match=r"order_lines\.sql: column sku holds an e-mail address \(orders\.csv row 1\)"
    ) as e:
        shop(shop_file(row0=row))
    assert "ann@" not in str(e.value)


JSON = (SAMPLES / "easypost_trackers/trackers.json").read_bytes()


@pytest.mark.parametrize("cut", [1, 10, len(JSON) // 2, len(JSON) - 3])
def test_a_json_file_cut_off_is_named(cut: int, combined: Callable, tmp_path: Path) -> None:
    (tmp_path / "trackers.json").write_bytes(JSON[:cut])
    with pytest.raises(ValueError, match=r"trackers\.json: cannot be read as json"):
        combined("shopify_csv", "easypost_trackers", easypost_trackers=tmp_path)


def test_a_broken_line_of_many_is_set_aside(combined: Callable, tmp_path: Path) -> None:
    lines = (SAMPLES / "shipengine/tracking.jsonl").read_text().splitlines()
    (tmp_path / "tracking.jsonl").write_text("\n".join([lines[0], lines[0][:50], lines[1]]) + "\n")
    built = combined("shopify_csv", "shipengine", shipengine=tmp_path)
    assert built.counts["tracking_events"].rows_used == 3
    assert built.counts["unreadable lines"].rows_in == 1
    balanced(built)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'{"trackers": []}', b'{"trackers": null}', b'[1, "a", null]'])
def test_json_of_another_shape_has_no_usable_row(content: bytes, combined: Callable, tmp_path: Path) -> None:
    (tmp_path / "trackers.json").write_bytes(content)
    built = combined("shopify_csv", "easypost_trackers", easypost_trackers=tmp_path)
    assert built.counts["shipments"].rows_used == 0
    balanced(built)


@given(
    seed=st.integers(0, 10**6),
    name=st.sampled_from(["shopify_csv", "shipstation_csv", "easypost_trackers", "shipengine"]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_changed_at_random_give_a_message_or_a_balance(
    seed: int, name: str, combined: Callable, tmp_path: Path
) -> None:
    """Flip, cut or double some bytes of a sample."""
    rng = random.Random(seed)
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    for sample in (SAMPLES / name).iterdir():
        content = bytearray(sample.read_bytes())
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(content))
            content[at : at + rng.choice([0, 1, 3])] = rng.randbytes(rng.choice([0, 1, 2]))
        if rng.random() < 0.3:
            del content[rng.randrange(len(content)) :]
        (folder / sample.name).write_bytes(content)
    names = (name,) if name == "shopify_csv" else ("shopify_csv", name)
    said, built = attempt(lambda: combined(*names, **{name: folder}))
    if built:
        balanced(built)
    else:
        assert any(word in said for word in (".csv", ".json", ".sql")), said


def test_an_empty_folder_names_the_file_that_is_missing(combined: Callable, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"orders\*\.csv: no such file"):
        combined("shopify_csv", shopify_csv=tmp_path)


def test_a_source_of_a_system_asks_for_the_zone() -> None:
    with pytest.raises(ValueError, match=r"missing currency, timezone"):
        source.read(project.root() / "params/sources/shopify_csv")
