"""False alarms, detections and cost of `closeloop.stats.surveillance.surprise` on simulated outbreaks.

python benchmarks/surveillance/run.py --replicates 40 --seeds 101 102 103
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from simulate import TEST, Simulation, simulate

from benchmarks import figures
from closeloop.stats.surveillance import Watch, surprise

ALPHAS = (0.005, 0.0075, 0.01)


def judge(counts: np.ndarray, watch: Watch | None) -> tuple[np.ndarray, np.ndarray]:
    """Return p and q of too many cases (series x test weeks)."""
    series, weeks = counts.shape
    frame = pd.DataFrame({
        "series": np.repeat(np.arange(series), weeks),
        "week": np.tile(np.arange(1, weeks + 1), series),
        "x": counts.ravel(),
    })  # fmt: skip
    judged = surprise(frame, by=["series"], periods=len(TEST), watch=watch)
    p = judged.pivot(index="series", columns="week", values="p_up").to_numpy()
    return p, judged.pivot(index="series", columns="week", values="q_up").to_numpy()


def measure(replicates: int, seed: int, watch: Watch | None) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return one row per series (false alarm rates, detections) and the figures of the whole run."""
    simulation = simulate(replicates, seed=seed)
    began = time.process_time()
    quiet, _ = judge(simulation.quiet, watch)
    spent = (time.process_time() - began) * 1000 / len(quiet)
    p, q = judge(simulation.outbreak, watch)
    inside = simulation.inside[:, TEST.start : TEST.stop]
    table = simulation.truth.copy()
    for alpha in ALPHAS:
        table[f"FPR {alpha}"] = (quiet <= alpha).mean(axis=1)
        table[f"POD {alpha}"] = ((p <= alpha) & inside).any(axis=1)
    return table.assign(seed=seed), {
        "ms": spent,
        **discoveries(simulation, q, 0.1),
        **discoveries(simulation, q, 0.2),
    }


def discoveries(simulation: Simulation, q: np.ndarray, level: float) -> dict[str, float]:
    """Return the mean weekly share of false alarms among alarms, and alarms a week."""
    inside = simulation.inside[:, TEST.start : TEST.stop]
    alarms = q <= level
    share = (alarms & ~inside).sum(axis=0) / np.maximum(alarms.sum(axis=0), 1)
    return {f"FDP q={level}": share.mean(), f"alarms/week q={level}": alarms.sum(axis=0).mean()}


def report(table: pd.DataFrame, runs: pd.DataFrame) -> None:
    """Print the tables of README.md."""
    rates = [name for name in table if name.startswith(("FPR", "POD"))]
    print(runs.round(4).to_string(index=False), "\n")
    print(table.groupby("seed")[rates].mean().round(4).to_string(), "\n")
    print("all", table[rates].mean().round(4).to_dict(), "series", len(table), "\n")
    each = table.groupby(["seed", "scenario"])[rates].mean()
    print("highest of 42 scenarios\n", each.groupby("seed").max().round(4).filter(like="FPR").to_string(), "\n")
    scenario = table.groupby("scenario")[rates].mean()
    print("worst scenarios by FPR 0.005\n", scenario.nlargest(6, "FPR 0.005").round(4).to_string(), "\n")
    print("by set\n", table.groupby(table.scenario.str[0])[rates].mean().round(4).to_string(), "\n")
    print("POD by k\n", table.groupby("k")[[f"POD {a}" for a in ALPHAS]].mean().round(3).T.to_string())


def told(table: pd.DataFrame, runs: pd.DataFrame) -> list[figures.Figure]:
    """Return false alarms and detections over all series, discoveries, and cost."""
    each = table.groupby(["seed", "scenario"])
    rates = [
        figures.Figure(kind, float(table[f"{kind} {alpha}"].mean()), "ratio", f"alpha {alpha}")
        for alpha in ALPHAS
        for kind in ("FPR", "POD")
    ]
    highest = [
        figures.Figure("highest FPR", float(each[f"FPR {alpha}"].mean().max()), "ratio", f"alpha {alpha}")
        for alpha in ALPHAS
    ]
    weekly = [
        figures.Figure(name, float(runs[f"{column} q={q}"].mean()), "ratio", f"weekly q {q}")
        for q in (0.1, 0.2)
        for name, column in (("FDP", "FDP"), ("alarms a week", "alarms/week"))
    ]
    return [*rates, *highest, *weekly, figures.Figure("a series", float(runs["ms"].mean()), "ms CPU", "cost")]


def main() -> None:
    """Run what the command line asks for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--replicates", type=int, default=40)
    options.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203])
    options.add_argument("--memory", type=float, default=Watch().memory)
    figures.add_option(options)
    given = options.parse_args()
    watch = Watch(season=52, memory=given.memory)  # the simulated year has 52 weeks
    measured = [measure(given.replicates, seed, watch) for seed in given.seeds]
    runs = pd.DataFrame([figures for _, figures in measured]).assign(seed=given.seeds)
    table = pd.concat([table for table, _ in measured])
    report(table, runs)
    figures.save(given.figures, told(table, runs), ", ".join(map(str, given.seeds)))


if __name__ == "__main__":
    main()
