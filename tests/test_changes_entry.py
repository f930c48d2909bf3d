"""Adding, amending and closing: what is refused, what is marked, and what the history keeps."""

import csv
from datetime import date
from pathlib import Path

import pytest

from closeloop import changes
from closeloop.model import Cause, Estimate, Pattern, Remedy, Slice, Verdict

DANA = changes.Signed("Dana", date(2026, 10, 1))
LATE = changes.Signed("Lee", date(2026, 10, 20))
CELLS = {
    "pattern": "Large web orders wait",
    "root_cause": "workflow: one queue for all",
    "change_shipped": "Flag complex orders early",
    "metric": "ready_to_label",
    "review_date": "2026-11-16",
    "scope": "channel = web",
    "kind": "automation_condition",
    "shipped_on": "2026-10-05",
    "written_on": "2026-09-29",
    "owner": "Dana",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "improvement_log.csv"
    changes.add(path, CELLS)
    return path


def history(log: Path) -> list[dict[str, str]]:
    with log.with_name("improvement_log.history.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_new_change_gets_the_next_free_id(log: Path) -> None:
    second = changes.add(log, {**CELLS, "id": "C7", "scope": "channel = retail"})
    third = changes.add(log, {**CELLS, "scope": "channel = portal"})
    assert [c.id for c in changes.read(log)] == ["C1", "C7", "C8"]
    assert (second.id, third.id) == ("C7", "C8")


def test_an_id_that_only_the_history_knows_is_not_used_again(log: Path) -> None:
    changes.add(log, {**CELLS, "id": "C9", "scope": "channel = retail"})
    changes.amend(log, "C9", {"owner": "Lee"}, DANA)
    changes.write(log, changes.read(log)[:1])
    assert changes.next_id(log) == "C10"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"owner": ""}, "the new change, owner: is empty; every change needs it"),
        ({"scope": "carrier = UPS"}, "the new change, scope: 'carrier' is not a dimension of ready_to_label"),
        ({"comparison": "region"}, "the new change, comparison: 'region' is not a dimension of the scope (channel)"),
        ({"scope": "everything", "comparison": "channel"}, "of the scope (none, as the scope is everything)"),
        ({"settling_days": "42"}, "the new change, review_date: must lie after the 42 settling days"),
        ({"placebo_metric": "ready_to_label"}, "the new change, placebo_metric: is the metric itself"),
        ({"since": "2026-10-06"}, "the new change, since: the pattern cannot begin after shipped_on (2026-10-05)"),
        ({"notes": "\udcff"}, "the new change, notes: holds a character that UTF-8 cannot write"),
        (
            {"id": "<<<<<<< ours"},
            "the new change, id: '<<<<<<< ours' begins like the mark that git leaves",
        ),
        ({"id": "C1", "scope": "channel = retail"}, "id: 'C1' is already in the log; leave --id out"),
    ],
)
def test_a_faulty_entry_is_refused_and_nothing_is_written(log: Path, cells: dict[str, str], said: str) -> None:
    before = log.read_bytes()
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared as it is
        changes.add(log, {**CELLS, **cells})
    assert said in str(raised.value)
    assert log.read_bytes() == before


@pytest.mark.parametrize(
    ("cells", "refused"),
    [
        ({"scope": "channel = web & region = Pacific"}, True),
        ({"scope": "region = Pacific"}, True),
        ({"scope": "channel = retail"}, False),
        ({"metric": "late_handover"}, True),
        ({"metric": "late_handover", "scope": "region = Pacific"}, False),
        ({"metric": "return_rate"}, False),
        ({"shipped_on": "2026-11-15", "review_date": "2026-12-15"}, True),
        ({"shipped_on": "2026-11-16", "review_date": "2026-12-15"}, False),
        ({"shipped_on": "2026-10-01", "review_date": "2026-10-20"}, True),
        ({"shipped_on": "2026-09-01", "review_date": "2026-10-05", "written_on": "2026-09-01"}, False),
    ],
)
def test_one_change_at_a_time_in_a_scope(log: Path, cells: dict[str, str], refused: bool) -> None:
    if refused:
        with pytest.raises(ValueError, match="neither effect could be told"):
            changes.add(log, {**CELLS, **cells})
    forced = changes.add(log, {**CELLS, **cells}, force=True)
    first = changes.read(log)[0]
    assert [bool(first.flags), bool(forced.flags)] == [refused, refused]


def test_the_marks_of_two_changes_name_each_other(log: Path) -> None:
    changes.add(log, {**CELLS, "shipped_on": "2026-10-12"}, force=True)
    first, second = changes.read(log)
    assert first.flags == (
        "Change C2 shipped in an overlapping scope before the review, so the effect may be its own.",
    )
    assert second.flags == (
        "It shipped before the review of change C1 in an overlapping scope, so the effect may be that one's.",
    )


def test_a_closed_change_makes_way_for_the_next(log: Path) -> None:
    changes.close(log, "C1", {"verdict": "worsened", "decided_on": "2026-10-20"}, LATE)
    changes.add(log, {**CELLS, "shipped_on": "2026-10-20"})
    first, second = changes.read(log)
    assert first.flags == ()
    assert second.flags == ("Change C1 made it worse until 20 Oct 2026: being better than those weeks is no merit.",)


def test_a_change_that_just_worked_holds_up_the_next_for_four_weeks(log: Path) -> None:
    changes.close(log, "C1", {"verdict": "improved", "decided_on": "2026-10-20"}, LATE)
    soon, later = ({**CELLS, "shipped_on": day, "written_on": day, "review_date": "2026-12-14"}
                   for day in ("2026-10-26", "2026-11-09"))  # fmt: skip
    with pytest.raises(ValueError, match=r"C1 \('.*'\) has only just worked .* Ship on 2026-11-02 or later"):
        changes.add(log, soon)
    changes.add(log, later)
    first, second = changes.read(log)
    assert (first.flags, second.flags) == ((), ())
    assert first.clear_until == date(2026, 11, 9)
    assert second.clear_from == date(2026, 10, 5)


def test_one_forced_in_right_after_another_is_marked_alone(log: Path) -> None:
    changes.close(log, "C1", {"verdict": "improved", "decided_on": "2026-10-20"}, LATE)
    changes.add(log, {**CELLS, "shipped_on": "2026-10-26", "written_on": "2026-10-26"}, force=True)
    first, second = changes.read(log)
    assert first.flags == ()
    assert second.clear_from is None
    assert second.flags == (
        "Change C1 worked in an overlapping scope from 5 Oct 2026 on, and no four weeks had passed, so the effect"
        " may be that one's.",
    )


def test_one_without_an_effect_leaves_the_next_its_whole_past(log: Path) -> None:
    changes.close(log, "C1", {"verdict": "no clear change", "decided_on": "2026-10-20"}, LATE)
    changes.add(log, {**CELLS, "shipped_on": "2026-10-26", "written_on": "2026-10-26"})
    first, second = changes.read(log)
    assert (first.flags, second.flags) == ((), ())
    assert second.clear_from is None


def test_amending_keeps_what_was_said_before(log: Path) -> None:
    changes.amend(log, "C1", {"owner": "=Lee", "notes": "two\nlines"}, DANA)
    changes.amend(log, "C1", {"owner": "Kim"}, LATE)
    assert changes.read(log)[0].owner == "Kim"
    assert [tuple(row.values()) for row in history(log)] == [
        ("2026-10-01", "C1", "owner", "Dana", "'=Lee", "Dana"),
        ("2026-10-01", "C1", "notes", "", "two\nlines", "Dana"),
        ("2026-10-20", "C1", "owner", "'=Lee", "Kim", "Lee"),
    ]


@pytest.mark.parametrize(
    ("steps", "marked"),
    [
        ([("metric", "late_handover", "2026-10-04")], []),
        ([("metric", "late_handover", "2026-10-05")], ["metric"]),
        ([("scope", "channel = web & region = Pacific", "2026-10-20")], ["scope"]),
        ([("review_date", "2026-12-07", "2026-11-16")], ["review_date"]),
        ([("owner", "Lee", "2026-10-20"), ("notes", "x", "2026-10-20")], []),
        ([("shipped_on", "2026-10-12", "2026-10-06")], []),
        ([("shipped_on", "2026-10-12", "2026-10-06"), ("metric", "late_handover", "2026-10-08")], []),
        ([("metric", "late_handover", "2026-10-08"), ("shipped_on", "2026-10-12", "2026-10-09")], ["metric"]),
        ([("shipped_on", "2026-10-12", "2026-10-20")], ["shipped_on"]),
        (
            [("metric", "late_handover", "2026-10-08"), ("metric", "ready_to_label", "2026-10-09")],
            ["metric", "metric"],
        ),
    ],
)
def test_what_is_amended_after_shipping_lowers_the_verdict(
    log: Path, steps: list[tuple[str, str, str]], marked: list[str]
) -> None:
    for field, value, when in steps:
        changes.amend(log, "C1", {field: value}, changes.Signed("Lee", date.fromisoformat(when)))
    flags = changes.read(log)[0].flags
    assert [flag.split()[1] for flag in flags] == marked
    assert all("after it shipped, so it may have been picked by its result" in flag for flag in flags)


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("C2", {"owner": "Lee"}, "the log has no change 'C2'; it has: C1"),
        ("C1", {"owner": "Dana"}, "change C1: says that already; nothing to amend"),
        ("C1", {"owner": ""}, "change C1, owner: is empty"),
        ("C1", {"scope": "nothing"}, "change C1, scope: slice 'nothing': each condition is"),
    ],
)
def test_a_faulty_amendment_is_refused(log: Path, name: str, cells: dict[str, str], said: str) -> None:
    before = log.read_bytes()
    with pytest.raises(ValueError, match=said):
        changes.amend(log, name, cells, LATE)
    assert log.read_bytes() == before


def test_an_amendment_may_not_newly_overlap_but_may_keep_an_overlap(log: Path) -> None:
    changes.add(log, {**CELLS, "scope": "channel = retail"})
    with pytest.raises(ValueError, match="C2 and C1"):
        changes.amend(log, "C2", {"scope": "channel = web"}, DANA)
    changes.amend(log, "C2", {"scope": "channel = web"}, DANA, force=True)
    assert changes.amend(log, "C2", {"owner": "Lee"}, DANA).owner == "Lee"


def test_closing_fills_the_row_and_the_history(log: Path) -> None:
    outcome = {"verdict": "improved", "decided_on": "2026-11-17", "estimate": "-0.21 (-0.3 to -0.11)"}
    done = changes.close(log, "C1", outcome, LATE)
    assert done.decided_on
    assert (done.verdict, done.decided_on) == ("improved", date(2026, 11, 17))
    assert done.estimate == Estimate(-0.21, -0.3, -0.11)
    assert [(row["field"], row["before"], row["after"]) for row in history(log)] == [
        ("verdict", "", "improved"),
        ("decided_on", "", "2026-11-17"),
        ("estimate", "", "'-0.21 (-0.3 to -0.11)"),
    ]
    assert changes.due(changes.read(log), date(2027, 1, 1)) == ()
    opened = changes.amend(log, "C1", dict.fromkeys(changes.OUTCOME, ""), LATE)
    assert opened.decided_on is None


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"decided_on": "2026-11-17"}, "change C1, verdict: is empty"),
        ({"verdict": "too early", "decided_on": "2026-11-17"}, "change C1, verdict: 'too early'; allowed: improved"),
        (
            {"verdict": "improved", "decided_on": "2026-10-01"},
            "change C1, decided_on: must not lie before shipped_on",
        ),
    ],
)
def test_a_faulty_closing_is_refused(log: Path, outcome: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        changes.close(log, "C1", outcome, LATE)
    assert not log.with_name("improvement_log.history.csv").exists()


def test_a_spoiled_history_is_named(log: Path) -> None:
    log.with_name("improvement_log.history.csv").write_text("when,id,field,before,after,who\nyesterday,C1,a,b,c,d\n")
    with pytest.raises(ValueError, match=r"history\.csv: row 2, when: 'yesterday' is not a date"):
        changes.read(log)


PATTERN = Pattern(
    metric="slow_transit", slice=Slice.parse("region = Mountain"), kind="step", onset=date(2026, 10, 26),
    week=date(2026, 11, 16), value=0.3, expected=0.1, excess=Estimate(40, 20, 60), unit="parcels slower than usual",
    p=0.001, q=0.01, total=200, id="P0404", sentence="Slow into Mountain.",
)  # fmt: skip


def test_a_pattern_drafts_what_it_settles() -> None:
    remedy = Remedy(
        "carrier_allocation", "move it to UPS", PATTERN.slice, "slow_transit", "region", "label_to_first_scan",
        Estimate(-45, -58, -30), "late parcels", "+$310 in shipping cost a week",
    )  # fmt: skip
    cause = Cause("P0404", "carrier", 0.9, "transit", PATTERN.onset, True, "The carrier is slow.", remedy=remedy)
    cells = changes.from_pattern(PATTERN, cause)
    assert (cells["kind"], cells["change_shipped"]) == ("carrier_allocation", "move it to UPS")
    assert cells["root_cause"] == "carrier: The carrier is slow."
    assert (cells["pattern"], cells["metric"], cells["since"]) == ("P0404", "slow_transit", "2026-10-26")
    assert cells["scope"] == "region = Mountain"
    assert (cells["comparison"], cells["placebo_metric"]) == ("region", "label_to_first_scan")
    assert cells["expected_effect"] == (
        "−45 late parcels a week (95\u00a0% interval −58 to −30), +$310 in shipping cost a week"
    )
    assert changes.from_pattern(PATTERN, None)["notes"] == "2026-W47: Slow into Mountain."


def test_a_cause_without_a_change_drafts_its_words_and_no_kind() -> None:
    cause = Cause("P0404", "undecided", 0.4, "", PATTERN.onset, True, "Nobody stands out.", proposal="Look again.")
    cells = changes.from_pattern(PATTERN, cause)
    assert cells["change_shipped"] == "Look again"
    assert "kind" not in cells


def test_a_verdict_gives_what_closes_its_change(log: Path) -> None:
    verdict = Verdict(
        change=changes.read(log)[0], decision="improved", method="", before=0.2, after=0.1,
        effect=Estimate(-0.456789, -0.6, -0.2), avoided=None, unit="", p=0.01, weeks_after=6,
        sentence="", next_step="",
    )  # fmt: skip
    assert changes.outcome_of(verdict) == {"verdict": "improved", "estimate": "-0.4568 (-0.6 to -0.2)"}
