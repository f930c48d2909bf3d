"""Broken files at the command line: a report with every row accounted for, or one clear line; never a traceback."""

import gzip
import json
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closeloop import project
from closeloop.check import look
from closeloop.cli_check import check

SAMPLES = Path(__file__).parent / "samples"
HEADER = "Name,Created at,Total,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku"
ROW = "#{0},2026-03-02 09:14:20 -0500,43.90,1,Tote,38.00,TOTE"
GOOD = "\n".join([HEADER, *(ROW.format(1000 + n) for n in range(6))]) + "\n"


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)


def merchant(where: Path, files: dict[str, bytes], *systems: str) -> Path:
    """Write a merchant of some systems whose files all lie in one folder."""
    where.mkdir(exist_ok=True)
    for name, content in files.items():
        (where / name).write_bytes(content)
    parts = [f"  - {{source: {project.root()}/params/sources/{name}, folder: .}}" for name in systems]
    head = "title: Shop\ntimezone: America/New_York\ncurrency: USD\ncombine:\n"
    (where / "source.yml").write_text(head + "\n".join(parts) + "\n")
    return where


def run(where: Path) -> Result:
    """Run `closeloop check` as the command line does: a ValueError is one line and exit code 1."""
    return CliRunner().invoke(check, ["--source", str(where)], catch_exceptions=True)


def sound(done: Result, where: Path) -> None:
    """Either a balanced report, or a refusal in one line that names a file."""
    if isinstance(done.exception, ValueError):
        assert "\n" not in str(done.exception)
        assert re.search(r"\.(csv|json|xlsx|sql|yml)\b", str(done.exception)), done.exception
        return
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    found = look(where)
    assert done.exit_code == (0 if found.usable else 1)
    for count in found.counts:
        assert count.rows_in == count.rows_used + count.rows_quarantined
        told = [f for f in found.faults if f.table == count.table.replace("unreadable lines", "file")]
        assert sum(fault.rows for fault in told) == count.rows_quarantined
    printed = done.output.replace("\n", "")
    assert printed.isprintable(), "nothing from a file may reach the terminal as a control character"


CORPUS: dict[str, bytes] = {
    "empty": b"",
    "header only": f"{HEADER}\n".encode(),
    "header without a line end": HEADER.encode(),
    "byte order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "utf-16": GOOD.encode("utf-16"),
    "utf-16 cut off": GOOD.encode("utf-16")[:-3],
    "windows-1252": GOOD.replace("Tote", "Größe").encode("cp1252"),
    "cut off in a row": GOOD.encode()[:-20],
    "cut off in a quote": GOOD.encode() + b'#9,"2026-03-02 09',
    "columns renamed": GOOD.replace("Created at", "Order date").encode(),
    "the same rows twice": GOOD.encode() + GOOD.split("\n", 1)[1].encode(),
    "a million characters": GOOD.encode() + ROW.format("x" * 1_000_000).encode() + b"\n",
    "null bytes": GOOD.replace("Tote", "To\0te").encode(),
    "only null bytes": b"\0" * 4096,
    "formulas": GOOD.replace("#1003", "=cmd|' /C calc'!A0").encode(),
    "terminal orders": GOOD.replace("43.90", "\x1b[2J\x1b]0;owned\x07", 1).encode(),
    "negative and huge": GOOD.replace("43.90,1,", "-1e308,-99999999999999999999,", 1).encode(),
    "year 9999": GOOD.replace("2026-03-02", "9999-12-31", 1).encode(),
    "year 0": GOOD.replace("2026-03-02", "0000-01-01", 1).encode(),
    "year 294246": GOOD.replace("2026-03-02", "294246-01-01", 1).encode(),
    "mixed offsets": GOOD.replace("-0500", "+0530", 2).replace(" -0500", "Z", 1).encode(),
    "no order has a total": GOOD.replace("43.90", "$43.90").encode(),
    "excel names the delimiter": b"sep=;\n" + GOOD.replace(",", ";").encode(),
    "utf-16 without a mark": GOOD.encode("utf-16-be"),
    "utf-32": GOOD.encode("utf-32"),
    "packed": gzip.compress(GOOD.encode()),
    "numbers of programmers": GOOD.replace(",1,Tote", ",0x1F,Tote", 1).replace(",1,Tote", ",1_000,Tote", 1).encode(),
    "a title before the header": b"Orders of March\n\n" + GOOD.encode(),
    "columns left out at the end": GOOD.replace(",38.00,TOTE", "", 2).encode(),
    "the header again": (GOOD + GOOD.replace("#1", "#2")).encode(),
    "a page": b"<!doctype html><title>Sign in</title>",
    "a workbook by name of csv": b"PK\x03\x04" + bytes(range(256)),
    "json by name of csv": json.dumps({"orders": [{"id": 1}]}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("name", CORPUS)
def test_a_broken_export_is_a_report_or_one_line(name: str, tmp_path: Path) -> None:
    where = merchant(tmp_path / "shop", {"orders.csv": CORPUS[name]}, "shopify_csv")
    sound(run(where), where)


@pytest.mark.parametrize(
    ("name", "used", "set_aside"),
    [
        ("byte order mark", 6, 0), ("utf-16", 6, 0), ("windows-1252", 6, 0), ("the same rows twice", 6, 6),
        ("formulas", 6, 0), ("terminal orders", 5, 1), ("year 9999", 5, 1), ("year 0", 5, 1), ("year 294246", 5, 1),
        ("mixed offsets", 6, 0), ("no order has a total", 0, 6), ("excel names the delimiter", 6, 0),
        ("utf-16 without a mark", 6, 0), ("utf-32", 6, 0), ("the header again", 12, 1),
    ],
)  # fmt: skip
def test_what_can_be_read_is_used_and_the_rest_set_aside(
    name: str, used: int, set_aside: int, tmp_path: Path
) -> None:
    found = look(merchant(tmp_path / "shop", {"orders.csv": CORPUS[name]}, "shopify_csv"))
    count = next(count for count in found.counts if count.table == "orders")
    assert (count.rows_used, count.rows_quarantined) == (used, set_aside)


def test_a_number_is_not_read_in_another_way_than_it_was_meant(tmp_path: Path) -> None:
    where = merchant(tmp_path / "shop", {"orders.csv": CORPUS["numbers of programmers"]}, "shopify_csv")
    lines = next(count for count in look(where).counts if count.table == "order_lines")
    assert (lines.rows_used, lines.rows_quarantined) == (4, 2)


@pytest.mark.parametrize(
    ("name", "said"), [("packed", "gzip"), ("a title before the header", "first line the header")]
)
def test_a_file_that_is_something_else_is_told_so(name: str, said: str, tmp_path: Path) -> None:
    done = run(merchant(tmp_path / "shop", {"orders.csv": CORPUS[name]}, "shopify_csv"))
    assert said in str(done.exception)


@pytest.mark.parametrize(
    "content", [b"[", b'{"trackers": [', b'{"trackers": [{}]}', b"null", b"\xff\xfe[\0]\0", b"[[]]"]
)
def test_broken_json_is_a_report_or_one_line(content: bytes, tmp_path: Path) -> None:
    files = {"orders.csv": GOOD.encode(), "trackers.json": content}
    where = merchant(tmp_path / "shop", files, "shopify_csv", "easypost_trackers")
    sound(run(where), where)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_changed_at_random_are_a_report_or_one_line(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    files: dict[str, bytes] = {}
    names = ("shopify_csv", "shipstation_csv", "loop_returns")
    for path in (path for name in names for path in (SAMPLES / name).iterdir()):
        content = bytearray(path.read_bytes())
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(content))
            content[at : at + rng.choice([0, 1, 40])] = rng.choice([b"", b'"', b"\0", b"\n", b",", b"\xff", b"-9e99"])
        files[path.name] = bytes(content)
    where = merchant(tmp_path / "shop", files, *names)
    sound(run(where), where)
