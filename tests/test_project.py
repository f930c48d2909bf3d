"""The files around the package agree with each other and with README."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from closeloop import project, words
from closeloop.cli import cli
from closeloop.report import wording

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GIVEN = ("jupyterlab", "papermill", "pandas", "statsmodels", "seaborn", "nbconvert")


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~; \[]", line.strip())[0].lower() for line in requirements}


def locked() -> dict[str, str]:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return {package["name"]: package.get("version", "") for package in packages}


def test_the_lock_holds_every_dependency() -> None:
    wanted = names(PROJECT["project"]["dependencies"]) | names(PROJECT["dependency-groups"]["dev"])
    assert set(GIVEN) <= names(PROJECT["project"]["dependencies"])
    assert wanted <= set(locked())


def test_conda_installs_exactly_what_the_lock_says() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python = next(item for item in environment["dependencies"] if str(item).startswith("python="))
    minor = int(python.removeprefix("python=3."))
    low, high = (int(part) for part in re.findall(r"3\.(\d+)", PROJECT["project"]["requires-python"]))
    assert low <= minor < high
    assert environment["dependencies"][-1]["pip"] == ["-r requirements.lock", "-e ."]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split(" ;")[0].split("==") for line in lines if re.match(r"[a-z0-9]", line))
    versions = locked()
    assert names(PROJECT["project"]["dependencies"]) <= set(pinned)
    assert {name: versions[name] for name in pinned} == pinned


def test_bare_make_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split())
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    assert phony - {"lint", "types"} <= set(re.findall(r"make (\w+)", shown))


def test_readme_names_only_commands_and_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = set(cli.commands)
    assert set(re.findall(r"^closeloop (\w+)", readme, re.MULTILINE)) <= commands
    assert commands <= set(re.findall(r"closeloop (\w+)", readme)), "README leaves out a command"
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", readme):
        assert (ROOT / link).exists(), link
    for target in re.findall(r"`make (\w+)`", readme):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_checkout_is_found_from_inside_it_or_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, own = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "params", home / "notebooks" / "mine", own):
        folder.mkdir(parents=True)
    monkeypatch.setenv(project.HOME, str(home))
    monkeypatch.chdir(own)
    assert project.root() == home
    monkeypatch.setenv(project.HOME, str(own))
    assert project.root() == own
    monkeypatch.chdir(home / "notebooks" / "mine")
    assert project.root() == home


def test_only_what_was_used_last_stays_in_the_cache(tmp_path: Path) -> None:
    for day, name in enumerate(("old.duckdb", "folder", "new.duckdb")):
        path = tmp_path / name
        if name == "folder":
            (path / "inside").mkdir(parents=True)
        else:
            path.write_text("")
        os.utime(path, (day, day))
    project.forget(tmp_path.iterdir(), keep=2)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "new.duckdb"}
    os.utime(tmp_path / "new.duckdb", (0, 0))
    project.forget([*tmp_path.iterdir(), tmp_path / "gone"], keep=0)
    assert not list(tmp_path.iterdir())


def test_the_managers_page_explains_every_word_of_judgement() -> None:
    told = (ROOT / "docs/manager.md").read_text(encoding="utf-8").lower()
    for word in [*wording.DECISIONS.values(), *(words.how_sure(q) for q in (0.001, 0.02, 0.2)), "candidate cause"]:
        assert word.lower() in told, word


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*/README.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
