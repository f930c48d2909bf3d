"""The improvement log as people write it: every mistake is named by file, row and column."""

import csv
from datetime import date
from pathlib import Path

import pytest

from closeloop import changes, project
from closeloop.model import Slice

ROW = {
    "id": "C1",
    "pattern": "P7CF2",
    "root_cause": "workflow: one queue",
    "change_shipped": "Flag complex orders early",
    "metric": "ready_to_label",
    "review_date": "2026-11-16",
    "scope": "channel = wholesale portal & complexity = 4+ lines",
    "kind": "automation_condition",
    "shipped_on": "2026-10-05",
    "written_on": "2026-09-29",
    "owner": "fulfilment lead",
    "since": "2026-08-24",
    "settling_days": "14",
    "comparison": "channel",
    "placebo_metric": "slow_transit",
}


def log(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "improvement_log.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_no_log_is_an_empty_log(tmp_path: Path) -> None:
    assert changes.read(tmp_path / "improvement_log.csv") == ()


def test_a_row_is_read_as_it_is_written(tmp_path: Path) -> None:
    (change,) = changes.read(log(tmp_path, ROW))
    assert change.scope == Slice.of([("complexity", "4+ lines"), ("channel", "wholesale portal")])
    assert (change.shipped_on, change.review_date) == (date(2026, 10, 5), date(2026, 11, 16))
    assert (change.since, change.settling_days) == (date(2026, 8, 24), 14)
    assert change.flags == ()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        *((name, "", "is empty; every change needs it") for name in changes.REQUIRED),
        *(
            (name, "5 Oct 2026", "'5 Oct 2026' is not a date; write it as 2026-10-05")
            for name in ("review_date", "shipped_on", "written_on", "since")
        ),
        ("settling_days", "two", "'two'; write a whole number such as 14"),
        ("settling_days", "-3", "'-3'; write a whole number such as 14"),
        ("kind", "magic", "'magic'; allowed: automation_condition, carrier_allocation"),
        ("metric", "speed", "unknown metric 'speed'; known: short_promise"),
        ("placebo_metric", "speed", "unknown metric 'speed'; known: short_promise"),
        ("scope", "portal", "each condition is 'dimension = value'"),
        ("review_date", "2026-10-05", "must lie after shipped_on (2026-10-05)"),
        ("review_date", "2026-01-05", "must lie after shipped_on (2026-10-05)"),
    ],
)
def test_a_mistake_is_named_by_file_row_and_column(tmp_path: Path, column: str, value: str, words: str) -> None:
    path = log(tmp_path, {**ROW, "id": "C0"}, {**ROW, column: value})
    with pytest.raises(ValueError, match="improvement_log") as raised:
        changes.read(path)
    (line,) = [line for line in str(raised.value).splitlines() if f"row 3, {column}: " in line]
    assert line.startswith(str(path))
    assert words in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="improvement_log") as raised:
        changes.read(log(tmp_path, {**ROW, "kind": "magic", "metric": "speed"}, {**ROW, "owner": ""}))
    told = str(raised.value)
    assert all(part in told for part in ("row 2, kind", "row 2, metric", "row 3, owner", "'C1' is already in row 2"))


def test_the_header_is_checked(tmp_path: Path) -> None:
    unknown = {**ROW, "shiped_on": "2026-10-05"}
    with pytest.raises(ValueError, match=r"unknown column 'shiped_on'; did you mean 'shipped_on'\?"):
        changes.read(log(tmp_path, unknown))
    lacking = {name: text for name, text in ROW.items() if name not in ("owner", "kind")}
    with pytest.raises(ValueError, match=r"improvement_log\.csv: the first row lacks kind, owner"):
        changes.read(log(tmp_path, lacking))


def test_a_change_written_late_is_marked(tmp_path: Path) -> None:
    (change,) = changes.read(log(tmp_path, {**ROW, "written_on": "2026-10-06"}))
    assert any("written down after it shipped" in flag for flag in change.flags)
    (same_day,) = changes.read(log(tmp_path, {**ROW, "written_on": "2026-10-05"}))
    assert same_day.flags == ()


@pytest.mark.parametrize(
    ("other", "meets"),
    [
        ({"shipped_on": "2026-10-19"}, True),
        ({"shipped_on": "2026-10-19", "scope": "everything"}, True),
        ({"shipped_on": "2026-10-19", "scope": "region = Pacific"}, True),
        ({"shipped_on": "2026-10-19", "scope": "channel = web"}, False),
        ({"shipped_on": "2026-10-19", "metric": "order_to_handover"}, True),
        ({"shipped_on": "2026-10-19", "metric": "order_to_handover", "scope": "region = Pacific"}, False),
        ({"shipped_on": "2026-10-19", "metric": "return_rate", "scope": "region = Pacific"}, False),
        ({"shipped_on": "2026-11-16", "review_date": "2026-12-14"}, False),
    ],
    ids=[
        "same scope",
        "wider scope",
        "other dimension",
        "other channel",
        "same delay",
        "same delay, other slice",
        "other metric",
        "after the review",
    ],
)
def test_changes_that_overlap_are_marked(tmp_path: Path, other: dict[str, str], meets: bool) -> None:
    first, _ = changes.read(log(tmp_path, ROW, {**ROW, "id": "C2", "comparison": "", **other}))
    assert any("Change C2 shipped in an overlapping scope" in flag for flag in first.flags) == meets


def test_a_log_comes_back_from_its_file(tmp_path: Path) -> None:
    odd = {**ROW, "id": "C2", "metric": "return_rate", "scope": "category = Home & Garden", "comparison": "",
           "notes": '=1+1, "quoted"\nmore', "since": "", "settling_days": "", "placebo_metric": ""}  # fmt: skip
    first = changes.read(log(tmp_path, ROW, odd))
    again = tmp_path / "again.csv"
    changes.write(again, first)
    assert changes.read(again) == first
    assert {path.name for path in tmp_path.iterdir()} == {"improvement_log.csv", "again.csv"}


def test_shipped_and_upcoming_split_the_log_by_day(tmp_path: Path) -> None:
    later = {**ROW, "id": "C2", "shipped_on": "2026-11-02", "review_date": "2026-12-14", "metric": "slow_transit",
             "placebo_metric": "", "scope": "zone = 7", "comparison": ""}  # fmt: skip
    both = changes.read(log(tmp_path, later, ROW))
    assert [c.id for c in changes.shipped(both, date(2026, 10, 4))] == []
    assert [c.id for c in changes.shipped(both, date(2026, 10, 5))] == ["C1"]
    assert [c.id for c in changes.shipped(both, date(2026, 11, 30))] == ["C1", "C2"]
    assert [c.id for c in changes.upcoming(both, date(2026, 11, 15))] == ["C1", "C2"]
    assert [c.id for c in changes.upcoming(both, date(2026, 11, 16))] == ["C2"]


def test_the_demo_log_is_sound() -> None:
    read = changes.read(project.root() / "params/sources/demo/improvement_log.csv")
    assert [change.id for change in read] == ["C1", "C2", "C3"]
    assert not any(change.flags for change in read)
