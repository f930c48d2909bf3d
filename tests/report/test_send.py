"""Sending: to a real SMTP server on this machine, each mail at most once, and never around TLS."""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import AuthResult

from closeloop.report import audience, delivery, journal, mail
from closeloop.report.delivery import Recipient, Server
from closeloop.report.ledger import Key, Ledger
from closeloop.report.send import PASSWORD, USER, WAITS_S, Letter, Sender
from closeloop.slices import Slice

from .findings_sample import NOTHING, SAMPLE
from .mailbox import ANN, BOB, EVE, NOW, configured, free_port, serving

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def started(box):
    """Start a server with the given options and say where it is."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(serving(box, **options))


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    return made, str(path)


def tls_for(authority, *names):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority[0].issue_cert(*names).configure_cert(context)
    return context


def letter(to):
    message = EmailMessage(policy=policy.SMTP)
    message["From"], message["To"], message["Subject"] = "closeloop <ops@juniper.example>", to, "The week"
    message["Message-ID"] = f"<closeloop-{to}>"
    message.set_content("All is well.\n.\nA line of one dot stands above.")
    return Letter(Key("params/sources/demo", "2026-W47", to), message)


@pytest.fixture
def sender(tmp_path):
    """A sender to a server, each time as a new run would make it: the ledger is read from the disk."""
    waited = []

    def make(server, **environ):
        made = Sender(server, Ledger(tmp_path, lambda: NOW), waited.append, environ)
        return made, waited

    return make


def states(outcomes):
    return {one.to: one.state for one in outcomes}


def ledger_text(folder):
    return (folder / "delivery.jsonl").read_text(encoding="utf-8")


def test_a_mail_arrives_as_it_was_written(started, box, sender, tmp_path):
    post, _ = sender(started())
    assert states(post.send([letter(ANN)])) == {ANN: "sent"}
    arrived = message_from_bytes(box.arrived[0][1], policy=policy.default)
    assert arrived.get_content().splitlines() == ["All is well.", ".", "A line of one dot stands above."]
    assert [line["state"] for line in journal.lines_of(tmp_path / "delivery.jsonl")] == ["sending", "sent"]


def test_a_second_run_sends_nothing(started, box, sender):
    server = started()
    sender(server)[0].send([letter(ANN)])
    again = sender(server)[0].send([letter(ANN), letter(BOB)])
    assert box.recipients == [ANN, BOB]
    assert [(one.state, one.already) for one in again] == [("sent", True), ("sent", False)]


def test_a_refused_recipient_does_not_stop_the_others(started, box, sender):
    box.answers = {BOB: ["550 5.1.1 no such user"]}
    outcomes = sender(started())[0].send([letter(ANN), letter(BOB), letter(EVE)])
    assert states(outcomes) == {ANN: "sent", BOB: "refused", EVE: "sent"}
    assert box.recipients == [ANN, EVE]
    assert "550 5.1.1 no such user" in outcomes[1].detail


def test_greylisting_is_waited_for_and_tried_again(started, box, sender):
    box.answers = {BOB: ["450 4.2.0 greylisted", "451 4.7.1 not yet"]}
    post, waited = sender(started())
    assert states(post.send([letter(ANN), letter(BOB)])) == {ANN: "sent", BOB: "sent"}
    assert box.recipients == [ANN, BOB], "the one that was taken is not sent again"
    assert waited == list(WAITS_S[:3])


def test_endless_greylisting_is_given_up_and_left_for_the_next_run(started, box, sender):
    server = started()
    box.answers = {BOB: ["450 4.2.0 greylisted"] * len(WAITS_S)}
    post, waited = sender(server)
    assert states(post.send([letter(BOB)])) == {BOB: "deferred"}
    assert waited == list(WAITS_S)
    assert states(sender(server)[0].send([letter(BOB)])) == {BOB: "sent"}


def test_a_mail_refused_after_its_text_is_no_unknown(started, box, sender):
    box.data_answers = ["554 5.6.0 no thanks"]
    outcomes = sender(started())[0].send([letter(ANN)])
    assert states(outcomes) == {ANN: "refused"}


def test_a_mail_put_off_after_its_text_is_tried_again(started, box, sender):
    box.data_answers = ["452 4.3.1 out of space"]
    assert states(sender(started())[0].send([letter(ANN)])) == {ANN: "sent"}
    assert box.recipients == [ANN]


def test_a_server_that_is_not_there_is_deferred_and_bounded(sender):
    post, waited = sender(Server("127.0.0.1", free_port(), "none", timeout_seconds=2))
    outcomes = post.send([letter(ANN), letter(BOB)])
    assert states(outcomes) == {ANN: "deferred", BOB: "deferred"}
    assert len(waited) == len(WAITS_S)


def test_silence_after_the_text_is_unknown_and_never_sent_again_by_itself(started, box, sender):
    box.stall = 1.5
    server = replace(started(), timeout_seconds=0.5)
    outcomes = sender(server)[0].send([letter(ANN)])
    assert states(outcomes) == {ANN: "unknown"}
    assert f"--resend {ANN}" in outcomes[0].detail
    box.stall = 0.0
    assert states(sender(server)[0].send([letter(ANN)])) == {ANN: "unknown"}
    assert len(box.arrived) == 1
    assert states(sender(server)[0].send([letter(ANN)], again=[ANN])) == {ANN: "sent"}
    first, second = (message_from_bytes(content)["Message-ID"] for _, content in box.arrived)
    assert first == second, "a mail program must be able to tell that it is the same mail"


def test_one_mail_left_unknown_does_not_stop_the_next(started, box, sender, monkeypatch):
    box.stall = 1.5
    server = replace(started(), timeout_seconds=0.5)
    post = sender(server)[0]

    def wake(_):
        box.stall = 0.0 if box.arrived else 1.5

    outcomes = replace(post, sleep=wake).send([letter(ANN), letter(BOB)])
    assert states(outcomes) == {ANN: "unknown", BOB: "sent"}


def test_sending_again_to_a_stranger_is_refused(started, sender):
    with pytest.raises(ValueError, match=r"'eve@juniper\.example' is no recipient of this mail; they are ann"):
        sender(started())[0].send([letter(ANN)], again=[EVE])


def test_starttls_with_a_known_authority_sends(started, box, sender, authority):
    server = started(tls_context=tls_for(authority, "127.0.0.1"), require_starttls=True)
    outcomes = sender(replace(server, security="starttls", ca_file=authority[1]))[0].send([letter(ANN)])
    assert states(outcomes) == {ANN: "sent"}


@pytest.mark.parametrize(("names", "known"), [(("mail.other.example",), True), (("127.0.0.1",), False)])
def test_a_wrong_certificate_sends_nothing(started, box, sender, authority, names, known):
    server = started(tls_context=tls_for(authority, *names))
    wanted = replace(server, security="starttls", ca_file=authority[1] if known else "")
    post, waited = sender(wanted)
    [outcome] = post.send([letter(ANN)])
    assert outcome.state == "refused"
    assert "TLS failed" in outcome.detail
    assert box.arrived == []
    assert len(waited) == 1, "trying again would not help"


def test_a_server_without_starttls_gets_nothing_in_the_clear(started, box, sender):
    [outcome] = sender(replace(started(), security="starttls"))[0].send([letter(ANN)])
    assert outcome.state == "refused"
    assert "STARTTLS" in outcome.detail
    assert box.arrived == []


def login(server, session, envelope, mechanism, data):
    """The server answers itself, for better or worse (`handled`)."""
    return AuthResult(success=(data.login, data.password) == (b"closeloop", b"right horse"), handled=False)


@pytest.mark.parametrize(("password", "state"), [("right horse", "sent"), ("wrong horse battery", "refused")])
def test_a_login_works_or_is_refused_and_the_password_is_nowhere(
    started, sender, authority, tmp_path, password, state
):
    server = started(tls_context=tls_for(authority, "127.0.0.1"), authenticator=login, auth_required=True)
    wanted = replace(server, security="starttls", ca_file=authority[1])
    outcomes = sender(wanted, **{USER: "closeloop", PASSWORD: password})[0].send([letter(ANN)])
    assert states(outcomes) == {ANN: state}, outcomes
    assert password not in ledger_text(tmp_path) + str(outcomes)


def test_a_password_repeated_by_the_server_is_hidden(started, box, sender, tmp_path, authority):
    box.answers = {ANN: ["550 you said right horse"]}
    server = started(tls_context=tls_for(authority, "127.0.0.1"), authenticator=login)
    wanted = replace(server, security="starttls", ca_file=authority[1])
    outcomes = sender(wanted, **{USER: "closeloop", PASSWORD: "right horse"})[0].send([letter(ANN)])
    assert outcomes[0].detail == f"550 you said ${PASSWORD}"
    assert "right horse" not in ledger_text(tmp_path)


def test_a_password_never_goes_over_the_wire_in_the_clear(started, box, sender):
    [outcome] = sender(started(), **{USER: "closeloop", PASSWORD: "right horse"})[0].send([letter(ANN)])
    assert outcome.state == "refused"
    assert "in the clear" in outcome.detail
    assert box.arrived == []


KILLED = """
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from closeloop.report.delivery import Server
from closeloop.report.ledger import Key, Ledger
from closeloop.report.send import Letter, Sender
message = EmailMessage()
message["From"], message["To"], message["Message-ID"] = "ops@juniper.example", {to!r}, "<1@juniper.example>"
ledger = Ledger(Path({folder!r}), lambda: datetime(2026, 11, 23, tzinfo=UTC))
letter = Letter(Key("params/sources/demo", "2026-W47", {to!r}), message)
Sender(Server("127.0.0.1", {port}, "none"), ledger, lambda _: None, {{}}).send([letter])
"""


def test_a_run_killed_between_the_text_and_the_ledger_is_unknown(started, box, sender, tmp_path):
    box.stall = 2.0
    server = started()
    code = KILLED.format(folder=str(tmp_path), port=server.port, to=ANN)
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not box.arrived and run.poll() is None:
        time.sleep(0.01)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert [line["state"] for line in journal.lines_of(tmp_path / "delivery.jsonl")] == ["sending"]
    box.stall = 0.0
    assert states(sender(server)[0].send([letter(ANN)])) == {ANN: "unknown"}
    assert box.recipients == [ANN]


def test_half_a_line_in_the_ledger_is_no_line(tmp_path):
    key = letter(ANN).key
    Ledger(tmp_path, lambda: NOW).note(key, "sending", "<1>")
    with (tmp_path / "delivery.jsonl").open("a") as file:
        file.write('{"time": "2026-11-23T06:30:00+00:00", "sour')
    reread = Ledger(tmp_path, lambda: NOW)
    assert reread.state(key) == "unknown"
    reread.note(key, "sent", "<1>")
    assert Ledger(tmp_path, lambda: NOW).state(key) == "sent"


def test_the_example_configuration_is_valid_and_holds_no_secret():
    read = delivery.read(ROOT / "params" / "delivery.yml")
    assert {role for one in read.recipients for role in one.roles} == {"operations", "warehouse manager"}
    assert read.with_role("warehouse manager")[0].slices == (Slice.parse("warehouse = NJ"),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipient": []}, "unknown key 'recipient'; did you mean 'recipients'"),
        ({"smtp": {"host": "h", "port": 25, "password": "x"}}, "set CLOSELOOP_SMTP_USER and CLOSELOOP_SMTP_PASSWORD"),
        ({"smtp": {"host": "h", "port": "25"}}, "smtp.port '25': write a number"),
        ({"smtp": {"host": "h", "port": 25, "security": "ssl"}}, "allowed: none, starttls, tls"),
        ({"smtp": {"host": "h", "port": 25, "ca_file": "no.pem"}}, "there is no .*no.pem"),
        ({"recipients": [{"to": "ann"}]}, "entry 1: 'ann' is not one mail address"),
        ({"recipients": [{"to": "a@b.example, c@b.example"}]}, "is not one mail address"),
        ({"recipients": [{"to": "Ann <ann@b.example>\r\nBcc: x@y.example"}]}, "is not one mail address"),
        ({"recipients": [{"to": "änn@b.example"}]}, "must be ASCII"),
        ({"recipients": [{"to": ANN, "slice": "warehose = NJ"}]}, "did you mean 'warehouse'"),
        ({"recipients": [{"to": ANN, "slice": "NJ"}]}, "dimension = value"),
        ({"unsubscribe": "http://juniper.example"}, "https address"),
        ({"unsubscribe": ["mailto:a@b.example", "https://juniper.example/stop"]}, r"write \{recipient\} into it"),
        ({"unsubscribe": ["https://juniper.example/{recipient}>,<x"]}, "https address"),
        ({"owner": ""}, "missing owner"),
    ],
)
def test_a_wrong_configuration_is_named_before_anything_is_sent(tmp_path, changes, said):
    with pytest.raises(ValueError, match=said) as raised:
        configured(tmp_path, **changes)
    assert "delivery.yml" in str(raised.value)


def test_an_address_named_twice_is_one_recipient_with_both_slices(tmp_path):
    read = configured(
        tmp_path,
        recipients=[
            {"role": "a", "slice": "warehouse = NJ", "to": ANN},
            {"role": "b", "slice": "warehouse = NV", "to": f"Ann Lee <{ANN.upper()}>"},
            {"role": "c", "slice": "warehouse = NV", "to": BOB},
            {"role": "d", "to": BOB},
        ],
    )
    nj, nv = Slice.parse("warehouse = NJ"), Slice.parse("warehouse = NV")
    assert read.recipients == (Recipient(ANN, ("a", "b"), (nj, nv)), Recipient(BOB, ("c", "d"), ()))
    assert [one.address for one in read.with_role("b")] == [ANN]
    with pytest.raises(ValueError, match="nobody has it; the roles are a, b, c, d"):
        read.with_role("boss")


def test_a_slice_is_told_only_what_can_concern_it():
    nj = Slice.parse("warehouse = NJ")
    away = [p for p in SAMPLE.patterns if dict(p.slice.where).get("warehouse", "NJ") != "NJ"]
    assert away, "the sample has a pattern of another warehouse"
    seen = audience.view(SAMPLE, (nj,))
    assert [p for p in SAMPLE.patterns if p not in seen.patterns] == away
    page = audience.page_of(seen).decode()
    sent = mail.compose(seen, "ops@juniper.example", [ANN], None)
    for pattern in SAMPLE.patterns:
        assert (pattern.id in page) == (pattern not in away)
        assert (pattern.sentence.split(" ")[0] in page) or pattern in away
    told = sent.get_body(("plain",)).get_content() + "\n".join(seen.decisions)
    assert not [p.id for p in away if p.id in told]
    assert f"{len(seen.patterns)} concern" in sent["Subject"]
    assert audience.view(SAMPLE, ()) is SAMPLE


def test_each_recipient_has_a_message_id_that_stays_until_the_report_changes():
    def named(learned, to):
        return mail.addressed(mail.compose(learned, "ops@juniper.example", [], None), to)["Message-ID"]

    revised = replace(NOTHING, decisions=("Look at the parcels.",))
    assert named(NOTHING, ANN) == named(NOTHING, ANN)
    assert len({named(NOTHING, ANN), named(NOTHING, BOB), named(revised, ANN)}) == 3


def test_list_unsubscribe_is_there_where_configured():
    base = mail.compose(NOTHING, "ops@juniper.example", [], None)
    with_it = mail.addressed(base, ANN, ["mailto:ann@juniper.example?subject=stop"])
    assert with_it["List-Unsubscribe"] == "<mailto:ann@juniper.example?subject=stop>"
    assert with_it["To"] == ANN
    assert "List-Unsubscribe-Post" not in with_it, "there is no one click without an https address"
    assert "List-Unsubscribe" not in mail.addressed(base, ANN)


def test_one_click_ends_the_mail_of_the_one_who_clicked(tmp_path):
    long = "https://reports.juniper.example/a/long/way/to/the/list/of/those/who/get/the/weekly/report/stop?who={recipient}"
    read = configured(tmp_path, unsubscribe=[long, "mailto:ann@juniper.example"])
    base = mail.compose(NOTHING, "ops@juniper.example", [], None)
    sent = mail.addressed(base, "Bob <bob+week@juniper.example>", read.unsubscribe).as_bytes()
    header = re.search(rb"(?m)^List-Unsubscribe: (.*(?:\r\n[ \t].*)*)\r\n", sent)[1].replace(b"\r\n", b"").decode()
    who = long.replace("{recipient}", "bob%2Bweek%40juniper.example")
    assert header.split() == [f"<{who}>,", "<mailto:ann@juniper.example>"]
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in sent
