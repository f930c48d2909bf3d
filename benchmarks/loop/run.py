"""What is the loop worth, and what are honest statistics worth?

    PYTHONPATH=. python benchmarks/loop/run.py --merchants 100 --seed 30000 --to records.jsonl

Each merchant's year is lived three times on one seed: reacting only, with closeloop, and with the same loop on naive
tests. A run that was interrupted goes on where it stopped; `--table` only draws the table and the picture.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

from benchmarks import figures
from benchmarks.loop import picture, score, sums, year

PICTURE = Path(__file__).with_name("loop.svg")


def main() -> None:
    """Run the merchants that are not in the records yet, then draw table and picture."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--merchants", type=int, default=100)
    options.add_argument("--seed", type=int, default=100)
    options.add_argument("--orders", type=int, default=1000, help="orders a week")
    options.add_argument("--weeks", type=int, default=year.WEEKS, help="weeks with a report")
    options.add_argument("--to", type=Path, default=Path(".closeloop/loop.jsonl"))
    options.add_argument("--picture", type=Path, default=PICTURE)
    options.add_argument("--table", action="store_true")
    figures.add_option(options)
    given = options.parse_args()
    warnings.filterwarnings("ignore")
    given.to.parent.mkdir(parents=True, exist_ok=True)
    seeds = range(given.seed, given.seed + given.merchants)
    done = read(given.to)
    for seed in () if given.table else [s for s in seeds if s not in done]:
        done[seed] = score.merchant(seed, given.orders, given.weeks)
        with given.to.open("a", encoding="utf-8") as out:
            out.write(json.dumps(done[seed]) + "\n")
        print(seed, f"{done[seed]['cpu']} CPU s", sums.in_a_line(done[seed]), flush=True)
    records = [done[seed] for seed in seeds if seed in done]
    found = sums.figures_of(records)
    print(f"\n{figures.table(found)}")
    picture.draw(records, given.picture)
    figures.save(given.figures, found, f"{records[0]['seed']} to {records[-1]['seed']}, {len(records)} merchants")


def read(path: Path) -> dict[int, dict[str, object]]:
    """Return the records of merchants that have been run, by seed."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {one["seed"]: one for one in map(json.loads, lines)}


if __name__ == "__main__":
    main()
