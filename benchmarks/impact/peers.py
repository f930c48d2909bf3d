"""The before/after test beside peers that can be installed: false alarms and CPU seconds in one run.

python benchmarks/impact/peers.py --studies 40 --seed 950000

`bsts-causalimpact` (default options, weekly season, all controls) and `linearmodels` (two-way fixed effects on daily
logs, errors clustered by segment) are installed for this alone; a peer that is not there is left out.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from conditions import CONDITIONS, SHIPPED, Condition, frame, simulate
from run import judge

try:
    from causal_impact import CausalImpact, ModelOptions
except ImportError:
    CausalImpact = None
try:
    from linearmodels.panel import PanelOLS
except ImportError:
    PanelOLS = None

WORLDS = ("iid", "ops", "persist")
Test = Callable[[Condition, pd.DataFrame], float]


def ours(c: Condition, daily: pd.DataFrame) -> float:
    """P value of `before_after`."""
    return judge(c, daily).p


def bsts(_: Condition, daily: pd.DataFrame) -> float:
    """P value of bsts-causalimpact on the daily rates, the controls as covariates."""
    rates = (daily["x"] / daily["n"]).groupby([daily["date"], daily["segment"]]).sum().unstack()
    day = pd.Timedelta(days=1)
    periods = [rates.index[0], SHIPPED - day], [SHIPPED, rates.index[-1]]
    texts = [[str(when.date()) for when in period] for period in periods]
    return float(CausalImpact(rates, *texts, model_args=ModelOptions(nseasons=7)).summary_stats["p_value"])


def two_way(_: Condition, daily: pd.DataFrame) -> float:
    """P value of difference in differences with segment and day effects, clustered by segment."""
    panel = daily.set_index(["segment", "date"])
    logs = np.log((panel["x"] + 0.5) / panel["n"]).to_frame("log")
    treated = (panel.index.get_level_values(0) == "s00") & (panel.index.get_level_values(1) >= SHIPPED)
    model = PanelOLS(logs, pd.DataFrame({"change": treated.astype(float)}, index=panel.index),
                     entity_effects=True, time_effects=True)  # fmt: skip
    return float(model.fit(cov_type="clustered", cluster_entity=True).pvalues["change"])


def main() -> None:
    """Print the share of studies without a change that each test calls changed, and its CPU seconds over ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--seed", type=int, default=950000)
    options = parser.parse_args()
    tests: dict[str, Test] = {"before_after": ours}
    tests |= {"bsts-causalimpact": bsts} if CausalImpact else {}
    tests |= {"linearmodels, two-way, clustered": two_way} if PanelOLS else {}
    for c in (c for c in CONDITIONS if c.name in WORLDS):
        studies = [frame(c, simulate(c, 0.0, options.seed + i)) for i in range(options.studies)]
        seconds: dict[str, float] = {}
        for name, test in tests.items():
            start = time.process_time()
            p = np.array([test(c, daily) for daily in studies])
            seconds[name] = time.process_time() - start
            ratio = seconds[name] / seconds["before_after"]
            print(f"{c.name}, {name}: called changed {np.mean(p < 0.05):.3f}, CPU {ratio:.1f} times ours", flush=True)


if __name__ == "__main__":
    main()
