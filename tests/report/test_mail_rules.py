"""Every rule of a mail: kept by what closeloop writes, and broken by a mail in which just that is planted."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from functools import cache

import pytest

from closeloop.report import audience, mail, mail_rules, manifest
from closeloop.report.delivery import Delivery, Recipient, Server
from closeloop.slices import Slice

from . import weekly_sample
from .findings_sample import HOSTILE, NOTHING, SAMPLE

pytestmark = pytest.mark.filterwarnings("ignore:Glyph")
SENDER, TO = "closeloop <ops@juniper.example>", "Ännä Lee <ann@juniper.example>"
STOP = ("https://juniper.example/stop?who={recipient}", "mailto:ops@juniper.example?subject=stop")


@cache
def written(findings=SAMPLE):
    composed = mail.compose(findings, SENDER, [], b"<!DOCTYPE html><title>x</title>")
    return mail.addressed(composed, TO, STOP).as_bytes()


def html(*edits):
    """Plant something in the HTML alone: (what, what stands there instead)."""

    def plant(raw):
        message = message_from_bytes(raw, policy=policy.SMTP)
        part = message.get_body(("html",))
        text = part.get_content()
        for old, new in edits:
            assert re.search(old, text), old
            text = re.sub(old, lambda _, new=new: new, text, count=1)
        part.set_content(text, subtype="html", cte="quoted-printable")
        return message.as_bytes()

    return plant


def end(element):
    return html(("</div></body>", f"{element}</div></body>"))


def wire(old, new):
    """Plant something in the bytes: every header and encoding is there."""

    def plant(raw):
        assert re.search(old, raw), old
        return re.sub(old, lambda _: new, raw, count=1)

    return plant


def part(kind, change):
    """Plant something in the first part of a kind."""

    def plant(raw):
        message = message_from_bytes(raw, policy=policy.SMTP)
        change(next(one for one in message.walk() if one.get_content_type() == kind))
        return message.as_bytes()

    return plant


PLANTED = {
    "size": end(f"<!--{'x' * 102_000}-->"),
    "weight": lambda raw: raw + b"\r\n" * 5_000_001,
    "style size": html(("<style[^>]*>", f"<style>/*{'x' * 16_000}*/")),
    "no script": end("<script>alert(1)</script>"),
    "no form": end('<form action="https://juniper.example"><input name="x"></form>'),
    "no foreign element": end('<svg width="1" height="1"></svg>'),
    "nothing from outside": html(('src="cid:[^"]*"', 'src="https://juniper.example/chart.png"')),
    "no data address": html(('src="cid:[^"]*"', 'src="data:image/png;base64,iVBORw0KGgo="')),
    "pictures by Content-ID": html(('src="cid:', 'src="cid:other')),
    "picture formats": part("image/png", lambda one: one.set_type("image/webp")),
    "picture sizes": html((r'(?<=<img )(.*?)height="\d+"', 'src="cid:x" alt="a chart" width="10"')),
    "alternative texts": html(('alt="[^"]*"', 'alt=""')),
    "inline looks": end('<p class="ink">Late again</p>'),
    "layout tables": html(('role="presentation" align="center" style=', 'align="center" style=')),
    "old layout": end('<div style="display:flex"></div>'),
    "plain units": end('<div style="width:2rem"></div>'),
    "dark mode": html(('<meta name="color-scheme"[^>]*>', "")),
    "phone width": html(('<meta name="viewport"[^>]*>', "")),
    "narrow": end('<div style="width:900px"></div>'),
    "language": html(('<html lang="en"', "<html")),
    "title": html(("<title>[^<]*</title>", "<title></title>")),
    "preheader": html((r"(<body.*?display:\s*none[^>]*>)[^<]*", '<body><div style="display:none">')),
    "headings": html(("<h2", "<h4"), ("</h2>", "</h4>")),
    "contrast": html(("color:#52606d", "color:#b0b8c0")),
    "text size": html(("font-size:14px", "font-size:11px")),
    "tap targets": end('<a href="https://juniper.example" style="font-size:14px;line-height:1.2">x</a>'),
    "links": end('<a href="http://juniper.example" style="font-size:16px;line-height:1.5">x</a>'),
    "text part": html((r"Each week \+41", "Each week +42")),
    "headers once": wire(rb"(?m)^From:", b"From: eve@juniper.example\r\nFrom:"),
    "subject": wire(rb"(?m)^Subject:.*(\r\n[ \t].*)*", b"Subject: =?utf-8?q?paid_=E2=80=AEtxt=2Eexe?="),
    "date": wire(rb"(?m)^Date:.*", b"Date: last Monday\r"),
    "message id": wire(rb"(?m)^Message-ID:.*", b"Message-ID: closeloop\r"),
    "unsubscribe": wire(rb"(?m)^List-Unsubscribe:.*(\r\n[ \t].*)*", b"List-Unsubscribe: ops@juniper.example\r"),
    "one click": wire(rb"(?m)^List-Unsubscribe-Post:.*\r\n", b""),
    "from a machine": wire(rb"(?m)^Auto-Submitted:.*\r\n", b""),
    "line length": wire(rb"\r\n\r\n", b"\r\n\r\n" + b"x" * 999 + b"\r\n"),
    "encoding": wire(rb"(?m)^Content-Transfer-Encoding: quoted-printable", b"Content-Transfer-Encoding: 8bit"),
    "charset": wire(rb'charset="utf-8"', b'charset="iso-8859-1"'),
    "order of parts": part("multipart/alternative", lambda one: one.set_payload(one.get_payload()[::-1])),
    "attachment names": part("text/html", lambda one: None),
}


def attach(raw):
    message = message_from_bytes(raw, policy=policy.SMTP)
    message.add_attachment(b"x", maintype="application", subtype="octet-stream", filename="../invoice\u202elmth.exe")
    return message.as_bytes()


PLANTED["attachment names"] = attach


def names(faults):
    return {fault.split(":")[0] for fault in faults}


@pytest.mark.parametrize("findings", [SAMPLE, NOTHING, HOSTILE], ids=["sample", "nothing", "hostile"])
def test_what_closeloop_writes_keeps_every_rule(findings):
    assert mail_rules.faults(written(findings)) == []


def test_every_rule_has_a_planted_breach():
    assert set(PLANTED) == {rule.name for rule in mail_rules.RULES}
    assert len(mail_rules.RULES) == len(PLANTED) >= 25


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_breach_is_found(rule):
    spoilt = PLANTED[rule](written())
    assert spoilt != written()
    assert rule in names(mail_rules.faults(spoilt))


@pytest.mark.parametrize("rule", ["contrast", "text size", "dark mode", "text part", "one click"])
def test_a_small_breach_breaks_no_other_rule(rule):
    assert names(mail_rules.faults(PLANTED[rule](written()))) - {"text part"} == {rule} - {"text part"}


def test_the_mails_of_a_weekly_run_keep_every_rule(tmp_path_factory):
    folder = weekly_sample.report(tmp_path_factory.getbasetemp())
    assert manifest.read(folder)
    assert mail_rules.faults((folder / "mail.eml").read_bytes()) == []
    who = (Recipient(TO, ()), Recipient("nj@juniper.example", (), (Slice.parse("warehouse = NJ"),)))
    given = Delivery(SENDER, "ann@juniper.example", Server("127.0.0.1", 25), who, STOP)
    for letter in audience.letters(folder, given, who):
        assert mail_rules.faults(letter.message.as_bytes()) == []
    with pytest.raises(ValueError, match="would break a rule: unsubscribe: "):
        audience.letters(folder, replace(given, unsubscribe=("ftp://juniper.example",)), who)
