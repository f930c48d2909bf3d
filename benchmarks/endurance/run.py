"""Three years of weekly runs in a row: what grows that should not?

    PYTHONPATH=. python benchmarks/endurance/run.py --orders 150 --every 1

Every week new files arrive and every other week a change is logged. Each run opens the newest week and works out all
findings in a process of its own; `--every N` runs every Nth week and the one after it, while data and log grow all
the same. `--whole` makes the last report with `closeloop weekly`, then an archive of as many reports as weeks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.endurance import growing
from closeloop import project
from closeloop.loop import Loop, open_week
from closeloop.report import archive, manifest, publish
from closeloop.weeks import iso

STEPS = ("facts and cube", "patterns", "causes", "verdicts", "ledger", "everything else")


def weekly(source: Path, week: str, out: Path) -> dict[str, Any]:
    """Work out one week in a process of its own; return CPU seconds by step, peak memory, and what it found."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reader)
        os.write(writer, json.dumps(_looked(source, week, out)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    os.waitpid(child, 0)
    if not text:
        raise SystemExit(f"the run of {week} failed")
    return json.loads(text)


def _looked(source: Path, week: str, out: Path) -> dict[str, Any]:
    taken, before = dict[str, float](), time.process_time()
    loop = open_week(str(source), week, "", str(out))
    taken["reading"] = time.process_time() - before
    parts: dict[str, Any] = {
        "facts and cube": lambda: loop.cube, "patterns": lambda: loop.patterns, "causes": lambda: loop.causes,
        "verdicts": lambda: loop.verdicts, "ledger": lambda: loop.ledger, "everything else": loop.save,
    }  # fmt: skip
    for name, part in parts.items():
        before = time.process_time()
        part()
        taken[name] = time.process_time() - before
    return {"week": week, "cpu": taken, "peak": _peak(), **_held(loop, out)}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _held(loop: Loop, out: Path) -> dict[str, Any]:
    names = {p.id: [p.metric, str(p.slice), str(p.first_seen)] for p in loop.patterns.patterns}
    disk = sum(path.stat().st_size for path in project.cache().rglob("*") if path.is_file())
    findings = (out / "findings.json").stat().st_size
    return {"patterns": names, "cache": disk / 2**20, "findings": findings / 1024, "verdicts": len(loop.verdicts)}


def three_years(folder: Path, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Let the weeks pass; run those that are due."""
    growing.write(folder, given.orders, given.seed)
    source, found = growing.source(folder), list[dict[str, Any]]()
    log = source / "improvement_log.csv"
    for number in range(given.weeks):
        monday = growing.add_week(folder, number)
        if number % given.every in (0, 1) or number == given.weeks - 1:
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            found.append(weekly(source, iso(monday), out) | {"number": number})
            print(json.dumps(found[-1]), flush=True)
        growing.log_week(log, monday, number)
    return found


def whole(folder: Path) -> tuple[float, Path]:
    """Make the newest week's report with `closeloop weekly`; return its CPU seconds and its folder."""
    reports, before = folder / "reports", resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["weekly", "--source", str(folder / "source"), "--out", str(reports)]
    subprocess.run([sys.executable, "-m", "closeloop.cli", *command], cwd=growing.ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, publish.weeks(reports)[-1]


def kept(report: Path, weeks: int) -> list[figures.Figure]:
    """Fill the archive with as many reports, and time what each run does with all of them."""
    reports = report.parent
    start = growing.FIRST
    names = [iso(start.fromordinal(start.toordinal() + 7 * n)) for n in range(weeks)]
    for name in names:
        if name != report.name:
            shutil.copytree(report, reports / name)
    steps = {
        "index.html written": lambda: archive.write(reports),
        "reports of the source listed": lambda: publish.reports_of(reports, manifest.read(report).source),  # type: ignore[union-attr]
    }
    found: list[figures.Figure] = []
    for name, step in steps.items():
        before = time.process_time()
        step()
        found.append(figures.Figure("CPU", time.process_time() - before, "s", f"{name}, {weeks} reports"))
    size = sum(path.stat().st_size for path in report.iterdir()) / 1024
    return [*found, figures.Figure("size", size, "KB", "one report"),
            figures.Figure("size", (reports / "index.html").stat().st_size / 1024, "KB", "index.html")]  # fmt: skip


def measured(found: list[dict[str, Any]]) -> list[figures.Figure]:
    """Compare the first runs with the last ones: CPU by step, memory, caches, and whether ids were kept."""
    quarter = max(1, len(found) // 4)
    first, last = found[:quarter], found[-quarter:]
    told: list[figures.Figure] = []
    for name in ("reading", *STEPS):
        old, new = (sum(run["cpu"][name] for run in runs) / len(runs) for runs in (first, last))
        told += [
            figures.Figure("first quarter", old, "", f"CPU s, {name}"),
            figures.Figure("last", new, "", f"CPU s, {name}"),
        ]
    for name, key in (("peak MB", "peak"), ("caches, MB", "cache"), ("findings.json, KB", "findings")):
        old, new = (sum(run[key] for run in runs) / len(runs) for runs in (first, last))
        told += [figures.Figure("first quarter", old, "", name), figures.Figure("last", new, "", name)]
    return [*told, renamed(found)]


def renamed(found: list[dict[str, Any]]) -> figures.Figure:
    """How many patterns that stood out in two weeks in a row, same metric and slice, got another id."""
    pairs = [(a, b) for a, b in pairwise(found) if b["number"] == a["number"] + 1]
    old = [({tuple(v[:2]): k for k, v in a["patterns"].items()}, b["patterns"]) for a, b in pairs]
    both = [(before[tuple(v[:2])], name) for before, now in old for name, v in now.items() if tuple(v[:2]) in before]
    return figures.share("last", sum(a != b for a, b in both), len(both), "ids changed from one week to the next")


def main() -> None:
    """Run what the command line asks for."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--orders", type=int, default=150, help="orders a week")
    options.add_argument("--weeks", type=int, default=growing.WEEKS)
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--seed", type=int, default=31)
    options.add_argument("--whole", action="store_true", help="make the last report whole, and measure the archive")
    figures.add_option(options)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(three_years(Path(folder), given))
        if given.whole:
            cpu, report = whole(Path(folder))
            found += [figures.Figure("last", cpu, "", "CPU s, closeloop weekly"), *kept(report, given.weeks)]
    print(figures.table(found))
    figures.save(given.figures, found, str(given.seed))


if __name__ == "__main__":
    main()
