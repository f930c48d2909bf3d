"""`closeloop log`: what each command writes and says, in 80 columns, and its exit codes."""

import csv
import functools
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from closeloop import changes, cli, loop, review, simulate

ROOT = Path(__file__).parent.parent
SHOP = "params/sources/shop"


opened = functools.cache(loop.open_week)


def open_once(source: str, week: str, data: str) -> loop.Loop:
    """Open a week of the small demo, the newest if none is named; its facts are built once for all tests."""
    return opened(source, week or "2026-W47", data)


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "files"
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(40, 800)), folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, whose shop has read the small demo once for all tests."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "params", root / "params")
    shutil.move(root / "params/sources/demo", root / SHOP)
    (root / "notebooks").mkdir()
    return root


@pytest.fixture
def log(project: Path) -> Path:
    """The shop's log: that of the demo merchant, with no history."""
    path = project / SHOP / "improvement_log.csv"
    shutil.copy(ROOT / "params/sources/demo/improvement_log.csv", path)
    path.with_name("improvement_log.history.csv").unlink(missing_ok=True)
    return path


@pytest.fixture
def closeloop(
    log: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run a command on the shop as the shell would; give its exit code and what it said."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("USER", "dana")
    monkeypatch.setattr(loop, "open_week", open_once)

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["closeloop", "log", *words, "--source", SHOP])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        return Said(0 if code is None else int(code), *capsys.readouterr())

    return run


NEW = (
    "--pattern", "UPS is slow", "--root-cause", "carrier: a hub", "--change", "Send by FedEx", "--metric",
    "slow_transit", "--scope", "carrier = UPS", "--kind", "carrier_allocation", "--shipped-on", "2026-10-26",
    "--owner", "carrier manager",
)  # fmt: skip
SIGNED = ("--written-on", "2026-10-20", "--review-date", "2026-11-20")


def test_add_writes_one_row_and_leaves_the_others(closeloop: Callable[..., Said], log: Path) -> None:
    said = closeloop("add", *NEW, *SIGNED, "--since", "2026-10-12", "--settling-days", "7", "--placebo-metric",
                     "ready_to_label", "--comparison", "carrier", "--expected-effect", "-20 % slow",
                     "--notes", "=1")  # fmt: skip
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "C4 is in improvement_log.csv:"
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["C1", "C2", "C3", "C4"]
    assert {k: v for k, v in rows[3].items() if v} == {
        "id": "C4", "pattern": "UPS is slow", "root_cause": "carrier: a hub", "change_shipped": "Send by FedEx",
        "metric": "slow_transit", "review_date": "2026-11-20", "scope": "carrier = UPS",
        "kind": "carrier_allocation", "shipped_on": "2026-10-26", "written_on": "2026-10-20",
        "owner": "carrier manager", "since": "2026-10-12", "settling_days": "7", "comparison": "carrier",
        "placebo_metric": "ready_to_label", "expected_effect": "'-20 % slow", "notes": "'=1",
    }  # fmt: skip


def test_add_is_written_today_unless_a_day_is_given(closeloop: Callable[..., Said], log: Path) -> None:
    assert closeloop("add", *NEW, "--review-date", "2026-11-20", "--id", "UPS-1").code == 0
    assert changes.find(changes.read(log), "UPS-1").written_on == date.today()


def test_add_proposes_the_review_date_that_the_planner_gives(
    closeloop: Callable[..., Said], log: Path, files: Path
) -> None:
    said = closeloop("add", *NEW, *SIGNED[:2], "--data", str(files), "--hoped-effect", "-0.4")
    assert said.code == 0, said.err
    week, added = open_once(SHOP, "2026-W47", str(files)), changes.read(log)[-1]
    proposal = review.propose(week.con, week.cube, added, hoped=-0.4)
    assert added.review_date == proposal.review_date
    assert " ".join(said.out.split()).startswith(" ".join(proposal.lines[0].split()))


def test_add_says_when_no_review_could_ever_tell(closeloop: Callable[..., Said], files: Path) -> None:
    said = closeloop("add", *NEW, *SIGNED[:2], "--scope", "carrier = UPS & warehouse = NV", "--data", str(files),
                     "--hoped-effect", "-0.4", "--force")  # fmt: skip
    assert said.code == 0, said.err
    text = " ".join(said.out.split())
    assert "Too small ever to tell" in text
    assert "Scope carrier = UPS would show it after 3 weeks, if the change ships to all of it." in text
    assert max(map(len, said.out.splitlines())) <= 80


def test_add_names_a_value_of_the_scope_that_no_row_has(
    closeloop: Callable[..., Said], log: Path, files: Path
) -> None:
    before = log.read_bytes()
    for value, hint in (("Ups", "did you mean 'UPS'?"), ("fax", "it has: ")):
        said = closeloop("add", *NEW, "--scope", f"carrier = {value}", "--data", str(files))
        assert said.code == 1
        assert f"scope: no row has carrier = {value!r}; {hint}" in said.err
    assert log.read_bytes() == before


def test_add_drafts_a_change_from_a_pattern(closeloop: Callable[..., Said], log: Path, files: Path) -> None:
    found = open_once(SHOP, "2026-W47", str(files)).patterns.patterns
    pattern = next(p for p in found if p.slice.where)
    said = closeloop("add", "--from-pattern", f"2026-W47/{pattern.id}", "--data", str(files), "--shipped-on",
                     "2026-11-30", "--written-on", "2026-11-24", "--owner", "Dana", "--review-date", "2027-01-04",
                     "--kind", "filter_update", "--force")  # fmt: skip
    assert said.code == 0, said.err
    added = changes.read(log)[-1]
    assert (added.pattern, added.metric, added.scope, added.since) == (
        pattern.id, pattern.metric, pattern.slice, pattern.onset,
    )  # fmt: skip
    assert added.kind == "filter_update"
    assert added.change_shipped
    assert added.root_cause
    missing = closeloop("add", "--from-pattern", "2026-W47/PXXXX", "--data", str(files))
    assert (missing.code, "2026-W47 has no pattern 'PXXXX'; it has: " in missing.err) == (1, True)


def test_a_second_change_in_the_scope_needs_force_and_is_marked(closeloop: Callable[..., Said]) -> None:
    assert closeloop("add", *NEW, *SIGNED).code == 0
    again = ("add", *NEW, *SIGNED, "--scope", "carrier = UPS & zone = 7")
    said = closeloop(*again)
    assert said.code == 1
    assert "C5 and C4" in said.err
    forced = closeloop(*again, "--force")
    assert forced.code == 0
    assert "! It shipped" in forced.out or "! Change C4 shipped" in forced.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("add", "--owner", "x"), 2, "a change needs also: --pattern (What was seen: a pattern's id such as P0404"),
        (("add", *NEW, *SIGNED, "--metric", "lateness"), 1, "the new change, metric: unknown metric 'lateness'"),
        (("add", *NEW, "--shipped-on", "soon"), 1, "shipped_on: 'soon' is not a date; write it as 2026-10-05"),
        (("add", *NEW, *SIGNED, "--id", "C1"), 1, "id: 'C1' is already in the log"),
        (("add", "--from-pattern", "P0404"), 1, "write a week and a pattern, such as 2026-W47/P0404"),
        (("add", *NEW, "--hoped-effect", "a"), 2, "'a' is not a valid float"),
        (("amend", "C9", "--owner", "x"), 1, "the log has no change 'C9'; it has: C1, C2, C3"),
        (("amend", "C1"), 2, "name what to amend"),
        (("amend", "C1", "--owner", "x", "--on", "soon"), 1, "'soon' is not a date"),
        (("close", "C9", "--verdict", "improved"), 1, "the log has no change 'C9'"),
        (("close", "C1", "--verdict", "great"), 1, "change C1, verdict: 'great'; allowed: improved, worsened"),
        (("due", "--week", "2026-W99"), 1, "write an ISO week that exists"),
        (("export",), 2, "Missing option '--to'"),
        (("export", "--to", "log.ods"), 1, "written and read as .csv, .xlsx, .md; given .ods"),
        (("import", "nowhere.csv"), 1, "nowhere.csv: there is no such file"),
    ],
)
def test_bad_input_is_one_plain_message(
    closeloop: Callable[..., Said], log: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    before = log.read_bytes()
    done = closeloop(*words)
    assert said in done.err
    assert done.code == code
    assert "Traceback" not in done.err
    assert log.read_bytes() == before


def test_list_and_due_fit_a_terminal(closeloop: Callable[..., Said], log: Path) -> None:
    long = ("--change", "Send " + "everything " * 20, "--notes", "x", "--owner", "a\x1b[31m red owner")
    assert closeloop("add", *NEW, *SIGNED, *long, "--written-on", "2026-11-09").code == 0
    closeloop(
        "close", "C2", "--verdict", "improved", "--decided-on", "2026-11-10", "--estimate", "-0.2 (-0.3 to -0.1)"
    )
    listed = closeloop("list").out
    assert max(map(len, listed.splitlines())) <= 80
    assert "\x1b" not in listed
    heads = [line.split()[0] for line in listed.splitlines() if not line.startswith(" ")]
    assert heads == ["C2", "C1", "C4", "C3"]
    assert "    closed 2026-11-10: improved -0.2 (-0.3 to -0.1)" in listed
    assert "    ! It was written down after it shipped" in listed
    due = closeloop("due", "--week", "2026-W49").out
    assert [line.split()[0] for line in due.splitlines() if not line.startswith(" ")] == ["C1", "C4"]
    assert closeloop("due", "--week", "2026-W40").out == "no change is due by 2026-10-04\n"


def test_amend_and_close_keep_the_past(closeloop: Callable[..., Said], log: Path) -> None:
    assert closeloop("amend", "C1", "--metric", "late_handover", "--on", "2026-10-20").code == 0
    assert (
        closeloop("close", "C1", "--verdict", "no clear change", "--decided-on", "2026-11-17", "--who", "Lee").code
        == 0
    )
    first = changes.read(log)[0]
    assert first.decided_on
    assert "Its metric was amended on 20 Oct 2026, after it shipped" in first.flags[0]
    assert log.with_name("improvement_log.history.csv").read_text().splitlines() == [
        "when,id,field,before,after,who",
        "2026-10-20,C1,metric,ready_to_label,late_handover,dana",
        "2026-11-17,C1,verdict,,no clear change,Lee",
        "2026-11-17,C1,decided_on,,2026-11-17,Lee",
    ]


def test_close_takes_the_verdict_of_the_report(closeloop: Callable[..., Said], log: Path, files: Path) -> None:
    verdicts = {v.change.id: v for v in open_once(SHOP, "2026-W47", str(files)).verdicts}
    said = closeloop("close", "C1", "--week", "2026-W47", "--data", str(files), "--decided-on", "2026-11-23")
    assert said.code == 0, said.err
    first = changes.read(log)[0]
    assert first.decided_on
    assert first.verdict == verdicts["C1"].decision
    assert first.estimate is not None
    assert first.estimate.value == pytest.approx(verdicts["C1"].effect.value, abs=1e-4)
    early = closeloop("close", "C3", "--week", "2026-W47", "--data", str(files))
    assert (early.code, "name one with --verdict" in early.err) == (1, True)


@pytest.mark.parametrize("suffix", [".csv", ".md"])
def test_an_export_comes_back_by_import(
    closeloop: Callable[..., Said], log: Path, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"log{suffix}"
    assert closeloop("export", "--to", str(file)).out == f"{file}: 3 changes\n"
    assert closeloop("import", str(file)).out == "nothing to change\n"
    file.write_text(file.read_text(encoding="utf-8").replace("fulfilment lead", "dock lead"), encoding="utf-8")
    dry = closeloop("import", str(file), "--dry-run")
    assert dry.out.splitlines()[0] == "C1, owner: fulfilment lead -> dock lead"
    assert changes.read(log)[0].owner == "fulfilment lead"
    assert closeloop("import", str(file), "--on", "2026-10-01").code == 0
    assert changes.read(log)[0].owner == "dock lead"


@pytest.mark.parametrize(("words", "code"), [(("list",), 0), (("list", "--source", "nowhere"), 1), (("add",), 2)])
def test_the_shell_gets_the_exit_code(words: tuple[str, ...], code: int) -> None:
    command = [sys.executable, "-m", "closeloop.cli", "log", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
