"""How long, and with how much memory, is the cube made, beside the least that any tool must do, and beside pandas?

    python benchmarks/scale/run.py FOLDER --millions 1 3 10

Writes merchants of that many million parcels (ten scans each) into the folder unless they are there, then measures,
each in a process of its own: one hand-written DuckDB statement, the full cube, and both the cube and pandas on a
merchant of a million parcels.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.scale import generate, in_pandas, merchant
from closeloop import metrics
from closeloop.cube import Cube

HELD = 1_000_000
"""Parcels that pandas can hold."""

SAME = tuple(metrics.by_id(name) for name in in_pandas.METRICS)


def measured(step: str, folder: Path) -> dict[str, Any]:
    """Run one step in a process of its own; return seconds, processor seconds, GiB at the peak and its result."""
    command = [sys.executable, __file__, str(folder), "--step", step]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{step} of {folder}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def step(name: str, folder: Path) -> None:
    """Do one step and print what it took."""
    started = time.perf_counter()
    result = STEPS[name](folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    taken = {"wall": time.perf_counter() - started, "cpu": used.ru_utime + used.ru_stime}
    print(json.dumps({**taken, "peak": used.ru_maxrss / 2**20, "result": result}))


def _totals(cube: Cube) -> dict[str, float]:
    """How many of each metric's rows were bad in the last 50 weeks: the check that two ways count the same."""
    return {s.metric.id: round(float(s.bad[0, -50:].sum()), 2) for s in cube.series}


def _pandas(folder: Path) -> dict[str, float]:
    """Make the cube in pandas."""
    answers = list(in_pandas.build(folder))
    return {name: round(float(bad.iloc[-50:].sum()), 2) for name, fixed, bad, _ in answers if not fixed}


STEPS = {
    "statement": merchant.reduced,
    "cube": lambda folder: len(merchant.cubed(folder, metrics.METRICS).series),
    "same cube": lambda folder: _totals(merchant.cubed(folder, SAME)),
    "pandas": _pandas,
}


def compare(folder: Path, millions: list[float]) -> list[figures.Figure]:
    """Return what the statement and the cube take at each size."""
    found: list[figures.Figure] = []
    for size in millions:
        parcels = round(size * 1_000_000)
        data, of = _written(folder, parcels), f"{10 * parcels:,} scans"
        least, full = measured("statement", data), measured("cube", data)
        found += [*_taken("statement", least, of), *_taken("cube", full, of)]
        found += [
            figures.Figure(f"{w}, cube over statement", full[w] / least[w], "ratio", of) for w in ("wall", "cpu")
        ]
    return found


def compare_pandas(folder: Path, held: int) -> list[figures.Figure]:
    """Return what cube and pandas take beside each other, on a size that pandas holds."""
    data, of = _written(folder, held), f"{10 * held:,} scans, {len(SAME)} metrics"
    cube, pandas = measured("same cube", data), measured("pandas", data)
    differing = {
        name: (cube["result"].get(name), n) for name, n in pandas["result"].items() if cube["result"].get(name) != n
    }
    print(f"\n{of}: counts that differ: {differing or 'none'}")
    ratios = [figures.Figure(f"{w}, pandas over cube", pandas[w] / cube[w], "ratio", of) for w in ("wall", "cpu")]
    return [*_taken("cube", cube, of), *_taken("pandas", pandas, of), *ratios]


def _taken(what: str, found: dict[str, Any], of: str) -> list[figures.Figure]:
    return [
        figures.Figure(f"{what}, {name}", found[key], unit, of)
        for name, key, unit in (("clock", "wall", "s"), ("CPU", "cpu", "s"), ("peak", "peak", "GiB"))
    ]


def _written(folder: Path, parcels: int) -> Path:
    data = folder / str(parcels)
    if not (data / f"tracking_events_{generate.WEEKS + 1}.parquet").is_file():
        generate.write(data, parcels)
    return data


def main() -> None:
    """Run and print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, nargs="?", default=Path(".closeloop/scale"))
    options.add_argument("--millions", type=float, nargs="+", default=[1.0])
    options.add_argument("--held", type=int, default=HELD, help="parcels of the merchant that pandas holds")
    figures.add_option(options)
    options.add_argument("--step", choices=list(STEPS))
    given = options.parse_args()
    if given.step:
        step(given.step, given.folder)
        return
    found = [*compare_pandas(given.folder, given.held), *compare(given.folder, given.millions)]
    print(figures.table(found))
    figures.save(given.figures, found, "1")


if __name__ == "__main__":
    main()
