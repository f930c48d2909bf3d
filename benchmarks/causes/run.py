"""Is the planted cause found: its slice, its origin, its first day, and is the decoy left alone?

    PYTHONPATH=. python -W ignore benchmarks/causes/run.py --seeds 8000 8056 --to records.jsonl
    PYTHONPATH=. python -W ignore benchmarks/causes/run.py --table records.jsonl

The first line simulates one merchant per seed and writes what was said of each; the second draws the table.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.causes.merchants import Planted, merchant
from benchmarks.causes.table import table
from closeloop import comparisons, metrics, simulate
from closeloop.loop import Loop, open_week
from closeloop.model import Cause, Pattern, Slice


def fits(pattern: Pattern, planted: Planted) -> bool:
    """A pattern can belong to what was planted when its metric can show it and its slice could hold it."""
    return pattern.metric in planted.metrics and pattern.slice.overlaps(Slice.of(planted.slice.items()))


def right_slice(pattern: Pattern, truth: dict[str, str]) -> bool:
    """Say whether a slice is the planted one, or a part of it with one more condition."""
    where: dict[str, str] = {}
    for dim, value in pattern.slice.where:
        where |= (
            dict(zip(("warehouse", "region"), value.split(" to "), strict=True)) if dim == "lane" else {dim: value}
        )
    return truth.items() <= where.items() and len(where) <= len(truth) + 1


def blamed(pattern: Pattern, cause: Cause, decoy: Planted, since: date) -> bool:
    """Say whether a shown pattern that is not the planted one accuses the decoy."""
    mine = decoy.slice and decoy.slice.items() <= dict(pattern.slice.where).items()
    near = abs((pattern.onset - since).days) <= 10
    return bool(fits(pattern, decoy) and near and (mine or not decoy.slice) and cause.origin != "undecided")


def record(seed: int, loop: Loop, cause: Planted, decoy: Planted) -> dict[str, Any]:
    """Write down the truth of one merchant beside what its newest week says."""
    shown = list(zip(loop.patterns.patterns, loop.causes, strict=True))
    mine = [(p, c) for p, c in shown if fits(p, cause) and p.onset >= cause.start - timedelta(weeks=3)]
    mine.sort(key=lambda pair: (not right_slice(pair[0], cause.slice), pair[0].p))
    others = [(p, c) for p, c in shown if (p, c) not in mine]
    found: dict[str, Any] = {
        "seed": seed, "kind": cause.name, "origin": cause.origin, "decoy": decoy.name, "shown": len(shown),
        "false": len(others), "decoy_blamed": any(blamed(p, c, decoy, decoy.start) for p, c in others),
        "found": bool(mine),
        "others": [f"{p.metric}: {p.slice} since {p.onset}: {c.origin} {c.weight}" for p, c in others],
    }  # fmt: skip
    return found | (said(loop, *mine[0], cause, decoy) if mine else {})


def said(loop: Loop, pattern: Pattern, cause: Cause, truth: Planted, decoy: Planted) -> dict[str, Any]:
    """Write down what was said of the pattern that shows the planted cause, and from what."""
    spreads = comparisons.spreads(loop.con, metrics.by_id(pattern.metric), pattern)
    return {
        "metric": pattern.metric, "slice": list(pattern.slice.where),
        "right_slice": right_slice(pattern, truth.slice),
        "said_origin": cause.origin, "weights": dict(cause.origins), "stage": cause.stage,
        "onset_error": (cause.onset - truth.start).days,
        "onset_covered": bool(cause.onset_low and cause.onset_high
                              and cause.onset_low <= truth.start <= cause.onset_high),
        "decoy_origin_blamed": cause.origin == decoy.origin != truth.origin,
        "stages": [[s.name, s.before, s.since, s.elsewhere_before, s.elsewhere_since] for s in cause.stages],
        "spreads": [[s.dim, list(s.worse), s.asked] for s in spreads],
        "evidence": [e.sentence for e in cause.evidence],
        "coincidences": [c.sentence for c in cause.coincidences],
    }  # fmt: skip


def records(seeds: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Simulate and review one merchant per seed."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            scenario, cause, decoy = merchant(seed)
            simulate.write_exports(simulate.simulate(scenario), Path(folder) / "data")
            loop = open_week("params/sources/demo", "", f"{folder}/data", f"{folder}/out")
            yield record(seed, loop, cause, decoy) | {"seconds": round(time.process_time() - started, 1)}


def main() -> None:
    """Run seeds, or draw the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, nargs=2, default=(8000, 8056))
    options.add_argument("--to", type=Path, default=Path("records.jsonl"))
    options.add_argument("--table", type=Path, nargs="+")
    given = options.parse_args()
    if given.table:
        print(table([json.loads(line) for path in given.table for line in path.read_text().splitlines()]))
        return
    with given.to.open("a") as out:
        for one in records(range(*given.seeds)):
            out.write(json.dumps(one) + "\n")
            out.flush()
            print(one["seed"], one["kind"], "+", one["decoy"], "->", one.get("said_origin", "nothing"), flush=True)


if __name__ == "__main__":
    main()
