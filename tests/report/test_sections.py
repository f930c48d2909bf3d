import html as html_text
import re
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from closeloop import words
from closeloop.model import Estimate, Slice
from closeloop.report import mail, sections

from .conftest import SECTIONS, section
from .findings_sample import EVIL, HOSTILE, NOTHING, SAMPLE, lane, portal_verdict


def read(made):
    """The text a reader sees, with charts and tags left out."""
    text = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", made.html, flags=re.DOTALL)
    return " ".join(html_text.unescape(text).split())


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("findings", [SAMPLE, NOTHING], ids=["sample", "nothing"])
def test_a_section_has_one_h2_that_names_it(name, findings):
    made = section(name, findings)
    opening = f'<section class="closeloop {name} mathjax_ignore" aria-labelledby="{name}">'
    assert made._repr_html_().startswith(opening)
    assert re.findall(r"<h2 id=\"(\w+)\">", made.html) == [name]


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_texts_become_plain_text(name):
    html = section(name, HOSTILE).html
    assert "<script" not in html
    assert not re.search(r"<[^>]*\sonload=", re.sub(r'"[^"]*"', '""', html))
    assert "${49}" not in html
    assert not re.search(r"(?<!\d)49(?!\d).{0,3}\$", html)


def test_every_hostile_field_is_still_shown_as_text():
    shown = "".join(section(name, HOSTILE).html for name in SECTIONS)
    assert shown.count("&lt;script&gt;") >= 40
    assert "{{7*7}}" in html_text.unescape(shown)


def test_sections_are_the_same_each_time():
    for name in SECTIONS:
        assert getattr(sections, name)(SAMPLE) == section(name, SAMPLE)


def test_a_pattern_tells_where_since_how_much_how_sure_and_the_command():
    text = read(section("patterns", SAMPLE))
    for part in (
        "late three times as often since 26 October: 68.8 % on time",
        "carrier = FedEx & dest_region = West South Central & warehouse = NV",
        "26 Oct 2026 (4 weeks)",
        "+41 late parcels (95 % interval +30 to +53)",
        "Very likely real.", "closeloop explore 2026-W47/P3F2A", "carrier = FedEx & warehouse = NV",
    ):  # fmt: skip
        assert part in text


def test_a_pattern_and_its_candidate_cause_stand_in_one_card():
    cards = re.findall(
        r'<article class="card" id="(\w+)">(.*?)</article>', section("patterns", SAMPLE).html, re.DOTALL
    )
    assert [name for name, _ in cards] == [p.id for p in SAMPLE.patterns if p.status == "new"] + [
        p.id for status in ("worse", "continuing") for p in SAMPLE.patterns if p.status == status
    ]
    for name, body in cards:
        told = html_text.unescape(body)
        mine = [cause for cause in SAMPLE.causes if cause.pattern == name]
        assert all(cause.sentence in told for cause in mine)
        assert ("No candidate cause was worked out." in told) == (not mine)
        assert not [cause for cause in SAMPLE.causes if cause.pattern != name and cause.sentence in told]


def test_patterns_are_grouped_by_status_in_order():
    found = re.findall(r"(New|Getting worse|Continuing|Resolved) \((\d)\)", read(section("patterns", SAMPLE)))
    assert found == [("New", "2"), ("Getting worse", "1"), ("Continuing", "1"), ("Resolved", "1")]


def test_p_and_q_stand_only_in_the_small_print():
    body, folded = section("patterns", SAMPLE).html, 1
    while folded:
        body, folded = re.subn(r"<details[^>]*>((?!<details).)*?</details>", "", body, flags=re.DOTALL)
    assert "Excess each week" in body
    assert not re.search(r"\b[pq]\s*(=|&nbsp;)", body)
    assert "q&nbsp;=&nbsp;0.001" in section("patterns", SAMPLE).html


def test_small_counts_are_said_to_be_small_and_only_those():
    text = read(section("patterns", SAMPLE))
    assert text.count("Small numbers:") == sum(p.total < words.SMALL_TOTAL for p in SAMPLE.patterns) == 1
    assert "about 42 a week" in text


def test_more_patterns_than_fit_stand_in_a_table():
    many = tuple(replace(lane, id=f"P{i:04d}") for i in range(sections.MOST_CARDS + 3))
    html = sections.patterns(replace(SAMPLE, patterns=many)).html
    assert html.count("<article") == sections.MOST_CARDS
    assert "Also seen (3)" in html
    assert all(pattern.id in html for pattern in many)


def test_only_patterns_of_one_unit_are_ranked_against_each_other():
    assert "Excess of the patterns" not in section("patterns", SAMPLE).html
    two = (lane, replace(lane, id="P0002", excess=Estimate(12.0, 5.0, 19.0)))
    assert "the largest: +41 late parcels" in sections.patterns(replace(SAMPLE, patterns=two)).html


def test_a_quiet_week_is_said_to_be_quiet():
    assert "No pattern stands out this week." in read(section("bottom_line", NOTHING))
    assert "We looked at 1,840 series" in read(section("patterns", NOTHING))
    assert "Nothing waits for a decision" in read(section("decisions", NOTHING))
    assert "No change was reviewed this week." in read(section("changes", NOTHING))
    assert "No row had to be set aside." in read(section("quality", NOTHING))


def test_the_scorecard_says_what_is_normal():
    text = read(section("scorecard", SAMPLE))
    assert text.count("Within normal variation") == 2
    assert "Normal variation: 92.0 % to 94.4 %. This week is not final yet." in text
    assert "No data The orders carry no ship-by deadline." in text


def test_a_change_is_told_as_a_story_in_order():
    text = read(section("changes", SAMPLE)).removeprefix("What we changed, and whether it worked")
    places = [
        text.index(part) for part in ("What we saw", "What we changed", "What happened", "How sure", "What next")
    ]
    assert places == sorted(places)
    assert "Cannot be told" in text
    assert "Written down two days after it was shipped." in text


def test_a_cause_tells_since_when_what_else_changed_and_what_would_have_seen_it_first():
    text = read(section("patterns", SAMPLE))
    for part in (
        "Points to carrier 71 %, external 18 %, undecided 11 %. Step: in transit",
        "Began 26 Oct 2026 (95 % interval 24 Oct 2026 to 27 Oct 2026)",
        "Changed about then Orders a day in NV: 210 before 25 Oct 2026, 294 since.",
        "Seen first by An alert on no new scan for 24 hours would have caught 81 %",
        "Began 5 Nov 2026; a recent change may be behind it Changed about then Nothing else that this data shows.",
    ):
        assert part in text
    assert text.count("Seen first by") == 1


def test_each_pattern_and_verdict_has_its_command_and_its_notebook():
    many = replace(SAMPLE, patterns=tuple(replace(SAMPLE.patterns[0], id=f"P{n:04X}") for n in range(12)))
    old = replace(portal_verdict.change, decided_on=SAMPLE.week - timedelta(weeks=30), verdict="improved")
    html = section("patterns", many).html
    told = section("changes", replace(SAMPLE, verdicts=(replace(portal_verdict, change=old), *SAMPLE.verdicts))).html
    for one in (*many.patterns, *SAMPLE.resolved):
        assert f"closeloop explore 2026-W47/{one.id}</code>" in html
        assert f'id="{one.id}"' in html
    for verdict in SAMPLE.verdicts:
        assert f"closeloop explore 2026-W47/{verdict.change.id}</code>" in told
    for name, text in (("2_explore_causes", html.partition("Also seen (4)")[2]), ("3_test_change", told)):
        assert f'href="{name}.ipynb"' in text


def test_closed_loops_are_listed_newest_first_with_what_the_log_says():
    assert "Loops closed" not in read(section("changes", SAMPLE))
    effects = (Estimate(-0.5, -0.7, -0.2), None)
    done = [
        replace(v, change=replace(v.change, verdict=v.decision, decided_on=date(2026, 11, day), estimate=effect))
        for v, day, effect in zip(SAMPLE.verdicts, (17, 18), effects, strict=True)
    ]
    text = read(sections.changes(replace(SAMPLE, verdicts=(*done, portal_verdict))))
    table = text[text.index("Loops closed so far (2)") :]
    assert table.index("C0008: Padded mailers") < table.index("C0007: Release portal orders")
    assert "18 Nov 2026 Cannot be told not measured not counted" in table
    assert "17 Nov 2026 Improved −50 % (95 % interval −70 % to −20 %) on Waiting in Ready to Ship" in table
    assert "37 orders waiting over a working day (95 % interval 29 to 45)" in table


def test_what_deserves_a_look_though_nothing_rose_is_told_by_kind():
    text = read(section("patterns", SAMPLE))
    told = text[text.index("Worth a look, but no pattern (2)") :]
    assert "The mix changed: USPS ground carries 34.0 % of the parcels, 21.0 % before." in told
    assert "Worse all along: This lane has twice the exceptions of its like." in told
    assert "Worth a look" not in read(section("patterns", NOTHING))


def test_long_lists_open_at_a_touch_and_lose_nothing():
    many = tuple(Slice.of([("dest_state", f"S{i:02d}")]) for i in range(9))
    html = sections.patterns(replace(SAMPLE, patterns=(replace(lane, folded=many),))).html
    assert all(f"dest_state = S{i:02d}" in html for i in range(9))
    assert "and 5 more" in html
    assert html.index("dest_state = S03") < html.index("and 5 more") < html.index("dest_state = S04")


def test_every_pattern_and_verdict_names_the_notebook_that_it_comes_from():
    assert section("patterns", SAMPLE).html.count('href="2_explore_causes.ipynb"') == len(SAMPLE.patterns)
    assert section("changes", SAMPLE).html.count('href="3_test_change.ipynb"') == len(SAMPLE.verdicts)


def test_money_is_told_in_the_currency_of_the_findings():
    told = sections.patterns(replace(SAMPLE, currency="EUR")).html
    assert "+€1,012 above the reference price" in told
    assert "+$1,012 above the reference price" in sections.patterns(SAMPLE).html


def test_page_and_both_parts_of_the_mail_tell_the_same_ledger():
    page = read(section("ledger", SAMPLE))
    message = mail.preview(SAMPLE, None)
    parts = [message.get_body((kind,)).get_content() for kind in ("plain", "html")]
    for sentence in SAMPLE.ledger.sentences:
        assert " ".join(sentence.split()) in page
        assert all(" ".join(sentence.split()) in " ".join(html_text.unescape(part).split()) for part in parts)
    assert "37 orders waiting over a working day (95 % interval 29 to 45) spared a week now" in page
    assert "1 gap closed in 9 weeks; 50 a year would be 8.7 by now" in page
    assert section("ledger", SAMPLE).html.count("<svg") == 1


def test_a_part_of_the_findings_has_no_ledger_of_its_own():
    assert "for the whole merchant only" in section("ledger", replace(SAMPLE, ledger=None)).html


def test_rows_read_used_and_set_aside_are_shown_with_an_example():
    text = read(section("quality", SAMPLE))
    assert "shipments 51,022 50,990 32" in text
    assert "labels_2026-11.csv , row 4127, column label_created_at : 2026-13-04 09:12" in text
    assert "How to mend it: Export the column as ISO 8601" in text


def test_headings_do_not_skip_a_level():
    for findings in (SAMPLE, NOTHING):
        levels = [int(n) for n in re.findall(r"<h([1-6])", "".join(section(s, findings).html for s in SECTIONS))]
        assert all(b <= a + 1 for a, b in pairwise(levels))


def test_every_header_cell_has_a_scope():
    html = "".join(section(name, SAMPLE).html for name in SECTIONS)
    assert (
        html.count("<th ") + html.count("<th>") == html.count('<th scope="col"') + html.count('<th scope="row"') > 50
    )


def test_the_hostile_text_is_hostile():
    assert all(part in EVIL for part in ("<script>", "\r\n", '"', "{{7*7}}"))
