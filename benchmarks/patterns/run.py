"""Are planted problems found, where, since when and why, and is everything else left alone?

    PYTHONPATH=. python -W ignore benchmarks/patterns/run.py --seeds 3000 3031 --to records.jsonl
    PYTHONPATH=. python -W ignore benchmarks/patterns/run.py --table records.jsonl

The first line simulates one merchant per seed, appends what was said of it and draws the tables; the second only
draws them. Seeds that the file holds already are left out, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from pathlib import Path

from benchmarks import figures
from benchmarks.patterns.records import Record, read, records
from benchmarks.patterns.table import details, measured
from closeloop.simulate.cases import ORDERS_PER_WEEK


def main() -> None:
    """Run seeds, and draw the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--seeds", type=int, nargs=2, default=(3000, 3031), help="the first, and the one after the last"
    )
    options.add_argument("--orders", type=int, default=ORDERS_PER_WEEK, help="orders a week")
    options.add_argument("--to", type=Path, help="keep the records in this file")
    options.add_argument("--table", type=Path, nargs="+", help="draw the tables of files of records")
    figures.add_option(options)
    given = options.parse_args()
    every = [one for path in given.table or () for one in read(path)] or _run(given.seeds, given.orders, given.to)
    found = measured(every)
    print(f"\n{figures.table(found)}\n\n{details(every)}")
    seeds = [one["seed"] for one in every]
    figures.save(given.figures, found, f"{min(seeds)} to {max(seeds)}")


def _run(seeds: tuple[int, int], orders: int, to: Path | None) -> list[Record]:
    known = read(to) if to else []
    done = {one["seed"] for one in known}
    with to.open("a") if to else nullcontext() as out:
        for one in records((seed for seed in range(*seeds) if seed not in done), orders):
            known.append(one)
            print(one["seed"], one["kind"], "->", one.get("said_origin", "nothing"), one["others"], flush=True)
            if out:
                out.write(json.dumps(one) + "\n")
                out.flush()
    return known


if __name__ == "__main__":
    main()
