"""Export and import: what is shown, what is refused whole, and what each faulty place is called."""

import re
from datetime import date
from pathlib import Path

import mistune
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closeloop import changes

BY = changes.Signed("Lee", date(2026, 10, 1))
CELLS = {
    "pattern": "P0404",
    "root_cause": "workflow: one queue",
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
    path = tmp_path / "log.csv"
    changes.add(path, CELLS)
    changes.add(path, {**CELLS, "scope": "channel = retail"})
    return path


def exported(log: Path, suffix: str) -> Path:
    target = log.with_name(f"out{suffix}")
    assert changes.export(log, target) == 2
    return target


@pytest.mark.parametrize("suffix", [".csv", ".md"])
def test_an_import_says_what_it_adds_and_amends(log: Path, suffix: str) -> None:
    file = exported(log, suffix)
    file.write_text(file.read_text(encoding="utf-8").replace("Dana", "Kim", 1).replace("C2", "C5"), encoding="utf-8")
    text = file.read_text(encoding="utf-8").replace("retail", "portal")
    file.write_text(text, encoding="utf-8")
    before = log.read_bytes()
    said = changes.preview(log, file, BY)
    assert said == ("C5: new, Flag complex orders early", "C1, owner: Dana -> Kim")
    assert log.read_bytes() == before
    assert changes.merge(log, file, BY) == said
    assert [(c.id, c.owner, str(c.scope)) for c in changes.read(log)] == [
        ("C1", "Kim", "channel = web"),
        ("C2", "Dana", "channel = retail"),
        ("C5", "Dana", "channel = portal"),
    ]
    assert log.with_name("log.history.csv").read_text().splitlines()[1:] == ["2026-10-01,C1,owner,Dana,Kim,Lee"]
    assert changes.merge(log, file, BY) == ()


def test_a_column_that_the_file_lacks_keeps_what_the_log_says(log: Path) -> None:
    changes.amend(log, "C1", {"notes": "kept"}, BY)
    file = log.with_name("few.csv")
    with file.open("w") as out:
        row = {**changes.cells_of(changes.read(log)[0]), "owner": "Kim"}
        out.write(",".join(changes.REQUIRED) + "\n" + ",".join(row[name] for name in changes.REQUIRED) + "\n")
    changes.merge(log, file, BY)
    assert (changes.read(log)[0].owner, changes.read(log)[0].notes) == ("Kim", "kept")


def test_one_faulty_row_keeps_all_rows_out(log: Path) -> None:
    file = exported(log, ".csv")
    text = file.read_text(encoding="utf-8-sig").replace("C1", "C8").replace("channel = retail", "shop = retail")
    file.write_text(text, encoding="utf-8")
    before = log.read_bytes()
    with pytest.raises(ValueError, match=r"out\.csv: row 3, scope: 'shop' is not a dimension of ready_to_label"):
        changes.merge(log, file, BY, force=True)
    assert log.read_bytes() == before


def test_what_could_not_be_judged_is_refused_by_row_and_column(log: Path) -> None:
    file = exported(log, ".csv")
    file.write_text(file.read_text(encoding="utf-8-sig").replace("Dana,,0,", "Dana,,60,"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"out\.csv: row 2, review_date: must lie after the 60 settling days"):
        changes.merge(log, file, BY)


def test_an_imported_change_may_not_overlap_unless_forced(log: Path) -> None:
    file = exported(log, ".csv")
    file.write_text(file.read_text(encoding="utf-8").replace("C2", "C3"), encoding="utf-8")
    with pytest.raises(ValueError, match="change C3 and C2"):
        changes.merge(log, file, BY)
    changes.merge(log, file, BY, force=True)
    assert [bool(c.flags) for c in changes.read(log)] == [False, True, True]


def test_an_overlap_that_the_log_has_already_does_not_keep_an_amendment_out(log: Path) -> None:
    changes.add(log, CELLS, force=True)
    file = log.with_name("out.csv")
    changes.export(log, file)
    file.write_text(file.read_text(encoding="utf-8").replace("Dana", "Kim"), encoding="utf-8")
    changes.merge(log, file, BY)
    assert {change.owner for change in changes.read(log)} == {"Kim"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("### Owner", "### Ownr", r"out\.md: line 45: unknown heading 'Ownr'; did you mean 'Owner'"),
        ("### Pattern", "### Owner", r"out\.md: line 45: 'Owner' stands twice in one form"),
        ("## C1: Flag complex orders early", "", r"out\.md: line 5: each change begins with a title such as '## C4"),
        ("Dana", "_No response_", r"out\.md: line 3, owner: is empty"),
        ("2026-11-16", "soon", r"out\.md: line 3, review_date: 'soon' is not a date"),
    ],
)
def test_a_faulty_form_is_named_by_its_line(log: Path, old: str, new: str, said: str) -> None:
    file = exported(log, ".md")
    file.write_text(file.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        changes.merge(log, file, BY)


def test_a_form_without_any_change_is_refused(log: Path) -> None:
    file = log.with_name("empty.md")
    file.write_text("# Improvement log\n")
    with pytest.raises(ValueError, match=r"empty\.md: line 1: each change begins with a title"):
        changes.merge(log, file, BY)


def test_the_form_is_that_of_an_issue_tracker(log: Path) -> None:
    text = exported(log, ".md").read_text(encoding="utf-8")
    assert "\n## C1: Flag complex orders early\n\n### Id\n\nC1\n\n### Pattern\n\nP0404\n\n### Root cause\n" in text
    assert "\n### Notes\n\n_No response_\n" in text


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("out.ods", b"", r"out\.ods: the log is written and read as \.csv, \.xlsx, \.md; given \.ods"),
        ("nowhere.csv", None, "there is no such file"),
        ("latin.md", "## ä".encode("latin-1"), "is not text in UTF-8"),
        ("latin.csv", "ä".encode("latin-1"), "cannot be read as CSV in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(log: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        log.with_name(name).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        changes.merge(log, log.with_name(name), BY)


HARMFUL = st.text(st.sampled_from("<>&[]()!#\\_*`;ltgamp91 \nNo response"), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=HARMFUL.filter(lambda text: text.strip()))
def test_no_text_of_a_form_is_markup_and_all_come_back(tmp_path: Path, text: str) -> None:
    """The round trip of any text, and the HTML that a Markdown reader makes of it: no tag or link of its own."""
    cells = {**CELLS, "change_shipped": f"{text}<script>alert(1)</script>[x](javascript:alert(1))", "notes": text}
    log = tmp_path / f"{abs(hash(text))}.csv"
    log.unlink(missing_ok=True)
    changes.add(log, cells)
    form = log.with_suffix(".md")
    changes.export(log, form)
    assert changes.preview(log, form, BY) == ()
    html = mistune.html(form.read_text(encoding="utf-8"))
    assert not re.search(r"<(?!/?(?:h[1-6]|p|em|strong|code|pre|ul|ol|li|br|hr|blockquote)\b)", str(html))


def test_an_export_names_where_it_cannot_go(log: Path) -> None:
    with pytest.raises(ValueError, match="given none"):
        changes.export(log, log.with_name("out"))
    with pytest.raises(ValueError, match="is the log itself; export to another file"):
        changes.export(log, log)
    with pytest.raises(ValueError, match="there is no such folder"):
        changes.export(log, log.parent / "nowhere" / "out.csv")
    (log.parent / "out.csv").mkdir()
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        changes.export(log, log.parent / "out.csv")
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        changes.preview(log, log.parent / "out.csv", BY)
