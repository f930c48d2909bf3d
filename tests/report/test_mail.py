import email
import email.policy
import html as html_text
import io
import re
from dataclasses import replace
from functools import cache

import pytest
from PIL import Image

from closeloop.report import mail

from .findings_sample import EVIL, HOSTILE, NOTHING, SAMPLE, portal_verdict

SENDER = "closeloop <ops@juniper.example>"
TO = ["Ann Lee <ann@juniper.example>", "bob@juniper.example"]
PAGE = "<!DOCTYPE html><html lang='en'><title>é</title></html>".encode()


@cache
def compose(findings, recipients, page):
    return mail.compose(findings, SENDER, list(recipients), page)


def composed(findings=SAMPLE, recipients=TO, page=PAGE):
    return compose(findings, tuple(recipients), page)


def received(message):
    """The message as a mail program reads it."""
    return email.message_from_bytes(message.as_bytes(), policy=email.policy.default)


def parts(message, kind):
    return [part for part in message.walk() if part.get_content_type() == kind]


def html_of(message):
    return message.get_body(("html",)).get_content()


def text_of(message):
    return message.get_body(("plain",)).get_content()


def read(html):
    body = html[html.index("<body") :]
    body = re.sub(r"<!--.*?-->|<style.*?</style>", " ", body, flags=re.DOTALL)
    preheader = r'<div style="display:none.*?</div>'
    return html_text.unescape(re.sub(r"<[^>]+>", " ", re.sub(preheader, " ", body, flags=re.DOTALL)))


@pytest.fixture(scope="module")
def mailed():
    return received(composed())


def test_the_parts_nest_as_mail_programs_expect(mailed):
    assert [part.get_content_type() for part in mailed.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html",
        "image/png", "image/png", "image/png", "text/html",
    ]  # fmt: skip


def test_the_subject_names_merchant_week_and_headline(mailed):
    start = "Juniper & Pine Outfitters 2026-W47: FedEx from NV to West South Central is late"
    assert mailed["Subject"].startswith(start)
    assert len(mailed["Subject"]) < 150


def test_the_headers_say_who_when_and_that_a_machine_wrote_it(mailed):
    assert mailed["From"] == SENDER
    assert [address.addr_spec for address in mailed["To"].addresses] == ["ann@juniper.example", "bob@juniper.example"]
    assert mailed["Date"].datetime.isoformat() == "2026-11-22T06:00:00+00:00"
    assert mailed["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<closeloop-[0-9a-f]{32}@juniper\.example>", mailed["Message-ID"])


def test_every_picture_is_referenced_by_its_cid_and_every_reference_exists(mailed):
    sources = re.findall(r'<img[^>]*src="([^"]*)"', html_of(mailed))
    ids = [part["Content-ID"].strip("<>") for part in parts(mailed, "image/png")]
    assert sources == [f"cid:{one}" for one in ids]
    assert [one.split(".")[0] for one in ids] == ["pattern", "verdict", "ledger"]


def test_pictures_have_alt_width_and_height_and_twice_the_pixels(mailed):
    for tag, part in zip(re.findall(r"<img[^>]*>", html_of(mailed)), parts(mailed, "image/png"), strict=True):
        size = Image.open(io.BytesIO(part.get_content())).size
        width, height = (int(re.search(rf' {name}="(\d+)"', tag)[1]) for name in ("width", "height"))
        assert size == (2 * width, pytest.approx(2 * height, abs=2))
        assert len(re.search(r'alt="([^"]*)"', tag)[1]) > 40
        assert "height:auto" in tag
        assert len(part.get_content()) < 25_000


def test_the_text_part_says_the_same_as_the_html_part(mailed):
    def said(text):
        return re.sub(r"[^\w$%+−]", "", re.sub(r"(?m)^\d\. ", "", text)).lower()

    assert said(text_of(mailed)) == said(read(html_of(mailed)))


def test_every_number_stands_in_both_parts(mailed):
    numbers = re.compile(r"\d[\d,.]*\d|\d")
    listed = re.sub(r"(?m)^\d\. ", "", text_of(mailed))
    found = sorted(numbers.findall(listed))
    assert found == sorted(numbers.findall(read(html_of(mailed))))
    assert len(found) > 30


def test_nothing_outside_is_named(mailed):
    html = html_of(mailed).replace('xmlns="http://www.w3.org/1999/xhtml"', "")
    assert not re.search(r"https?:|@import|<link|<script|data:", html)


def test_the_parts_stay_small(mailed):
    assert len(html_of(mailed).encode()) <= mail.MOST_HTML_BYTES
    assert len(composed(page=None).as_bytes()) < 110_000


def test_too_long_a_mail_is_refused_with_advice():
    long = replace(SAMPLE, decisions=tuple("word " * 200 for _ in range(70)))
    with pytest.raises(ValueError, match=r"more than 60000: mail programs would cut it off; shorten"):
        composed(long)


def test_the_same_findings_give_the_same_bytes():
    assert mail.compose(SAMPLE, SENDER, TO, PAGE).as_bytes() == composed().as_bytes()


def test_another_week_or_recipient_gives_another_message_id():
    ids = {
        composed()["Message-ID"], composed(recipients=TO[:1])["Message-ID"],
        composed(replace(SAMPLE, week=SAMPLE.week.replace(day=9)))["Message-ID"],
    }  # fmt: skip
    assert len(ids) == 3
    assert composed(recipients=TO[::-1])["Message-ID"] in ids


def test_the_page_is_attached_unharmed(mailed):
    [attachment] = [part for part in mailed.walk() if part.get_filename() == "closeloop-2026-W47.html"]
    assert attachment.get_content_disposition() == "attachment"
    assert attachment.get_payload(decode=True) == PAGE
    assert "attached" in text_of(mailed)
    without = received(composed(page=None))
    assert "attached" not in text_of(without) + html_of(without)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_texts_do_no_harm():
    message = received(composed(HOSTILE))
    assert "Bcc" not in message
    assert not [name for name in message if name.lower() == "bcc"]
    assert [address.addr_spec for address in message["To"].addresses] == [
        "ann@juniper.example",
        "bob@juniper.example",
    ]
    html = html_of(message)
    assert "<script" not in html
    assert "{{7*7}}" in read(html)
    assert not re.search(r"<[^>]*\sonload=", re.sub(r'"[^"]*"', '""', html))


def test_line_breaks_in_an_address_are_refused_or_made_harmless():
    with pytest.raises(ValueError, match="is not one mail address"):
        composed(recipients=["ann@juniper.example\r\nBcc: evil@example.com"])
    with pytest.raises(ValueError, match="is not one mail address"):
        composed(recipients=["ann@juniper.example, evil@example.com"])
    with pytest.raises(ValueError, match=r"write 'name@example\.com'"):
        composed(recipients=["ann"])


def test_a_merchant_name_with_a_line_break_stays_in_one_header():
    message = received(composed(replace(SAMPLE, merchant="Juniper\r\nBcc: evil@example.com")))
    assert message["Subject"].startswith("Juniper Bcc: evil@example.com 2026-W47: ")
    assert message["Bcc"] is None


def test_a_quiet_week_is_mailed_in_few_words():
    message = received(composed(NOTHING))
    assert message["Subject"] == "Juniper & Pine Outfitters 2026-W47: No pattern stands out this week."
    assert not parts(message, "image/png")
    assert text_of(message).count("No pattern stands out this week.") == 2


def test_no_more_than_five_patterns_and_the_rest_is_counted():
    message = received(composed(replace(SAMPLE, patterns=SAMPLE.patterns * 2)))
    assert "3 more patterns on the page." in text_of(message)


def test_as_of_must_be_a_time():
    spoilt = replace(SAMPLE, provenance=replace(SAMPLE.provenance, as_of="yesterday"))
    with pytest.raises(ValueError, match=r"provenance\.as_of is 'yesterday'; it must be an ISO date"):
        composed(spoilt)


def test_each_verdict_is_told_once(mailed):
    assert " ".join(text_of(mailed).split()).count(" ".join(portal_verdict.sentence.split())) == 1


def test_lines_on_the_wire_are_short(mailed):
    assert max(len(line) for line in composed().as_bytes().splitlines()) <= 998
    assert composed().as_bytes().count(b"\r\n") > 100


def test_an_eml_file_is_written_whole(tmp_path):
    path = mail.save_eml(composed(), tmp_path / "new" / "mail.eml")
    assert path.read_bytes() == composed().as_bytes()
    assert [file.name for file in path.parent.iterdir()] == ["mail.eml"]


def test_the_hostile_text_would_break_a_naive_header():
    assert "\r\nBcc:" in EVIL
