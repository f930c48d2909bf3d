"""The log as a file: what goes in comes out, faults are named, and two writers lose nothing."""

import csv
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from closeloop import changes
from closeloop.changes import log_file
from closeloop.changes.cells import CONFLICT, FORMULA, clean, guarded, unguarded
from closeloop.changes.log_file import Revision
from closeloop.metrics import METRICS
from closeloop.model import Change, Estimate, Slice

DEMO = Path(__file__).parent.parent / "params/sources/demo/improvement_log.csv"
ONE = Change(
    id="C1",
    pattern="P0404",
    root_cause="workflow: one queue for all",
    change_shipped="Flag complex orders early",
    metric="ready_to_label",
    review_date=date(2026, 11, 16),
    scope=Slice.parse("channel = web & complexity = 4+ lines"),
    kind="automation_condition",
    shipped_on=date(2026, 10, 5),
    written_on=date(2026, 9, 29),
    owner="Dana",
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(
    lambda text: text.replace("\r", "\n").strip()
)
filled = words.filter(bool)
days = st.dates(date(2020, 1, 1), date(2030, 1, 1))


@st.composite
def any_change(draw: st.DrawFn) -> Change:
    shipped = draw(days)
    metric = draw(st.sampled_from([m for m in METRICS if m.dims]))
    values = st.sampled_from(["FedEx", "Home & Garden", "4+ lines", "=1+1"])
    scope = Slice.of(draw(st.dictionaries(st.sampled_from(metric.dims), values, max_size=2)).items())
    change = Change(
        id=draw(filled.filter(lambda text: not text.startswith(CONFLICT))),
        pattern=draw(filled),
        root_cause=draw(filled),
        change_shipped=draw(filled),
        metric=metric.id,
        review_date=shipped + timedelta(days=draw(st.integers(31, 99))),
        scope=scope,
        kind=draw(st.sampled_from(["automation_condition", "filter_update"])),
        shipped_on=shipped,
        written_on=shipped - timedelta(days=draw(st.integers(0, 30))),
        owner=draw(filled),
        since=draw(st.none() | st.just(shipped - timedelta(days=40))),
        settling_days=draw(st.integers(0, 30)),
        comparison=draw(st.sampled_from(["", *scope.dims])),
        expected_effect=draw(words),
        notes=draw(words),
    )
    return change if draw(st.booleans()) else closed(change, draw)


def closed(change: Change, draw: st.DrawFn) -> Change:
    low, value, high = sorted(draw(st.lists(st.integers(-9999, 9999), min_size=3, max_size=3)))
    return replace(
        change,
        verdict=draw(st.sampled_from(changes.FINAL)),
        decided_on=change.review_date,
        estimate=draw(st.none() | st.just(Estimate(value / 1e4, low / 1e4, high / 1e4))),
    )


def logs() -> st.SearchStrategy[list[Change]]:
    return st.lists(any_change(), max_size=4, unique_by=lambda change: change.id)


def bare(log: tuple[Change, ...]) -> list[Change]:
    return [replace(change, flags=(), clear_from=None, clear_until=None) for change in log]


@given(log=logs())
def test_what_is_written_is_read_back(log: list[Change], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    changes.write(path, log)
    assert bare(changes.read(path)) == log


@given(log=logs(), form=st.sampled_from(["out.csv", "out.md"]))
@example(
    log=[replace(ONE, notes="### Owner\n\\# x\n_No response_\n\n## C9: y", pattern="_No response_")], form="out.md"
)
@example(log=[replace(ONE, notes="'=1+1", pattern="=cmd|' /C calc'!A0", owner="@SUM(A1)")], form="out.csv")
def test_an_exported_log_is_imported_whole(
    log: list[Change], form: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    changes.write(folder / "log.csv", log)
    changes.export(folder / "log.csv", folder / form)
    if log or form == "out.csv":
        changes.merge(folder / "other.csv", folder / form, changes.Signed("Dana", date(2026, 1, 1)), force=True)
        assert bare(changes.read(folder / "other.csv")) == log


@given(log=logs())
def test_no_cell_of_an_export_begins_like_a_formula(
    log: list[Change], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    changes.write(folder / "log.csv", log)
    changes.export(folder / "log.csv", folder / "out.csv")
    with (folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@given(text=words | st.from_regex(FORMULA).map(clean))
def test_the_guard_before_a_formula_comes_off_again(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_the_demo_log_stays_as_it_is_but_for_the_new_columns(tmp_path: Path) -> None:
    changes.write(tmp_path / "log.csv", changes.read(DEMO))
    with DEMO.open(newline="") as old, (tmp_path / "log.csv").open(newline="") as new:
        before, after = list(csv.reader(old)), list(csv.reader(new))
    width = len(changes.COLUMNS) - len(changes.OUTCOME)
    assert [row[:width] for row in after] == [row[:width] for row in before]
    assert after[0] == list(changes.COLUMNS)


def test_what_excel_does_to_a_file_is_read_all_the_same(tmp_path: Path) -> None:
    two = [replace(ONE, notes="two\nlines"), replace(ONE, id="C2", shipped_on=date(2026, 10, 6))]
    changes.write(tmp_path / "log.csv", two)
    first, *rest = (tmp_path / "log.csv").read_text(encoding="utf-8").split("\nC2,")
    text = "\n".join([first, "," * 19, "", *(f"C2,{row}" for row in rest), "," * 19]).replace("\n", "\r\n")
    (tmp_path / "excel.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert bare(changes.read(tmp_path / "excel.csv")) == two


def with_cells(path: Path, **cells: str) -> Path:
    row = {**changes.cells_of(ONE), **cells}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"owner": " "}, "row 2, owner: is empty; every change needs it"),
        ({"since": "10/5/2026"}, "row 2, since: '10/5/2026' is not a date; write it as 2026-10-05"),
        ({"since": "0026-10-05"}, "row 2, since: '0026-10-05' lies before the year 2000"),
        ({"settling_days": "-3"}, "row 2, settling_days: '-3'; write a whole number such as 14"),
        ({"settling_days": "9" * 5000}, "999'; write a whole number such as 14, at most 365"),
        ({"kind": "magic"}, "row 2, kind: 'magic'; allowed: automation_condition"),
        ({"metric": "lateness"}, "row 2, metric: unknown metric 'lateness'; known: short_promise"),
        ({"placebo_metric": "x"}, "row 2, placebo_metric: unknown metric 'x'"),
        ({"scope": "web"}, "row 2, scope: slice 'web': each condition is 'dimension = value'"),
        ({"scope": "carrier = UPS"}, "row 2, scope: 'carrier' is not a dimension of ready_to_label; it has: channel"),
        ({"scope": "channel = a & channel = b"}, "row 2, scope: fixes channel twice"),
        ({"review_date": "2026-10-05"}, r"row 2, review_date: must lie after shipped_on \(2026-10-05\)"),
        ({"verdict": "great"}, "row 2, verdict: 'great'; allowed: improved, worsened"),
        ({"verdict": "improved"}, "row 2, decided_on: is empty; a closed change has a verdict"),
        ({"decided_on": "2026-11-20"}, "row 2, verdict: is empty; a closed change has"),
        ({"verdict": "improved", "decided_on": "2026-10-01"}, "row 2, decided_on: must not lie before shipped_on"),
        ({"verdict": "improved", "decided_on": "2026-11-20", "estimate": "a fifth"}, "row 2, estimate: 'a fifth'"),
        ({"verdict": "improved", "decided_on": "2026-11-20", "estimate": "1 (2 to 3)"}, "write the relative effect"),
        ({"notes": "x" * 32_768}, "row 2, notes: has 32,768 characters; a cell of Excel holds 32,767"),
        ({"reviewdate": "x"}, "unknown column 'reviewdate'; did you mean 'review_date'"),
        ({"id;pattern": "x"}, "its columns are not parted by commas"),
    ],
)
def test_a_faulty_cell_is_named_with_how_to_mend_it(tmp_path: Path, cells: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        changes.read(with_cells(tmp_path / "log.csv", **cells))
    assert str(tmp_path / "log.csv") in str(raised.value)


def test_every_fault_of_a_file_is_listed_at_once(tmp_path: Path) -> None:
    path = with_cells(tmp_path / "log.csv", owner="", kind="magic")
    path.write_text(path.read_text() + path.read_text().split("\n")[1] + "\n")
    with pytest.raises(ValueError, match="row 3, kind") as raised:
        changes.read(path)
    assert len(str(raised.value).splitlines()) == 5
    assert "row 3, id: 'C1' is already in row 2" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,pattern\nC1,x\n", "the first row lacks root_cause, change_shipped"),
        (b"", "the first row lacks id"),
        (b"id,id\n", "the first row names 'id' twice"),
        ("id\nä".encode("latin-1"), "cannot be read as CSV in UTF-8"),
        (",".join(changes.REQUIRED).encode() + b"\n" + b"x," * 11 + b"y\n", "row 2 has 12 cells, the first row 11"),
        (",".join(changes.REQUIRED).encode() + b'\n"C1,x\n', "cannot be read as CSV in UTF-8"),
        (",".join(changes.REQUIRED).encode() + b"\nC1,x,y", "row 2 ends in its middle; the file was cut off"),
        (2 * (",".join(changes.REQUIRED).encode() + b"\n"), "row 2 repeats the first row; two logs stand"),
        (
            ",".join(changes.REQUIRED).encode() + b"\n<<<<<<< HEAD\n",
            "row 2 is the mark of a merge that git could not",
        ),
    ],
)
def test_a_file_that_is_no_log_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        changes.read(tmp_path / "log.csv")


def test_closed_changes_are_neither_due_nor_upcoming(tmp_path: Path) -> None:
    late, early = replace(ONE, id="C2", review_date=date(2026, 12, 1)), replace(ONE, id="C3")
    done = replace(ONE, id="C4", verdict="improved", decided_on=date(2026, 11, 10))
    log = (late, early, done)
    assert [c.id for c in changes.due(log, date(2026, 11, 16))] == ["C3"]
    assert [c.id for c in changes.due(log, date(2026, 11, 15))] == []
    assert [c.id for c in changes.upcoming(log, date(2026, 11, 1))] == ["C3", "C2"]
    assert [c.id for c in changes.shipped(log, date(2026, 11, 1))] == ["C2", "C3", "C4"]


WRITER = """
import sys
from pathlib import Path
from closeloop import changes
path, who = Path(sys.argv[1]), sys.argv[2]
cells = changes.cells_of(changes.read(path)[0])
for number in range(20):
    changes.add(path, {**cells, "id": "", "owner": f"{who} {number}"}, force=True)
"""


def test_two_processes_that_write_at_once_lose_no_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    changes.write(path, [ONE])
    both = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), who]) for who in ("Dana", "Lee")]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    log = changes.read(path)
    assert {c.owner for c in log[1:]} == {f"{who} {i}" for who in ("Dana", "Lee") for i in range(20)}
    assert {c.id for c in log} == {f"C{i}" for i in range(1, 42)}
    assert {file.name for file in tmp_path.iterdir()} == {"log.csv"}


def test_a_log_that_is_being_written_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with changes.locked(path):
            held.set()
            leave.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    with (
        pytest.raises(ValueError, match=r"another program has been writing it for 0\.1 s"),
        changes.locked(path, 0.1),
    ):
        pass
    leave.set()
    holder.join()
    with changes.locked(path, 0.1):
        assert path.with_name("log.csv.lock").is_file()


def test_a_lock_file_that_its_holder_removed_meanwhile_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock, left = tmp_path / "log.csv", log_file._lock, list[Path]()

    def holder_leaves_first(handle: int) -> None:
        if not left:
            left.append(path.with_name("log.csv.lock"))
            left[0].unlink()
        lock(handle)

    monkeypatch.setattr(log_file, "_lock", holder_leaves_first)
    with changes.locked(path):
        assert left[0].is_file(), "it held a file that nobody else can see"


def test_a_file_saved_by_an_editor_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    changes.write(path, [ONE])

    def slowly(_log: tuple[Change, ...]) -> Revision:
        changes.write(path, [replace(ONE, owner="Lee")])
        return Revision(())

    with pytest.raises(ValueError, match="was saved by somebody else just now; nothing was written"):
        changes.revise(path, slowly)
    assert changes.read(path)[0].owner == "Lee"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such folder"):
        changes.add(tmp_path / "nowhere" / "log.csv", changes.cells_of(ONE))
