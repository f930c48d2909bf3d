"""A merchant whose every text is an attack, from its files to page, mail, text, notebooks, exports and terminal."""

import csv
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import nbformat
import pytest
from click.testing import CliRunner

from closeloop.cli import cli
from closeloop.report import audience, mail_rules, run
from closeloop.report.delivery import Delivery, Recipient, Server

from . import hostile_sample
from .browsing import breaches, drawn, overflow

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2060-\u2069]")
FORMULA = re.compile(r"[=+\-@\t\r]")


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    return hostile_sample.report(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def page(report):
    return (report / "page.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def eml(report):
    return message_from_bytes((report / "mail.eml").read_bytes(), policy=policy.default)


class Traps(HTMLParser):
    """What in HTML could run or fetch something."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        bad = [n for n, v in attrs if n.startswith("on") or "script:" in (v or "").lower()]
        sources = [v for n, v in attrs if n in ("src", "href") and not re.match(r"#|cid:|\d_\w+\.ipynb$|\S+/page", v)]
        if tag in ("script", "iframe", "object", "embed", "form", "base", "link") or bad or sources:
            self.found.append((tag, attrs))


def traps(html):
    reader = Traps()
    reader.feed(html)
    return reader.found


def test_the_attacks_reach_what_people_read(page, eml):
    for part in ("&lt;script&gt;", "{{7*7}}", "DROP TABLE", "=HYPERLINK(", "onerror=", "WWWWWWWWWW", "](javascript:"):
        assert part in page, part
    text = eml.get_body(("plain",)).get_content()
    assert "<script>document.title=" in text
    assert hostile_sample.FILES["rma"].replace("<", "&lt;").replace(">", "&gt;")[:20] in page.replace("&#39;", "'")


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_runs_and_nothing_overflows(opened, report, page, eml, width):
    archive = (report.parent / "index.html").read_text(encoding="utf-8")
    for html in (page, archive, drawn(eml)):
        tab = opened(html, width)
        tab.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        assert [heard for heard in tab.heard if not heard.startswith("data:image/png;base64,")] == []
        assert tab.title() != "owned"
        assert tab.locator("script, iframe, object, embed, form").count() == 0
        assert overflow(tab) <= 0
        assert breaches(tab) == []


def test_no_html_can_run_or_fetch_anything(report, page, eml):
    assert traps(page) == []
    assert traps(eml.get_body(("html",)).get_content()) == []
    assert traps((report.parent / "index.html").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("stem", run.NOTEBOOKS)
def test_no_output_of_a_notebook_can_run_or_fetch_anything(report, stem):
    cells = nbformat.read(report / f"{stem}.ipynb", as_version=4).cells
    outputs = [one for cell in cells for one in cell.get("outputs", ()) if "data" in one]
    assert outputs
    for one in outputs:
        assert traps("".join(one.data.get("text/html", ""))) == []
        assert not {"application/javascript", "text/latex", "image/svg+xml"} & set(one.data)


def test_no_header_is_added_and_every_rule_of_a_mail_is_kept(report, eml):
    assert mail_rules.faults((report / "mail.eml").read_bytes()) == []
    assert not [name for name in eml.keys() if name.lower() in ("bcc", "cc", "reply-to")]  # noqa: SIM118
    assert not CONTROLS.search(eml["Subject"])
    assert not CONTROLS.search(eml.get_body(("plain",)).get_content().replace("\r\n", "\n"))
    who = (Recipient("ann@juniper.example", ()),)
    [letter] = audience.letters(report, Delivery("ops@juniper.example", who[0].address, Server("h", 25), who), who)
    assert [name for name, _ in letter.message.raw_items()].count("To") == 1


def test_no_cell_of_an_export_begins_a_formula(report, tmp_path):
    source = next(report.parent.parent.glob("source*"))
    done = CliRunner().invoke(cli, ["log", "export", "--source", str(source), "--to", str(tmp_path / "log.csv")])
    assert done.exit_code == 0, done.output
    with (tmp_path / "log.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row if cell]
    assert [cell for cell in cells if FORMULA.match(cell)] == []
    assert any(cell.startswith(("'=HYPERLINK(", "'+cmd|")) for cell in cells)


def test_the_terminal_is_told_nothing_but_text(report):
    said = (report.parent.parent / "said.txt").read_text(encoding="utf-8")
    assert "document.title" in said
    assert not CONTROLS.search(said)
