"""A notebook of one's own: about its pattern or change, its evidence run, and never written over."""

import json
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest

from closeloop import changes, findings, lab, project
from closeloop.loop import Loop
from closeloop.report import explore, manifest
from closeloop.report.explore import Asked

ROOT = project.root()
SOURCE = "params/sources/demo"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Path:
    """A checkout of its own, with a folder for notebooks and what is prepared already."""
    (tmp_path / "params").symlink_to(ROOT / "params")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / ".closeloop").symlink_to(cache)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        (tmp_path / "notebooks" / path.name).symlink_to(path)
    monkeypatch.setattr(project, "root", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def asked(demo: Loop) -> Asked:
    return Asked(SOURCE, "2026-W47", str(demo.source.folder))


def outputs(path: Path) -> dict[str, str]:
    """What each cell of code shows."""
    cells = nbformat.read(path, as_version=4).cells
    return {cell.source: json.dumps(cell.outputs) for cell in cells if cell.cell_type == "code"}


def test_the_notebook_is_about_its_pattern_its_evidence_is_run_and_it_is_kept(
    demo: Loop, home: Path, asked: Asked
) -> None:
    pattern = demo.patterns.patterns[0]
    path = explore.notebook_for("p1", asked)
    assert path == home / "notebooks" / "mine" / "demo" / "2026-W47" / f"{pattern.id}.ipynb"
    shown = outputs(path)
    evidence = shown["show.patterns(loop.about(about))"] + shown["show.causes(loop.about(about))"]
    assert pattern.id in evidence
    assert not [other.id for other in demo.patterns.patterns[1:] if other.id in evidence]
    assert "Speaks for it" in evidence
    assert shown["loop.explore(about)"] == shown["loop.log_form(about)"] == "[]"
    before = path.read_bytes()
    assert explore.notebook_for(pattern.id, asked) == path
    assert path.read_bytes() == before


def test_a_notebook_that_was_only_made_is_run_and_one_with_a_word_of_ones_own_is_left(
    demo: Loop, home: Path, asked: Asked
) -> None:
    change = demo.verdicts[0].change
    path, fresh = explore.place(change, asked), explore.notebook(change, asked)
    assert not explore.is_touched(path, fresh)
    explore.write(path, fresh)
    assert not explore.is_touched(path, fresh)
    mine = nbformat.read(path, as_version=4)
    mine.cells[-1].source = "my own"
    nbformat.write(mine, path)
    assert explore.is_touched(path, fresh)
    before = path.read_bytes()
    assert explore.notebook_for(change.id, asked) == path
    assert path.read_bytes() == before
    path.write_text("no notebook any more", encoding="utf-8")
    assert explore.is_touched(path, fresh)


def test_a_change_shows_its_own_verdict_alone(demo: Loop) -> None:
    change = demo.verdicts[0].change
    about = demo.about(change.id)
    assert [verdict.change.id for verdict in about.verdicts] == [change.id]
    assert not demo.about(demo.patterns.patterns[0].id).verdicts


def test_a_slip_of_one_letter_is_told_with_the_nearest_name(demo: Loop) -> None:
    right = demo.patterns.patterns[0].id
    with pytest.raises(ValueError, match=f"did you mean {right}"):
        explore.named(demo, f"{right[:-1]}X")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("P99", "has no pattern or change 'P99'"),
        ("C9", "did you mean C"),
        ("../../../etc/passwd", "has no pattern or change"),
    ],
)
def test_an_unknown_name_is_told_with_all_there_are(demo: Loop, name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as told:
        explore.named(demo, name)
    assert all(pattern.id in str(told.value) for pattern in demo.patterns.patterns)


def test_nothing_from_the_log_leaves_the_folder_or_becomes_markup(demo: Loop, asked: Asked, home: Path) -> None:
    evil = changes.draft({
        **changes.cells_of(demo.changes[0]), "id": "../../C1", "change_shipped": "<script>x</script> [a](b) $x$ `y`",
    })  # fmt: skip
    assert explore.place(evil, asked).parent == home / "notebooks" / "mine" / "demo" / "2026-W47"
    node = explore.notebook(evil, asked)
    assert r"\<script\>x\</script\> \[a\]\(b\) \$x\$ \`y\`" in node.cells[0].source
    parameters: dict[str, Any] = {}
    exec(node.cells[1].source, parameters)
    assert parameters["about"] == "../../C1"


def test_the_start_page_links_every_pattern_and_change_to_a_notebook(
    demo: Loop, home: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = nbformat.read(lab.start_page(), as_version=4)
    assert "There is no report yet" in empty.cells[0].source
    folder = home / "reports" / "2026-W47"
    folder.mkdir(parents=True)
    findings.save(demo.findings, folder / "findings.json")
    manifest.seal(manifest.describe(demo, SOURCE, asked.data), folder)
    start = lab.start_page()
    told = nbformat.read(start, as_version=4).cells
    links = {part.partition(")")[0] for part in told[0].source.split("](")[1:]}
    for link in links - {"../../reports/2026-W47/page.html"}:
        assert (start.parent / link).is_file(), link
    for one in (*demo.patterns.patterns, *(verdict.change for verdict in demo.verdicts)):
        assert f"demo/2026-W47/{one.id}.ipynb" in links
    assert f'open_week("{SOURCE}", "2026-W47"' in told[1].source
    kept = start.parent / "demo" / "2026-W47" / f"{demo.patterns.patterns[0].id}.ipynb"
    kept.write_text("mine", encoding="utf-8")
    lab.start_page()
    assert kept.read_text(encoding="utf-8") == "mine"


def test_a_readers_notebooks_are_none_of_gits_business() -> None:
    asked = ["git", "check-ignore", "--quiet", "notebooks/mine/demo/2026-W47/P0404.ipynb"]
    assert subprocess.run(asked, cwd=ROOT, check=False).returncode == 0


def test_an_id_in_any_case_and_a_place_in_the_report_name_the_same(demo: Loop) -> None:
    for pattern in demo.patterns.patterns:
        assert explore.named(demo, pattern.id.lower()) == pattern
    assert explore.named(demo, "P2") == demo.patterns.patterns[1]
    assert explore.named(demo, demo.changes[0].id) == demo.changes[0]
