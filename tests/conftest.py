"""Merchants that the tests share: each is written and opened once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from closeloop import project, simulate
from closeloop.loop import Loop, open_week

DEMO_SOURCE = "params/sources/demo"


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo merchant's exports at 1,500 orders a week: 40 weeks from 2026-02-16 to 2026-11-22."""
    folder = tmp_path_factory.mktemp("demo") / "files"
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(weeks=40, orders_per_week=1500)), folder)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for prepared tables that goes away with the tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def open_source(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Loop]:
    """Open a week of a source with files from a folder; nothing is left in the checkout."""

    def opened(week: str, files: Path | None = None, where: str = DEMO_SOURCE) -> Loop:
        out = tmp_path_factory.mktemp("run")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(project, "cache", lambda: cache)
            return open_week(where, week, data=str(files or ""), out=str(out))

    return opened


@pytest.fixture(scope="session")
def demo_week(demo_files: Path, open_source: Callable[..., Loop]) -> Callable[[str], Loop]:
    """Open a week of the demo merchant; the same week is opened once."""
    opened: dict[str, Loop] = {}

    def open_once(week: str) -> Loop:
        if week not in opened:
            opened[week] = open_source(week, demo_files)
        return opened[week]

    return open_once


@pytest.fixture(scope="session")
def demo(demo_week: Callable[[str], Loop]) -> Loop:
    """The newest week of the demo merchant, 2026-W47."""
    return demo_week("2026-W47")


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Give the folder of a real data set, or skip the test where it is not there."""

    def folder(name: str) -> Path:
        found = project.root().parent / "shared" / "data" / name
        if not found.is_dir():
            pytest.skip(f"the real data set {name!r} is not at {found}")
        return found

    return folder
