"""Weekly looks up to a planned review in eight weeks, and how well the review can be planned.

python benchmarks/impact/looks.py --studies 200
"""

import argparse
from dataclasses import replace

import numpy as np
import pandas as pd
from conditions import CONDITIONS, SHIPPED, Condition, frame, simulate
from run import columns, judge

from closeloop.stats.panel import before_after
from closeloop.stats.review_plan import plan_review

PEEKED = ("ops", "large", "rtm-s")
PLANNED = ("ops", "small", "large", "hours", "noctl", "short")
WEEK = pd.Timedelta(weeks=1)


def peek(c: Condition, effect: float, seed: int) -> dict[str, float]:
    """Look after each of eight weeks, stop at the first clear answer; beside it, one look at the end."""
    daily = frame(c, simulate(c, effect, seed))
    review = SHIPPED + 8 * WEEK
    for week in range(1, 9):
        seen = daily[daily["date"] < SHIPPED + week * WEEK]
        r = before_after(seen, shipped=SHIPPED, treated="s00", review=review, **columns(c))
        if r.decision in ("improved", "worsened"):
            break
    once = r if week == 8 else judge(c, daily)
    return {"peeked": r.decision in ("improved", "worsened"), "week": week, "single": once.p < 0.05}


def planned(c: Condition, effect: float, seed: int) -> dict[str, float]:
    """What the plan says about four weeks, from the data before, and what came."""
    daily = frame(c, simulate(c, effect, seed))
    told = {k: v for k, v in columns(c).items() if k != "strata"}
    before = daily[daily["date"] < SHIPPED]
    wait = plan_review(before, shipped=SHIPPED, treated="s00", effect=effect, **told).waits[c.weeks_after - 1]
    r = judge(c, daily)
    half = (r.log_ratio.high - r.log_ratio.low) / 2
    return {"planned": wait.half_width, "came": half, "power planned": wait.power, "power came": r.p < 0.05}


def main() -> None:
    """Print both tables; plans need fewer studies, as half-widths differ little between them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--plans", type=int, default=100)
    parser.add_argument("--seed", type=int, default=50000)
    options = parser.parse_args()
    by_name = {c.name: c for c in CONDITIONS}
    for name in PEEKED:
        c = replace(by_name[name], weeks_after=8)
        for effect in (0.0, -0.2):
            rows = pd.DataFrame([peek(c, effect, options.seed + i) for i in range(options.studies)])
            print(name, effect, rows.mean().round(3).to_dict(), flush=True)
    seeds = range(options.seed, options.seed + options.plans)
    plans = {n: pd.DataFrame([planned(by_name[n], -0.2, s) for s in seeds]).mean() for n in PLANNED}
    table = pd.DataFrame(plans).T
    print(table.assign(ratio=table["planned"] / table["came"]).round(3).to_string(), flush=True)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
