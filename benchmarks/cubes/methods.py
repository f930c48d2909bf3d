"""One method on one set of cubes, in a process and an environment of its own: prints what it names and what it took.

    python methods.py "closeloop" C planted 41000 40

The environment of the peers has no closeloop, and closeloop's has no peers: each method imports what it needs.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd

from benchmarks.cubes import large
from benchmarks.localise import ops_cubes

Named = list[dict[str, Any]]
DIMS = list(ops_cubes.NAMES)
SIZES = {
    "30k": large.Large(31_500, 9),
    "125k x 60": large.Large(125_000, 60),
    "250k x 60": large.Large(250_000, 60),
    "500k x 60": large.Large(500_000, 60),
    "1M x 60": large.Large(1_000_000, 60),
}
"""Sizes beside the sets C and D; "30k" has about 30,000 occupied cells in its quiet weeks."""


def ours(table: pd.DataFrame, _: int) -> Named:
    """`localise_rates`, asked to name anything at all in one quiet cube of a hundred; not told how many there are."""
    from closeloop.stats.localise import Search, localise_rates  # noqa: PLC0415

    now = int(table["week"].max())
    found = localise_rates(
        table, dims=DIMS, count="late", exposure="orders", current={"week": [now]}, search=Search(alpha=0.01)
    )
    return [segment.where for segment in found.segments]


def pizza(depth: int) -> Callable[[pd.DataFrame, int], Named]:
    """`wise-pizza`'s changes of an average between the mean quiet week and the last one, told how many there are."""

    def named(table: pd.DataFrame, told: int) -> Named:
        from wise_pizza import explain_changes_in_average  # noqa: PLC0415

        now = table["week"].max()
        quiet = table[table["week"] < now].groupby(DIMS, observed=True)[["orders", "late"]].sum() / now
        frames = [
            part.astype(dict.fromkeys(DIMS, str)) for part in (quiet.reset_index(), table[table["week"] == now])
        ]
        found = explain_changes_in_average(
            *frames, dims=DIMS, total_name="late", size_name="orders", max_depth=depth, max_segments=told
        )
        return [{d: str(v) for d, v in one["segment"].items()} for one in found.segments]

    return named


def slices(table: pd.DataFrame, told: int) -> Named:
    """`sliceline` on the orders of the last week, told how many there are.

    Errors are what is late beyond a logistic model of the quiet weeks (they must not be negative).
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415
    from sliceline.slicefinder import Slicefinder  # noqa: PLC0415

    now = table["week"].max()
    encoder = OneHotEncoder(handle_unknown="ignore").fit(table[DIMS].astype(str))
    quiet = table[table["week"] < now].groupby(DIMS, observed=True)[["orders", "late"]].sum().reset_index()
    both = pd.concat([quiet.assign(y=1, w=quiet["late"]), quiet.assign(y=0, w=quiet["orders"] - quiet["late"])])
    both = both[both["w"] > 0]
    model = LogisticRegression(C=10, max_iter=300)
    model.fit(encoder.transform(both[DIMS].astype(str)), both["y"], sample_weight=both["w"])
    newest = table[table["week"] == now].reset_index(drop=True)
    single = newest.loc[newest.index.repeat(newest["orders"])]
    late = single.groupby(level=0).cumcount() < single["late"]
    expected = model.predict_proba(encoder.transform(single[DIMS].astype(str)))[:, 1]
    found = Slicefinder(alpha=0.95, k=told, max_l=3, min_sup=10, verbose=False)
    found.fit(single[DIMS].astype(str).to_numpy(), (late - expected).clip(lower=0).to_numpy())
    return [{d: str(v) for d, v in zip(DIMS, one, strict=True) if v is not None} for one in found.top_slices_]


METHODS: dict[str, Callable[[pd.DataFrame, int], Named]] = {
    "closeloop": ours,
    "wise-pizza, depth 2": pizza(2),
    "wise-pizza, depth 3": pizza(3),
    "sliceline": slices,
}


def cube(which: str, kind: str, seed: int) -> tuple[pd.DataFrame, set[large.Segment]]:
    """Draw one cube of a set: C or D (planted, null or mix), or one of `SIZES`."""
    if which in SIZES:
        return large.instance(SIZES[which], seed)
    return ops_cubes.instance(ops_cubes.RECIPES[which], seed, kind)


def measured(method: str, which: str, kind: str, seeds: range) -> Iterator[dict[str, Any]]:
    """Yield for each cube how many were named, planted and both, the CPU seconds, and the memory beyond the cube.

    The first call, on a small cube that does not count, imports what the method needs.
    """
    METHODS[method](large.instance(large.Large(300, 9, 20.0), 0)[0], 1)
    for seed in seeds:
        table, truth = cube(which, kind, seed)
        before, start = _peak(), time.process_time()
        named = {tuple(sorted(where.items())) for where in METHODS[method](table, max(len(truth), 1))}
        took = time.process_time() - start
        both = len(named & {tuple(sorted(where)) for where in truth})
        quiet = table[table["week"] < table["week"].max()]
        yield {
            "seed": seed, "named": len(named), "planted": len(truth), "both": both, "cpu": took,
            "mb": _peak() - before, "peak": _peak(), "rows": len(table),
            "cells": int(quiet[DIMS].drop_duplicates().shape[0]) if len(table) < 1e6 else 0,
        }  # fmt: skip


def _peak() -> float:
    """The most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure what the command line asks for: a line of JSON for each cube."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("method", choices=METHODS)
    options.add_argument("set", choices=["C", "D", *SIZES])
    options.add_argument("kind", choices=["planted", "null", "mix"])
    options.add_argument("seed", type=int)
    options.add_argument("cubes", type=int)
    given = options.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    for one in measured(given.method, given.set, given.kind, range(given.seed, given.seed + given.cubes)):
        sys.stdout.write(json.dumps(one) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
