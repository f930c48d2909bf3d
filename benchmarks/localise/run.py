"""Measure localisation on planted and quiet cubes: exact F1, false alarms, CPU seconds, memory.

python benchmarks/localise/run.py S L C D incident service --cubes 40 --seed 20000
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import incident_sets
import ops_cubes
import pandas as pd
import riskloc_sets

from benchmarks import figures
from closeloop.stats.localise import localise, localise_incident, localise_rates

Truth = set[tuple[tuple[str, str], ...]]
Case = tuple[pd.DataFrame, Truth]


class Run(NamedTuple):
    """How to draw one cube, and how to name its segments; `ranked` where they are likeliest first, however weak."""

    draw: Callable[[int], Case]
    name: Callable[[pd.DataFrame], list[dict[str, object]]]
    ranked: bool = False


def values(letter: str, planted: bool) -> Run:
    recipe = riskloc_sets.RECIPES[letter]
    return Run(
        partial(riskloc_sets.instance, recipe, planted=planted),
        lambda t: [s.where for s in localise(t, dims=recipe.names, actual="v", expected="f")],
    )


def rates(letter: str, kind: str) -> Run:
    def name(table: pd.DataFrame) -> list[dict[str, object]]:
        found = localise_rates(table, dims=ops_cubes.NAMES, count="late", exposure="orders", current={"week": [8]})
        return [s.where for s in found.segments]

    return Run(lambda seed: ops_cubes.instance(ops_cubes.RECIPES[letter], seed, kind), name)


def incidents() -> Run:
    """Set D cut to four dimensions and its last week, with week 0 as a poor forecast."""
    dims = ops_cubes.NAMES[:4]

    def draw(seed: int) -> Case:
        table, truth = ops_cubes.instance(ops_cubes.RECIPES["D"], seed, "planted")
        sums = table.groupby([*dims, "week"], observed=True)[["orders", "late"]].sum().unstack("week")
        now, old = sums.xs(8, axis=1, level="week"), sums.xs(0, axis=1, level="week")
        forecast = (old["late"] / old["orders"]).fillna(0) * now["orders"]
        kept = {s for s in truth if all(d in dims for d, _ in s)}
        return now.assign(forecast=forecast).fillna(0).reset_index(), kept

    def name(table: pd.DataFrame) -> list[dict[str, object]]:
        found = localise_incident(table, dims=dims, count="late", exposure="orders", expected="forecast")
        return [s.where for s in found.segments]

    return Run(draw, name, ranked=True)


def service(expected: str | None, unlike: float) -> Run:
    """Incidents of a monitored service, with the moments before as a forecast or without any."""

    def name(table: pd.DataFrame) -> list[dict[str, object]]:
        dims = incident_sets.NAMES
        found = localise_incident(table, dims=dims, count="failures", exposure="sessions", expected=expected)
        return [s.where for s in found.segments]

    return Run(lambda seed: incident_sets.instance(seed, unlike), name, ranked=True)


SERVICE = {
    "service": service("forecast", incident_sets.UNLIKE),
    "service, no forecast": service(None, incident_sets.UNLIKE),
    "service, no forecast, alike": service(None, 0.1),
}


def measure(label: str, run: Run, seeds: Iterable[int]) -> list[figures.Figure]:
    """One row of the table."""
    hits = named = planted = alarms = cubes = first = third = 0
    spent: list[float] = []
    for seed in seeds:
        table, truth = run.draw(seed)
        start = time.process_time()
        ranked = [tuple(where.items()) for where in run.name(table)]
        spent.append(time.process_time() - start)
        found = set(ranked)
        first, third = first + len(set(ranked[:1]) & truth), third + len(set(ranked[:3]) & truth)
        hits, named, planted = hits + len(found & truth), named + len(found), planted + len(truth)
        alarms, cubes = alarms + bool(found), cubes + 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    none = float("nan")
    told = (
        ("cubes", cubes, ""),
        ("F1", 2 * hits / (named + planted) if planted else none, "ratio"),
        ("precision", hits / max(named, 1) if planted else none, "ratio"),
        ("recall", hits / planted if planted else none, "ratio"),
        ("top-1 F1", 2 * first / (cubes + planted) if run.ranked else none, "ratio"),
        ("recall at 3", third / planted if run.ranked else none, "ratio"),
        ("false alarms", none if planted else alarms / cubes, "share"),
        ("CPU s, mean", sum(spent) / cubes, ""),
        ("CPU s, max", max(spent), ""),
        ("peak MB", peak, ""),
    )
    return [
        figures.Figure(name, value, unit, label, n=cubes if unit == "share" else None) for name, value, unit in told
    ]


def runs(name: str) -> dict[str, Run]:
    if name in riskloc_sets.RECIPES:
        quiet = {} if name == "H" else {f"{name} quiet": values(name, planted=False)}
        return {name: values(name, planted=True)} | quiet
    if name == "incident":
        return {"incident": incidents()}
    if name == "service":
        return SERVICE
    return {f"{name} {kind}": rates(name, kind) for kind in ("planted", "null", "mix")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", choices=["S", "L", "H", "C", "D", "incident", "service"])
    parser.add_argument("--cubes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20000)
    figures.add_option(parser)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.cubes)
    found: list[figures.Figure] = []
    for name in options.sets:
        for label, run in runs(name).items():
            found += measure(label, run, seeds[:1] if name == "H" else seeds)
            print(label, "done", flush=True)
    print(figures.table(found))
    figures.save(options.figures, found, f"{seeds[0]} to {seeds[-1]}")


if __name__ == "__main__":
    main()
