"""Every command that a page shows is run as it stands, in a checkout whose shop has data."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
SHOP, WEEK = "params/sources/yourshop", "2026-W47"
BY_OTHER_TESTS = {
    "closeloop check --source params/sources/parcelpost --data sample": "sources/test_docs_sources.py",
    "closeloop lab": "report/test_lab.py",
    "closeloop pull": "sources/test_live.py",
    "closeloop pull --source params/sources/yourshop": "sources/test_live.py",
    "closeloop reproduce reports/2026-W47": "report/test_reproduce.py",
    "closeloop weekly": "test_run.py",
    "closeloop weekly --catch-up 4 --keep 53 --send": "report/test_scheduling.py",
    "closeloop mail 2026-W47 --send --resend ann.lee@yourshop.example": "report/test_send.py",
    "closeloop mail 2026-W47 --send": "report/test_send.py",
}
"""Commands that need a server or a browser, or that take long and are run there already."""

FIRST = f"closeloop weekly --source {SHOP} --week {WEEK}"
FILLED_IN = {
    "closeloop check FOLDER": "closeloop check files",
    "closeloop demo DIR": "closeloop demo demo --weeks 2 --orders-per-week 40",
    "closeloop explore 2026-W47/P0404": "closeloop explore 2026-W47/P0404 --no-open",
}
"""What stands for a reader's own words, and what keeps a program from opening."""


def shown() -> list[str]:
    """The commands in the code of the pages, each once."""
    found = {FIRST: None}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fenced = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.DOTALL | re.M)
        lines = [line.strip() for block in fenced for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        found |= dict.fromkeys(re.sub(r"\s+#.*", "", line) for line in lines if line.startswith("closeloop "))
    return list(found)


@pytest.fixture(scope="module")
def checkout(demo_files: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with two shops, the demo and the reader's, both with the demo merchant's files."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("notebooks", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("mine", "*.csv.lock"))
    shutil.copytree(folder / "params/sources/demo", folder / SHOP)
    for shop in ("demo", "yourshop"):
        path = folder / "params/sources" / shop / "source.yml"
        settings = {**yaml.safe_load(path.read_text(encoding="utf-8")), "folder": str(demo_files)}
        del settings["made_by"]
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "files").symlink_to(demo_files)
    (folder / ".closeloop").symlink_to(cache)
    return folder


@pytest.mark.parametrize("command", [each for each in shown() if each not in BY_OTHER_TESTS])
def test_the_command_of_a_page_runs_as_it_stands(checkout: Path, command: str) -> None:
    words = shlex.split(FILLED_IN.get(command, command))
    program = Path(sys.executable).parent / words[0]
    ran = subprocess.run(
        [program, *words[1:]], cwd=checkout, env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(("command", "test"), BY_OTHER_TESTS.items())
def test_the_other_commands_are_shown_and_run_elsewhere(command: str, test: str) -> None:
    assert command in shown()
    assert (ROOT / "tests" / test).is_file()
