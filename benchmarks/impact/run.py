"""Measure the before/after test in seventeen worlds: false alarms, coverage, bias, power against the oracle, time.

python benchmarks/impact/run.py --studies 400 --seed 20000 --out table.csv
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from conditions import CONDITIONS, SHIPPED, Condition, frame, simulate
from oracle import oracle

from benchmarks import figures
from closeloop.stats.panel import BeforeAfter, before_after

EFFECTS = (0.0, -0.2, -0.4)


def columns(c: Condition) -> dict[str, str]:
    """The columns that `before_after` is told of."""
    measure = {"value": "x", "squares": "squares"} if c.hours else {"count": "x"}
    return {**measure, "exposure": "n", **({"strata": "stratum"} if c.mix else {})}


def judge(c: Condition, daily: pd.DataFrame) -> BeforeAfter:
    """One study through the public function."""
    return before_after(daily, shipped=SHIPPED, treated="s00", **columns(c))


def one(c: Condition, effect: float, seed: int) -> dict[str, float]:
    """One study: what was found, what the oracle finds, and the CPU seconds."""
    study = simulate(c, effect, seed)
    daily = frame(c, study)
    start = time.process_time()
    found = judge(c, daily)
    seconds = time.process_time() - start
    best = oracle(c, study, effect) if effect > EFFECTS[-1] else None
    return {
        "effect": effect,
        "rejected": found.p < 0.05,
        "improved": found.decision == "improved",
        "covered": found.low <= effect <= found.high,
        "bias": 100 * (found.effect.value - effect),
        "flagged": found.checks.pretrend_p < 0.10,
        "oracle": np.nan if best is None else abs(best.estimate / best.error) > 1.959964,
        "ratio": found.log_ratio.value / np.log1p(effect) if effect else np.nan,
        "shrunk": np.log1p(found.shrunken) / np.log1p(effect) if effect else np.nan,
        "ms": 1000 * seconds,
    }


def summary(c: Condition, rows: pd.DataFrame) -> dict[str, object]:
    """The line of one condition."""
    null, fifth, more = (rows[rows["effect"] == e] for e in EFFECTS)
    clear = fifth[fifth["rejected"]]
    return {
        "condition": c.name,
        "type I": null["rejected"].mean(),
        "oracle type I": null["oracle"].mean(),
        "false improved": null["improved"].mean(),
        "bias 0": null["bias"].median(),
        "cover 0": null["covered"].mean(),
        "cover -20": fifth["covered"].mean(),
        "cover -40": more["covered"].mean(),
        "power -20": fifth["rejected"].mean(),
        "oracle -20": fifth["oracle"].mean(),
        "power -40": more["rejected"].mean(),
        "size if clear": clear["ratio"].median(),
        "shrunken if clear": clear["shrunk"].median(),
        "pre-trend flag": null["flagged"].mean(),
        "ms": rows["ms"].median(),
    }


def _unit(name: str) -> str:
    return {"bias 0": "points", "ms": "ms"}.get(name, "ratio")


def main() -> None:
    """Run every condition and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20000)
    parser.add_argument("--only", nargs="*", default=[c.name for c in CONDITIONS])
    parser.add_argument("--out", type=Path)
    figures.add_option(parser)
    options = parser.parse_args()
    lines: list[dict[str, object]] = []
    for c in (c for c in CONDITIONS if c.name in options.only):
        seeds = range(options.seed, options.seed + options.studies)
        lines.append(summary(c, pd.DataFrame([one(c, e, s + int(-1e6 * e)) for e in EFFECTS for s in seeds])))
        print(c.name, flush=True)
        if options.out:
            pd.DataFrame(lines).to_csv(options.out, index=False)
    table = pd.DataFrame(lines).set_index("condition")
    print(table.round(3).to_string())
    ratio = table["power -20"].mean() / table["oracle -20"].mean()
    print("power / oracle:", round(ratio, 3))
    found = [figures.Figure(str(name), float(row[name]), _unit(str(name)), str(c)) for c, row in table.iterrows()
             for name in table.columns]  # fmt: skip
    mean = [figures.Figure(str(name), float(table[name].mean()), _unit(str(name)), "mean") for name in table.columns]
    every = [*found, *mean, figures.Figure("power over the oracle's", ratio, "ratio", "mean")]
    figures.save(options.figures, every, f"{options.seed} to {options.seed + options.studies - 1}, and shifted")


if __name__ == "__main__":
    main()
