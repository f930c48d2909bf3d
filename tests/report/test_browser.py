"""What only a browser can tell: that a page fits, asks for nothing and names its pictures."""

from dataclasses import replace
from email import message_from_bytes, policy
from itertools import pairwise

import pytest

from closeloop.report import archive, mail, page

from . import weekly_sample
from .browsing import breaches, drawn, overflow
from .findings_sample import HOSTILE, NOTHING, SAMPLE

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore:Glyph")]

NAMES = """[...document.querySelectorAll('svg, img')].map(e =>
  e.tagName === 'IMG' ? e.alt : (e.getAttribute('role') === 'img' && e.getAttribute('aria-label')) || '')"""
TEXT_SIZES = """[...document.querySelectorAll('figure > svg text')].map(e =>
  parseFloat(getComputedStyle(e).fontSize) * e.ownerSVGElement.getScreenCTM().a)"""
CUT_TEXTS = """[...document.querySelectorAll('figure > svg text')].filter(e => {
  const a = e.getBoundingClientRect(), b = e.ownerSVGElement.getBoundingClientRect();
  return a.left < b.left - 1 || a.right > b.right + 1 || a.top < b.top - 1 || a.bottom > b.bottom + 1;
}).map(e => e.textContent)"""
CONTRASTS = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126*r + 0.7152*g + 0.0722*b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (c !== 'rgba(0, 0, 0, 0)') return c; } };
  return [...document.querySelectorAll('main *, header *')].filter(e => !e.closest('svg') &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05); });
}"""


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    """What people open after a weekly run."""
    folder = weekly_sample.report(tmp_path_factory.getbasetemp())
    eml = message_from_bytes((folder / "mail.eml").read_bytes(), policy=policy.default)
    return {
        "page": (folder / "page.html").read_text(encoding="utf-8"),
        "mail": drawn(eml),
        "archive": archive.write(folder.parent).read_text(encoding="utf-8"),
    }


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("findings", [SAMPLE, NOTHING, HOSTILE], ids=["sample", "nothing", "hostile"])
def test_a_page_fits_and_asks_for_nothing(opened, page_of, findings, width):
    tab = opened(page_of(findings), width)
    tab.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert overflow(tab) <= 0
    assert tab.heard == []
    assert tab.locator("h1").count() == 1
    levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => +e.tagName[1])")
    assert all(b <= a + 1 for a, b in pairwise(levels))
    assert all(tab.evaluate(NAMES))
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)) or findings not in (SAMPLE, NOTHING)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["page", "mail", "archive"])
def test_axe_finds_nothing_in_a_weekly_run(opened, looked_at, name, width, scheme):
    tab = opened(looked_at[name], width, scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert breaches(tab) == []
    assert overflow(tab) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("findings", [SAMPLE, NOTHING, HOSTILE], ids=["sample", "nothing", "hostile"])
def test_axe_finds_nothing_in_other_weeks(opened, page_of, findings, scheme):
    written = mail.compose(findings, "ops@juniper.example", ["ann@juniper.example"], None)
    for html in (page_of(findings), drawn(written)):
        tab = opened(html, 360, scheme)
        assert breaches(tab) == []


def test_axe_would_find_what_is_planted(opened, page_of):
    spoilt = page_of(SAMPLE).replace('lang="en"', "")
    spoilt = spoilt.replace("</main>", '<p style="color:#bbb">pale</p><img src="data:image/gif;base64,R0"></main>')
    found = {rule for rule, _ in breaches(opened(spoilt, 360))}
    assert {"html-has-lang", "color-contrast", "image-alt"} <= found


def test_a_run_notebook_fits_too(opened, run_notebook):
    tab = opened(page.render(run_notebook, SAMPLE))
    assert overflow(tab) <= 0
    assert tab.heard == []
    assert tab.locator("figure").count() == tab.locator("figure svg[role=img][aria-label]").count() > 6


def test_chart_texts_can_be_read_on_a_phone(opened, page_of):
    sizes = opened(page_of(SAMPLE)).evaluate(TEXT_SIZES)
    assert len(sizes) > 50
    assert min(sizes) >= 8.5


def test_no_text_of_a_chart_is_cut_off(opened, page_of):
    long = tuple(replace(s, name="destination reached to first attempt") for s in SAMPLE.causes[0].stages)
    learned = replace(SAMPLE, causes=(replace(SAMPLE.causes[0], stages=long), *SAMPLE.causes))
    outside = opened(page_of(learned), 1280).evaluate(CUT_TEXTS)
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(opened, page_of, scheme):
    contrasts = opened(page_of(SAMPLE), 1280, scheme).evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert min(contrasts) >= 4.5


def test_print_shows_what_is_folded_on_screen(opened, page_of):
    tab = opened(page_of(SAMPLE), 700)
    told = tab.locator("details", has_text="Speaks for it").first
    reason = told.locator("li").first
    assert not reason.is_visible()
    tab.emulate_media(media="print")
    assert reason.is_visible()
    assert not told.locator("summary").first.is_visible()


def test_no_chart_is_cut_in_print(opened, page_of):
    tab = opened(page_of(SAMPLE), 700)
    tab.emulate_media(media="print")
    broken = tab.evaluate("[...document.querySelectorAll('figure, .tile')].map(e => getComputedStyle(e).breakInside)")
    assert broken
    assert set(broken) == {"avoid"}
    assert overflow(tab) <= 0


def test_a_mail_fits_a_phone_and_shows_its_pictures(opened):
    tab = opened(drawn(mail.compose(SAMPLE, "ops@juniper.example", ["ann@juniper.example"], None)))
    assert overflow(tab) <= 0
    assert [heard for heard in tab.heard if not heard.startswith("data:")] == []
    assert all(tab.evaluate(NAMES))
    shapes = tab.evaluate("[...document.images].map(e => [e.naturalWidth / e.naturalHeight, e.width / e.height])")
    assert len(shapes) == 3
    assert all(abs(natural / drawn - 1) < 0.02 for natural, drawn in shapes)
