"""What does a weekly run cost, beside the usual tools and beside one plain script?

    PYTHONPATH=. python benchmarks/report/run.py --orders 300 --rounds 3

The same week of the same merchant is made in three ways, in turn, each in processes of its own: `closeloop weekly`;
the command lines of papermill and nbconvert, one notebook after the other, as a cron job would; and one script that
calls what the notebooks call and writes page and mail. The files are read into tables before the clock starts.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import figures
from closeloop import simulate
from closeloop.report.run import NOTEBOOKS
from closeloop.report.steady import STEADY

ROOT = Path(__file__).parent.parent.parent
SOURCE, WEEK = "params/sources/demo", "2026-W47"
SCRIPT = Path(__file__).with_name("plain.py")


class Cost(NamedTuple):
    """Seconds of all processors, children included, and seconds on the clock."""

    cpu: float
    wall: float


def call(*command: str) -> None:
    """Run a command to its end with the settings of a weekly run; show what it said if it fails."""
    given = {**os.environ, **STEADY, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def closeloop(data: Path, out: Path) -> None:
    """One command: four notebooks, page, mail, manifest and archive."""
    call(sys.executable, "-m", "closeloop.cli", "weekly", "--week", WEEK, "--data", str(data), "--out", str(out))


def command_lines(data: Path, out: Path) -> None:
    """Papermill, then nbconvert, for each notebook; they hand each other their records as in a weekly run."""
    out.mkdir(parents=True)
    bin_ = Path(sys.executable).parent
    for stem in NOTEBOOKS:
        given = {"source": SOURCE, "week": WEEK, "data": str(data), "out": str(out / "steps")}
        parameters = [word for name, value in given.items() for word in ("-p", name, value)]
        made = str(out / f"{stem}.ipynb")
        call(str(bin_ / "papermill"), f"notebooks/{stem}.ipynb", made, "-k", "python3", "--cwd", ".", *parameters)
        call(str(bin_ / "jupyter"), "nbconvert", "--to", "html", "--no-input", made)


def script(data: Path, out: Path) -> None:
    """One plain script."""
    call(sys.executable, str(SCRIPT), SOURCE, WEEK, str(data), str(out))


WAYS: tuple[tuple[str, Callable[[Path, Path], None]], ...] = (
    ("closeloop weekly", closeloop),
    ("papermill and nbconvert", command_lines),
    ("one plain script", script),
)


def measured(way: Callable[[Path, Path], None], data: Path, out: Path) -> Cost:
    """Run one way and say what it cost."""
    shutil.rmtree(out, ignore_errors=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    way(data, out)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - start)


def main() -> None:
    """Make the week in each way, `rounds` times, and print the medians and their ratios."""
    options = argparse.ArgumentParser()
    options.add_argument("--weeks", type=int, default=20)
    options.add_argument("--orders", type=int, default=300, help="orders a week")
    options.add_argument("--rounds", type=int, default=3)
    figures.add_option(options)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data", Path(folder) / "out"
        simulate.write_exports(simulate.simulate(simulate.demo_scenario(given.weeks, given.orders, 5)), data)
        script(data, out)
        costs: dict[str, list[Cost]] = {name: [] for name, _ in WAYS}
        for _ in range(given.rounds):
            for name, way in WAYS:
                costs[name].append(measured(way, data, out))
                print(f"{name:<26}{costs[name][-1].cpu:7.1f} CPU s {costs[name][-1].wall:7.1f} s", flush=True)
    medians = {name: Cost(*map(statistics.median, zip(*found, strict=True))) for name, found in costs.items()}
    found = measured_of(medians)
    print(f"\n{figures.table(found)}")
    figures.save(given.figures, found, "5")


def measured_of(costs: dict[str, Cost]) -> list[figures.Figure]:
    """Return seconds of each way, and its CPU over closeloop's and the plain script's."""
    own, plain = costs[WAYS[0][0]].cpu, costs[WAYS[2][0]].cpu
    found: list[figures.Figure] = []
    for name, cost in costs.items():
        found += [
            figures.Figure("CPU", cost.cpu, "s", name),
            figures.Figure("clock", cost.wall, "s", name),
            figures.Figure("CPU, closeloop = 1", cost.cpu / own, "ratio", name),
            figures.Figure("CPU, script = 1", cost.cpu / plain, "ratio", name),
        ]
    return found


if __name__ == "__main__":
    main()
