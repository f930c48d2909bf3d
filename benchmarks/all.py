"""Run every benchmark and write one table.

    PYTHONPATH=. python benchmarks/all.py                    # all of them, as README claims them: hours
    PYTHONPATH=. python benchmarks/all.py report patterns    # some; the others keep their figures
    PYTHONPATH=. python benchmarks/all.py --quick --to FOLDER  # small sizes, to see that they run
    PYTHONPATH=. python benchmarks/all.py --fill             # write the figures into the READMEs again

A run of patterns or of the loop that was stopped goes on where it was, from the records in `.closeloop`: remove them
to begin anew. The figures go into `results.json` and, readable, into `RESULTS.md`; then the marked figures and tables
of README.md, docs/ and benchmarks/ are written anew (`marks.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import figures, marks

ROOT = Path(__file__).parent.parent
PACKAGES = ("duckdb", "numpy", "pandas", "scipy", "papermill", "nbconvert")


class Bench(NamedTuple):
    """A benchmark's script below `benchmarks/`, its words for the full run, and those for a quick one."""

    script: str
    full: str
    quick: str


SUITE: dict[str, Bench] = {
    "surveillance": Bench("surveillance/run.py", "--replicates 40 --seeds 201 202 203", "--replicates 1 --seeds 201"),
    "impact": Bench("impact/run.py", "--studies 400 --seed 1010000", "--studies 2 --seed 1 --only iid hours"),
    "localise": Bench("localise/run.py", "S L C D incident --cubes 40 --seed 20000", "incident --cubes 2"),
    "cubes": Bench("cubes/run.py", "--cubes 40 --seed 41000", "--cubes 2 --seed 1 --alone --sizes 30k"),
    "patterns": Bench(
        "patterns/run.py", "--seeds 68000 68106 --to .closeloop/patterns.jsonl", "--seeds 3007 3008 --orders 300"
    ),
    "report": Bench("report/run.py", "--orders 300 --rounds 2", "--weeks 14 --orders 40 --rounds 1"),
    "page": Bench("page/run.py", "--weeks 40 --orders 5000", "--weeks 14 --orders 40"),
    "lab": Bench("lab/run.py", "--weeks 40 --orders 5000", "--weeks 14 --orders 40"),
    "endurance": Bench("endurance/run.py", "--orders 60 --every 52 --whole", "--orders 40 --weeks 4 --every 3"),
    "loop": Bench(
        "loop/run.py",
        "--merchants 100 --seed 35000 --to .closeloop/loop.jsonl",
        "--merchants 1 --seed 51 --orders 150 --weeks 6 --to {folder}/loop.jsonl --picture {folder}/loop.svg",
    ),
    "scale": Bench("scale/run.py", "--millions 1", "{folder}/scale --millions 0.002 --held 2000"),
}


def run(name: str, quick: bool, folder: Path) -> dict[str, Any]:
    """Run one benchmark in a process of its own; return its figures with what made them."""
    bench, to = SUITE[name], folder / f"{name}.json"
    words = (bench.quick if quick else bench.full).format(folder=folder).split()
    command = [f"benchmarks/{bench.script}", *words]
    print(f"== {' '.join(command)}", flush=True)
    given = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *command, "--figures", str(to)], cwd=ROOT, env=given, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed with exit code {done.returncode}")
    told = json.loads(to.read_text(encoding="utf-8"))
    return {"command": f"PYTHONPATH=. python {' '.join(command)}", "date": date.today().isoformat(), **told}


def machine() -> dict[str, str]:
    """Say on what the benchmarks ran."""
    versions = {package: metadata.version(package) for package in PACKAGES}
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return {"machine": system, "python": platform.python_version(), **versions}


def written(results: dict[str, Any]) -> str:
    """Write the results for people."""
    about = ", ".join(f"{name} {value}" for name, value in results["on"].items() if name != "machine")
    lines = ["# Every figure, one table", "", f"Made by `make bench` on {results['on']['machine']} with {about}."]
    for name, one in sorted(results["benchmarks"].items()):
        head = ["", f"## {name}", "", f"    {one['command']}", "", f"Seeds {one['seeds']}; {one['date']}.", ""]
        lines += [*head, figures.table(figures.read(results, name))]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what the command line asks for, and write the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(SUITE)}")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--to", type=Path, default=figures.RESULTS.parent)
    options.add_argument("--fill", action="store_true")
    given = options.parse_args()
    if unknown := sorted(set(given.names) - set(SUITE)):
        options.error(f"there is no benchmark {unknown[0]!r}; known: {', '.join(SUITE)}")
    if given.quick and given.to == figures.RESULTS.parent:
        options.error("--quick needs --to FOLDER: quick figures are not to be published")
    given.to.mkdir(parents=True, exist_ok=True)
    path = given.to / figures.RESULTS.name
    results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"benchmarks": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name in () if given.fill else given.names or SUITE:
            results["benchmarks"][name] = run(name, given.quick, Path(folder))
            results["on"] = machine()
            path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            (given.to / "RESULTS.md").write_text(written(results), encoding="utf-8")
    if not given.quick:
        marks.fill(results)


if __name__ == "__main__":
    main()
