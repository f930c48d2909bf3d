"""docs/sources.md: its files, settings and SELECTs are written to disk, and the check says what the page says."""

import re
from pathlib import Path

import pytest

from closeloop import project
from closeloop.check import lines, look

PAGE = project.root() / "docs/sources.md"
FILES = re.findall(r"^`([^`\n]+)`\n\n```\w+\n(.*?)```$", PAGE.read_text(encoding="utf-8"), flags=re.S | re.M)


def test_the_worked_example_works(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)
    monkeypatch.setenv("COLUMNS", "100")
    assert len(FILES) == 6
    for name, content in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    found = look(tmp_path / "params/sources/parcelpost", tmp_path / "sample")
    said = "\n".join(lines(found))
    shown = re.search(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    assert shown
    assert shown[1].strip() in said
    assert {c.table: c.rows_used for c in found.counts if c.rows_in} == {
        "orders": 3,
        "order_lines": 2,
        "shipments": 4,
    }


def test_the_readme_leads_to_the_page() -> None:
    assert "(docs/sources.md)" in (project.root() / "README.md").read_text(encoding="utf-8")
