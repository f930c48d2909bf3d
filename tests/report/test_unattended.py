"""Runs that nobody watches: one at a time, each week once, killed at any point, cleared away, mailed once."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import nbformat
import psutil
import pytest
from click.testing import CliRunner

from closeloop import findings
from closeloop.cli import cli
from closeloop.report import NotebookError, archive, journal, lock, manifest, publish, run, unattended
from closeloop.report.unattended import Policy

from . import weekly_sample
from .mailbox import NOW
from .unattended_runs import go, names, placed, request, silent
from .weekly_sample import SOURCE, WEEK

ROOT = Path(__file__).parent.parent.parent


# One run at a time


def test_a_second_run_is_told_who_holds_the_reports(reports):
    with lock.held(reports, "closeloop weekly", NOW):
        said = CliRunner().invoke(cli, ["weekly", "--out", str(reports)])
    assert said.exit_code == 4
    assert re.search(r"held by closeloop weekly \(process \d+ on \S+, since 2026-11-23T06:30", said.output)


def test_the_lock_of_a_killed_run_is_free_at_once(reports):
    code = (
        "import time; from datetime import datetime; from pathlib import Path; from closeloop.report import lock\n"
        f"with lock.held(Path({str(reports)!r}), 'x', datetime.now()): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(lock.BusyError), lock.held(reports, "closeloop weekly", NOW):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with lock.held(reports, "closeloop weekly", NOW):
        assert (reports / lock.FILE).is_file()


# What is due


def test_what_is_there_and_made_from_the_same_is_not_made_again(report, reports, demo_data, maker):
    there = placed(report, reports)
    asked = request(reports, data=demo_data)
    done = unattended.weekly(asked, Policy(if_missing=True), silent(reports), None)
    assert done.reports == (there,)
    assert maker == []
    (there / "page.html").write_text("<p>half a page", encoding="utf-8")
    unattended.weekly(asked, Policy(if_missing=True), silent(reports), None)
    assert maker == [WEEK], "a report that is not whole is no report"


@pytest.mark.parametrize("kind", ["inputs", "settings", "code", "packages"])
def test_what_is_made_from_something_else_is_made_again(report, reports, maker, newest, kind):
    there = placed(report, reports)
    made = manifest.read(there)
    (name, _), *rest = getattr(made, kind)
    findings.save(replace(made, **{kind: ((name, "another"), *rest)}), there / manifest.FILE)
    go(reports, Policy(if_missing=True))
    assert maker == [WEEK]


def test_without_if_missing_the_report_is_made_anew(report, reports, maker, newest):
    placed(report, reports)
    go(reports)
    assert maker == [WEEK]


def test_missed_weeks_are_made_oldest_first_and_each_once(report, reports, maker, newest):
    for week in ("2026-W41", "2026-W43"):
        placed(report, reports, week)
    go(reports, Policy(catch_up=2), week="")
    assert maker == ["2026-W42", "2026-W44"]
    go(reports, Policy(catch_up=2), week="")
    assert maker == ["2026-W42", "2026-W44", "2026-W45", "2026-W46"]
    go(reports, Policy(catch_up=2), week="")
    assert len(maker) == 4, "nothing is left to make"


def test_missed_weeks_go_over_the_end_of_a_year_with_53_weeks(report, reports, maker, newest):
    newest("2027-W01")
    placed(report, reports, "2026-W51")
    go(reports, Policy(catch_up=9), week="")
    assert maker == ["2026-W52", "2026-W53", "2027-W01"]


def test_nothing_was_missed_where_there_is_no_report_yet_or_only_another_shop_s(report, reports, maker, newest):
    placed(report, reports, "2018-W10", source="params/sources/olist")
    go(reports, Policy(catch_up=4), week="")
    assert maker == [WEEK]


def test_one_week_and_all_missed_ones_cannot_both_be_asked_for():
    assert CliRunner().invoke(cli, ["weekly", "--week", WEEK, "--catch-up", "2"]).exit_code == 2


# Clearing away


def test_the_oldest_reports_of_the_source_are_removed_and_nothing_else(report, reports, maker, newest):
    for week in ("2026-W40", "2026-W42", "2026-W43", "2026-W44"):
        placed(report, reports, week)
    placed(report, reports, "2018-W10", source="params/sources/olist")
    (reports / "2026-W42" / "my notes.md").write_text("mine", encoding="utf-8")
    (reports / "2026-W43" / "page.html").write_text("edited by hand", encoding="utf-8")
    (reports / "2026-W39").mkdir()
    (reports / "photos").mkdir()
    (reports / "2026-W38").symlink_to(reports / "photos")
    go(reports, Policy(keep=2))
    left = {"2018-W10", "2026-W38", "2026-W39", "2026-W42", "2026-W43", "2026-W44", "2026-W46", "photos"}
    assert set(names(reports)) == left
    assert "2026-W40" not in (reports / "index.html").read_text(encoding="utf-8")
    steps = [line["step"] for line in journal.lines_of(reports / journal.FILE)]
    assert "removed 2026-W40" in steps
    assert sum("is left in place" in step for step in steps) == 2


def test_what_was_removed_is_not_missed(report, reports, maker, newest):
    for week in ("2026-W43", "2026-W44", "2026-W45"):
        placed(report, reports, week)
    for _ in range(2):
        go(reports, Policy(catch_up=4, keep=2), week="")
    assert (maker, names(reports)) == ([WEEK], ["2026-W45", WEEK])


@pytest.mark.parametrize("keep", [0, -1])
def test_no_number_keeps_no_report(reports, keep):
    with pytest.raises(ValueError, match="at least 1"):
        publish.keep_newest(reports, SOURCE, keep)


# Killed


@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_a_run_killed_while_it_publishes_leaves_a_whole_report(report, reports, moment):
    old, draft = placed(report, reports), placed(report, reports, f".{WEEK}.part")
    aside = reports / f".{WEEK}.old"
    if moment != "before":
        old.rename(aside)
    if moment == "after":
        draft.rename(old)
    publish.recover(reports)
    assert [path.name for path in reports.iterdir()] == [WEEK]
    assert manifest.is_whole(reports / WEEK, manifest.read(report))


def test_only_what_a_run_left_is_cleared_away(reports):
    kept = (".git", ".2026-W46.bak", ".2026-W46.partial", "2026-W46.part")
    for name in (*kept, ".2026-W46.part", ".2026-W45.gone"):
        (reports / name).mkdir()
    publish.recover(reports)
    assert set(names(reports)) == set(kept)


def test_killed_three_times_at_random_and_the_next_run_succeeds(tmp_path_factory):
    reports, seen, started = weekly_sample.killed(tmp_path_factory.getbasetemp())
    assert len(started) >= 3, "two runs had a process that forks kernels for sure, and one a kernel"
    assert not psutil.wait_procs(started, timeout=20)[1], "what a killed run has started ends by itself"
    for names_seen in seen:
        assert names_seen <= {lock.FILE, journal.FILE, f".{WEEK}.part"}, "half a report can be seen"
    assert any(f".{WEEK}.part" in names_seen for names_seen in seen), "no kill met a run at work"
    assert {path.name for path in reports.iterdir()} == {WEEK, lock.FILE, journal.FILE, archive.FILE}
    assert manifest.is_whole(reports / WEEK, manifest.read(reports / WEEK))
    lines = journal.lines_of(reports / journal.FILE)
    assert f"published {WEEK}" in [line["step"] for line in lines]
    assert all({"time", "step", "seconds", "outcome", "week"} <= set(line) for line in lines)
    assert {line["outcome"] for line in lines} == {"done"}


# What stands beside the reports


def test_the_archive_lists_the_newest_week_first_without_script(report, reports):
    for week in ("2026-W44", "2026-W46", "2026-W45"):
        placed(report, reports, week)
    (reports / "2026-W40").mkdir()
    html = archive.write(reports).read_text(encoding="utf-8")
    assert re.findall(r'href="([^"#]+)"', html) == [f"2026-W{n}/page.html" for n in (46, 45, 44)]
    learned = json.loads((report / "findings.json").read_text(encoding="utf-8"))
    assert len(re.findall(rf"\d\. {len(learned['patterns'])} patterns?\.</p>", html)) == 3
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert archive.write(reports).read_text(encoding="utf-8") == html


def test_hostile_words_in_a_report_stay_words(report, reports):
    folder = placed(report, reports)
    learned = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    learned["bottom_line"] = ["<script>alert(1)</script>"]
    (folder / "findings.json").write_text(json.dumps(learned), encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in archive.write(reports).read_text(encoding="utf-8")


def test_a_run_makes_the_archive_beside_its_report(report):
    assert f"{WEEK}/page.html" in (report.parent / archive.FILE).read_text(encoding="utf-8")


def test_the_journal_has_a_line_a_step_with_its_seconds(reports):
    ticks = iter(NOW + timedelta(seconds=n) for n in (0, 0, 1, 3.5, 4, 9))
    heard = []
    log = journal.Journal(reports, lambda: next(ticks), heard.append)
    log("first")
    log("second")
    log.close("failed: a cell")
    lines = journal.lines_of(reports / journal.FILE)
    assert [(line["step"], line["seconds"], line["outcome"]) for line in lines] == [
        ("first", 2.5, "done"), ("second", 5.0, "failed: a cell")
    ]  # fmt: skip
    assert heard == ["first", "second"]


def test_a_notebook_that_takes_too_long_is_stopped_and_named(tmp_path, monkeypatch):
    new = nbformat.v4
    slow = "import os, time\nprint(os.environ.get('CLOSELOOP_SMTP_PASSWORD'), flush=True); time.sleep(60)"
    cells = [new.new_code_cell("week = ''", metadata={"tags": ["parameters"]}), new.new_code_cell(slow)]
    (tmp_path / "params").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params" / "slow.yml").write_text('week: ""\n', encoding="utf-8")
    named = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new.new_notebook(cells=cells, metadata=named), tmp_path / "notebooks" / "slow.ipynb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOSELOOP_SMTP_PASSWORD", "right horse")
    with pytest.raises(NotebookError, match=r"slow\.ipynb, cell \d: the notebook took more than 3 s"):
        run.execute("slow", tmp_path / "out.ipynb", {"week": WEEK}, 3)
    kept = (tmp_path / ".closeloop" / "failed" / "slow.ipynb").read_text(encoding="utf-8")
    assert "right horse" not in kept
    assert '"None\\n"' in kept


# What is written about it


def commands_of(text):
    """Every command line of closeloop in a document, as words."""
    found = re.findall(r"closeloop ((?:weekly|mail|reproduce|check|explore|log|demo|lab)\b[^`\n\"'>]*)", text)
    return [line.split("#")[0].split() for line in found]


def test_every_command_in_the_scheduling_guide_is_one_that_the_command_line_takes():
    lines = commands_of((ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8"))
    assert len(lines) >= 10
    for name, *words in lines:
        cli.commands[name].make_context(name, [word for word in words if word != "--help"])


def test_every_option_and_exit_code_is_in_the_scheduling_guide():
    text = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
    own = {"--if-missing", "--catch-up", "--keep", "--timeout", "--send"}
    taken = {name for option in cli.commands["weekly"].params for name in option.opts}
    assert own == taken - {"--source", "--data", "--week", "--out", "--config"}
    for option in own:
        assert f"`{option}" in text
    told = set(re.findall(r"(?m)^\| (\d) \|", text))
    assert told == set(re.findall(r"\b(\d) [a-z]", re.sub(r"\s+", " ", cli.commands["weekly"].epilog)))
