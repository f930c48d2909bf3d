"""Which slices of a plain cube changed: `localise_rates` beside wise-pizza and sliceline, on the same cubes.

    PYTHONPATH=. python benchmarks/cubes/run.py --cubes 60 --peer-cubes 12 --seed 41000
    PYTHONPATH=. python benchmarks/cubes/run.py --only scale

The peers are installed from PyPI into an environment of their own (`.closeloop/peers`, made at the first run), and
left out with a word where that is not possible. Every method runs in a process of its own, on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import figures
from benchmarks.cubes.methods import METHODS, SIZES
from benchmarks.figures import Figure, share

ROOT = Path(__file__).parent.parent.parent
PEERS = ROOT / ".closeloop" / "peers"
PINNED = ("wise-pizza==0.2.9", "sliceline==0.3.0", "pandas==2.3.3")
KINDS = ("planted", "null", "mix")
OURS = "closeloop"

Row = dict[str, Any]


def peers() -> Path | None:
    """Return the Python that has the peers, which are installed where they are missing; None where they cannot be."""
    python = PEERS / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (PEERS / "ready").is_file():
        venv.create(PEERS, with_pip=True, clear=True)
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED]
        if subprocess.run(words, check=False).returncode:
            print("the peers cannot be installed from PyPI here: they are left out", flush=True)
            return None
        (PEERS / "ready").touch()
    return python


def rows(python: Path, method: str, which: str, kind: str, seeds: range) -> list[Row]:
    """Run one method on one set of cubes, in its own process; a method that fails gives no rows."""
    words = [str(python), "benchmarks/cubes/methods.py", method, which, kind, str(seeds.start), str(len(seeds))]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    given = {**os.environ, **one_thread, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=given, stdout=subprocess.PIPE, text=True, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    print(f"{method}, {which} {kind}: {len(found)} cubes" + (" FAILED" if done.returncode else ""), flush=True)
    return found


def accuracy(label: str, by_kind: dict[str, list[Row]]) -> Iterator[Figure]:
    """Say how exact the names were where something was planted, and how often it was silent where nothing was."""
    planted = by_kind["planted"]
    named, true, both = (sum(row[key] for row in planted) for key in ("named", "planted", "both"))
    yield Figure("exact F1", 2 * both / (named + true), "ratio", label, n=len(planted))
    yield Figure("precision", both / max(named, 1), "ratio", label)
    yield Figure("recall", both / true, "ratio", label)
    for kind, words in (("null", "silent, nothing planted"), ("mix", "silent, only the mix moved")):
        quiet = by_kind[kind]
        yield share(words, sum(not row["named"] for row in quiet), len(quiet), label)


def effort(label: str, found: list[Row], best: list[Row]) -> Iterator[Figure]:
    """Say what cubes cost, and how many times that is what they cost with closeloop."""
    (cpu, mb), (own_cpu, own_mb) = (
        (sum(row["cpu"] for row in some) / len(some), max(row["mb"] for row in some)) for some in (found, best)
    )
    yield Figure("CPU s a cube", cpu, "", label, n=len(found))
    yield Figure("MB beyond the cube", mb, "", label)
    yield Figure("times our CPU", cpu / own_cpu, "ratio", label)
    yield Figure("times our MB", mb / own_mb, "ratio", label)


def compared(seeds: range, few: int, pythons: dict[str, Path]) -> Iterator[Figure]:
    """Compare all methods on sets C and D, the peers on the first `few` cubes, after cubes of 30,000 cells."""
    large = {method: rows(python, method, "30k", "planted", seeds[:1]) for method, python in pythons.items()}
    for method, found in large.items():
        if found:
            yield from effort(f"{method}, {found[0]['cells']:,} quiet cells", found, large[OURS])
    for which in ("C", "D"):
        for method, python in pythons.items():
            mine = seeds if method == OURS else seeds[:few]
            by_kind = {kind: rows(python, method, which, kind, mine) for kind in KINDS}
            if all(by_kind.values()):
                yield from accuracy(f"{method}, set {which}", by_kind)


def scale(seeds: range, sizes: list[str]) -> Iterator[Figure]:
    """Say what `localise_rates` takes on up to a million leaf cells over sixty weeks."""
    for size in sizes:
        for row in rows(Path(sys.executable), OURS, size, "planted", seeds[:1]):
            label = f"closeloop, {size} weeks"
            yield Figure("rows", row["rows"], "", label)
            yield Figure("CPU s", row["cpu"], "", label)
            yield Figure("CPU s per million rows", row["cpu"] / row["rows"] * 1e6, "", label)
            yield Figure("GB at most, the cube included", row["peak"] / 1024, "", label)
            yield Figure("planted slice named alone", row["both"] * (row["named"] == 1), "", label)


def main() -> None:
    """Compare, scale, and write the figures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cubes", type=int, default=60, help="of each kind and set")
    options.add_argument(
        "--peer-cubes", type=int, default=12, help="of those, for the peers, which take seconds each"
    )
    options.add_argument("--seed", type=int, default=41000)
    options.add_argument("--only", choices=["compare", "scale"])
    options.add_argument("--alone", action="store_true", help="without the peers")
    options.add_argument("--sizes", nargs="*", choices=SIZES, default=[name for name in SIZES if name != "30k"])
    figures.add_option(options)
    given = options.parse_args()
    seeds, found = range(given.seed, given.seed + given.cubes), list[Figure]()
    if given.only != "scale":
        other = None if given.alone else peers()
        pythons = {m: Path(sys.executable) if m == OURS else other for m in METHODS}
        found += compared(seeds, given.peer_cubes, {method: python for method, python in pythons.items() if python})
    if given.only != "compare":
        found += scale(seeds, given.sizes)
    for name in ("set", "cells", "weeks"):
        if some := [one for one in found if name in one.of.rsplit(",", 1)[-1]]:
            print(f"\n{figures.table(some)}", flush=True)
    figures.save(given.figures, found, f"{seeds[0]} to {seeds[-1]}")


if __name__ == "__main__":
    main()
