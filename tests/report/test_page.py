import json
import re
from dataclasses import replace

import nbformat
import pytest

from closeloop.report import page

from .conftest import SECTIONS, section, written_notebook
from .findings_sample import HOSTILE, NOTHING, SAMPLE


@pytest.fixture(scope="module")
def run_page(run_notebook):
    return page.render(run_notebook, SAMPLE, "What did the week teach us?")


def test_only_prose_sections_and_figures_reach_the_page(run_page):
    assert "Prose with a" in run_page
    assert "RANKING CHART" in run_page
    assert run_page.count('<section class="closeloop ') == len(SECTIONS)
    for kept_out in (
        "STDOUT TEXT", "STDERR TEXT", "PLAIN TEXT", "FRAME COLUMN", "FOREIGN HTML", "SECRET CHART", "UNTOUCHED",
        "from pathlib", "sections.patterns(", "Section(name", "<script", "javascript:", "example.com",
    ):  # fmt: skip
        assert kept_out not in run_page, kept_out


def test_the_page_has_one_h1_a_language_a_title_a_main_and_a_skip_link(run_page):
    assert re.findall(r"<h1>(.*?)</h1>", run_page) == ["What did the week teach us?"]
    assert '<html lang="en">' in run_page
    assert "<title>Juniper &amp; Pine Outfitters: What did the week teach us?</title>" in run_page
    assert '<main id="content"' in run_page
    assert '<a class="skip" href="#content">' in run_page
    assert "The notebook&#39;s own title" not in run_page
    assert "The notebook's own title" not in run_page


def test_nothing_outside_is_allowed_or_named(run_page):
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in run_page
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import", run_page)


def test_the_contents_link_to_every_section(run_page):
    links = re.findall(r'<a href="#(\w+)">', run_page)
    assert links == re.findall(r'<h2 id="(\w+)"', run_page)
    assert links == list(SECTIONS)


def test_pages_stay_small(run_page, page_of):
    many = replace(SAMPLE, patterns=SAMPLE.patterns * 5, causes=SAMPLE.causes, verdicts=SAMPLE.verdicts * 2)
    assert len(run_page.encode()) < 150_000
    assert len(page_of(many).encode()) <= 250_000


def test_the_same_run_gives_the_same_bytes(run_notebook, run_page):
    assert page.render(run_notebook, SAMPLE, "What did the week teach us?") == run_page


def test_another_process_gives_the_same_sections(run_notebook):
    outputs = [output for cell in run_notebook.cells for output in cell.get("outputs", ())]
    html = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert html[-len(SECTIONS) :] == [section(name, SAMPLE).html for name in SECTIONS]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_texts_do_no_harm(page_of):
    html = page_of(HOSTILE, title="<script>alert(1)</script>{{7*7}}\n")
    assert "<script" not in html
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}</h1>" in html
    assert html.count("<h1") == 1
    assert html.count("<main") == 1


def test_a_quiet_week_makes_a_page_too(page_of):
    assert "No pattern stands out this week." in page_of(NOTHING)


def test_without_a_title_the_week_names_the_page():
    assert "<h1>Weekly report 2026-W47</h1>" in page.render(written_notebook(SAMPLE), SAMPLE)


def test_a_failed_cell_makes_no_page():
    notebook = written_notebook(SAMPLE)
    notebook.cells[3].outputs = [nbformat.v4.new_output("error", ename="KeyError", evalue="'carrier'", traceback=[])]
    with pytest.raises(ValueError, match=r"cell 4 of the notebook failed with KeyError: 'carrier'"):
        page.render(notebook, SAMPLE)


def test_a_notebook_is_read_from_its_path(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(written_notebook(SAMPLE)), encoding="utf-8")
    assert (
        page.render(path, SAMPLE) == page.render(str(path), SAMPLE) == page.render(written_notebook(SAMPLE), SAMPLE)
    )


def test_prose_keeps_its_meaning():
    html = page.prose("# Gone\n\n## Kept\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n**bold** <b>raw</b>")
    assert "Gone" not in html
    assert "<h2>Kept</h2>" in html
    assert "<td>1</td>" in html
    assert "<strong>bold</strong> &lt;b&gt;raw&lt;/b&gt;" in html


def test_a_loss_cannot_lose_its_minus_at_the_end_of_a_line(page_of):
    lost = replace(SAMPLE, bottom_line=("It cost −$739 (95 % interval −$1,200 to +$80), −4 % a parcel.",))
    assert "It cost −\u2060$739 (95 % interval −\u2060$1,200 to +$80), −4 % a parcel." in page_of(lost)
