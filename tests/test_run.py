"""The weekly run: whole or not at all, the same bytes twice, and plain words when a cell fails."""

import json
from email import message_from_bytes, policy
from pathlib import Path

import nbformat
import pytest

from closeloop import project, simulate
from closeloop.report import NotebookError, run

WEEK = "2026-W46"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "demo"
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(20, 300, 5)), folder)
    return folder


def request_to(folder: Path, demo: Path) -> run.Request:
    return run.Request("params/sources/demo", WEEK, str(demo), folder)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Path:
    return run.weekly(request_to(tmp_path_factory.mktemp("first"), demo), lambda _: None)


def test_a_report_holds_page_mail_findings_and_four_notebooks(report: Path) -> None:
    assert {path.name for path in report.iterdir()} == {
        "page.html", "mail.eml", "findings.json", "manifest.json", *(f"{stem}.ipynb" for stem in run.NOTEBOOKS)
    }  # fmt: skip
    assert not list(report.parent.glob(".*")), "the draft folder is left behind"


def test_the_mail_has_a_text_part_and_shows_its_page(report: Path) -> None:
    mail = message_from_bytes((report / "mail.eml").read_bytes(), policy=policy.default)
    bottom_line = json.loads((report / "findings.json").read_text())["bottom_line"]
    text = " ".join(mail.get_body(("plain",)).get_content().split())
    assert all(" ".join(sentence.split()) in text for sentence in bottom_line)
    assert [part.get_filename() for part in mail.iter_attachments()] == [
        f"closeloop-{WEEK}.html"
    ] or mail.is_multipart()


def test_no_customer_is_in_any_file_of_the_report(report: Path) -> None:
    for path in report.iterdir():
        content = path.read_text(encoding="utf-8", errors="replace")
        assert "@example.com" not in content, path.name
        assert "Example St" not in content, path.name


def test_a_second_run_elsewhere_gives_the_same_bytes(report: Path, tmp_path: Path, demo: Path) -> None:
    again = run.weekly(request_to(tmp_path, demo), lambda _: None)
    for path in sorted(report.iterdir()):
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_failing_cell_is_named_and_leaves_the_last_report_alone(
    report: Path, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (report / "page.html").read_bytes()
    broken = nbformat.read(run.notebook("2_explore_causes"), as_version=4)
    broken.cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(broken, tmp_path / "2_explore_causes.ipynb")
    whole = run.notebook
    root = project.root()
    monkeypatch.setattr(project, "root", lambda: root)
    monkeypatch.setattr(run, "NOTEBOOKS", ("2_explore_causes",))
    monkeypatch.setattr(run, "notebook", lambda stem: tmp_path / f"{stem}.ipynb" if stem[0] == "2" else whole(stem))
    with pytest.raises(
        NotebookError, match=r"(?s)2_explore_causes.ipynb, cell \d+: ZeroDivisionError.*params.2_explore"
    ):
        run.weekly(request_to(report.parent, demo), lambda _: None)
    assert (report / "page.html").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [("weeek: 2026-W47\n", "did you mean 'week'"), ("week: 47\n", "must be a text"), ("- 1\n", "name: value")],
)
def test_a_wrong_parameter_is_refused_before_a_kernel_starts(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1_surface_patterns.yml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(run, "parameter_file", lambda _: path)
    with pytest.raises(ValueError, match=said) as raised:
        run.check_parameters("1_surface_patterns", {})
    assert str(path) in str(raised.value)
