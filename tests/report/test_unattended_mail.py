"""Runs that nobody watches: mailed once, and told to the owner alone when they fail."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import CliRunner

from closeloop.cli import cli
from closeloop.report import NotebookError, journal, manifest, run
from closeloop.report.unattended import Policy, Post

from .mailbox import ANN, BOB, NOW, configured
from .unattended_runs import go, placed
from .weekly_sample import WEEK

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def post(tmp_path, port):
    smtp = {"host": "127.0.0.1", "port": port, "security": "none", "timeout_seconds": 5}
    return Post(configured(tmp_path, smtp=smtp), lambda: NOW, lambda _: None, {})


def delivered(done):
    return all(outcome.is_fine for outcome in done.outcomes)


def test_a_report_is_mailed_once_however_often_it_is_asked_for(reports, maker, newest, box, post):
    for _ in range(3):
        assert delivered(go(reports, Policy(if_missing=True), post))
    assert (maker, box.recipients) == ([WEEK], [ANN, BOB])
    arrived = message_from_bytes(box.arrived[0][1], policy=policy.default)
    assert arrived["To"] == ANN
    assert [part.get_filename() for part in arrived.iter_attachments()] == [f"closeloop-{WEEK}.html"]


def test_what_could_not_be_sent_is_sent_by_the_next_run(reports, maker, newest, box, post):
    box.answers = {BOB: ["550 5.7.1 not today"]}
    assert not delivered(go(reports, Policy(catch_up=1), post, week=""))
    assert delivered(go(reports, Policy(catch_up=1), post, week=""))
    assert (maker, box.recipients) == ([WEEK], [ANN, BOB])


def failing(_request, _say, _made_from=None):
    raise NotebookError("notebooks/2_explore_causes.ipynb, cell 7: ZeroDivisionError: division by zero")


def test_a_failed_run_is_told_to_the_owner_alone_and_once_a_day(reports, newest, box, post, monkeypatch):
    monkeypatch.setattr(run, "weekly", failing)
    for late in (timedelta(), timedelta(hours=1), timedelta(days=1)):
        with pytest.raises(NotebookError):
            go(reports, Policy(), replace(post, now=lambda when=NOW + late: when))
    assert box.recipients == [ANN, ANN]
    told = message_from_bytes(box.arrived[0][1], policy=policy.default)
    assert "notebooks/2_explore_causes.ipynb, cell 7: ZeroDivisionError" in told.get_content()
    assert not list(told.iter_attachments())
    outcomes = [line["outcome"] for line in journal.lines_of(reports / journal.FILE)]
    assert sum(str(outcome).startswith("failed: notebooks/2_explore") for outcome in outcomes) == 3


def command_line(tmp_path, reports, port, *words):
    configured(tmp_path, smtp={"host": "127.0.0.1", "port": port, "security": "none"})
    return CliRunner().invoke(cli, [*words, "--out", str(reports), "--config", str(tmp_path / "delivery.yml")])


def test_mail_sends_nothing_unless_told_to(report, reports, box, port, tmp_path):
    placed(report, reports)
    shown = command_line(tmp_path, reports, port, "mail", WEEK)
    assert shown.exit_code == 0, shown.output
    assert f"{ANN}: would get it: " in shown.output
    assert box.arrived == []
    assert {path.name for path in (reports / "outbox" / WEEK).iterdir()} == {f"{ANN}.eml", f"{BOB}.eml"}
    sent = command_line(tmp_path, reports, port, "mail", WEEK, "--send")
    assert (sent.exit_code, sent.output) == (0, f"{ANN}: sent\n{BOB}: sent\n")
    assert f"{ANN}: has it already" in command_line(tmp_path, reports, port, "mail", WEEK).output
    assert command_line(tmp_path, reports, port, "mail", WEEK, "--send", "--resend", BOB).exit_code == 0
    assert box.recipients == [ANN, BOB, BOB]
    assert manifest.is_whole(reports / WEEK, manifest.read(report))


def test_mail_that_cannot_be_sent_is_exit_code_5(report, reports, box, port, tmp_path):
    placed(report, reports)
    box.answers = {BOB: ["550 5.1.1 no such user"]}
    sent = command_line(tmp_path, reports, port, "mail", WEEK, "--send")
    assert sent.exit_code == 5
    assert f"closeloop: mail to {BOB}: refused: 550 5.1.1 no such user" in sent.output


def test_mail_without_a_configuration_shows_the_mail_and_says_nobody_gets_it(report, reports, tmp_path):
    placed(report, reports)
    (reports / WEEK / "mail.eml").unlink()
    said = CliRunner().invoke(cli, ["mail", WEEK, "--out", str(reports), "--config", str(tmp_path / "none.yml")])
    assert said.exit_code == 0, said.output
    assert "nobody would get it" in said.output
    assert (reports / WEEK / "mail.eml").read_bytes() == (report / "mail.eml").read_bytes()


def test_mail_of_a_week_without_a_report_or_of_another_source_is_refused(report, reports, tmp_path):
    placed(report, reports)
    for words, said in (
        (["mail", "2026-W40"], "there is no whole report here"),
        (["mail", "../x"], "write an ISO week"),
        (["mail", WEEK, "--source", "params/sources/olist"], "is a report of params/sources/demo"),
    ):
        with pytest.raises(ValueError, match=said):
            CliRunner().invoke(cli, [*words, "--out", str(reports)], catch_exceptions=False)
