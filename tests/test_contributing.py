"""The additions that CONTRIBUTING shows can be made just so, and do what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = {
    title: (diff, command)
    for title, diff, command in re.findall(
        r"^## (.+?)\n.*?```diff\n(.*?)```.*?```sh\n(.*?)```", PAGE, re.DOTALL | re.M
    )
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with every example of the page applied."""
    folder = tmp_path_factory.mktemp("copy")
    kept = subprocess.run(
        ["git", "ls-files", "closeloop", "params", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in kept.stdout.splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    for diff, _ in EXAMPLES.values():
        subprocess.run(["git", "apply", "-C1", "--recount"], input=diff, cwd=folder, text=True, check=True)
    return folder


def said_by(command: str, folder: Path) -> str:
    words = command.split(maxsplit=1)
    run = f"{sys.executable} -m closeloop.cli" if words[0] == "closeloop" else sys.executable
    made = subprocess.run(
        f"{run} {words[1]}", shell=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_the_page_shows_each_kind_of_addition() -> None:
    assert list(EXAMPLES) == ["A metric", "A source", "A chart", "A kind of pattern", "A kind of change"]


@pytest.mark.parametrize(
    ("title", "seen"),
    [
        ("A metric", "early_delivery"),
        ("A source", "--source"),
        ("A chart", "end of each day"),
        ("A kind of pattern", "More waits every week 6"),
        ("A kind of change", "staffing"),
    ],
)
def test_an_addition_works_where_it_is_made(copy: Path, title: str, seen: str) -> None:
    assert seen in said_by(EXAMPLES[title][1], copy)


def test_the_new_metric_and_source_are_read(copy: Path) -> None:
    told = said_by(
        'python -c "from pathlib import Path; from closeloop import metrics; from closeloop.sources import source;'
        " import closeloop; print(Path(closeloop.__file__).parent.parent, metrics.by_id('early_delivery').unit,"
        " source.read(Path('params/sources/pickpack')).title)\"",
        copy,
    )
    assert told.split() == [str(copy), "parcels", "two", "days", "early", "Pick", "and", "Pack"]
