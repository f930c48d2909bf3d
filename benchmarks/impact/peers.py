"""The before/after test beside peers that can be installed: false alarms and CPU seconds in one run.

python benchmarks/impact/peers.py --studies 40 --seed 950000

`bsts-causalimpact` and `tfcausalimpact` (default options, weekly season, all controls), `linearmodels` (two-way fixed
effects on daily logs, errors clustered by segment) and `pysyncon` (synthetic control on weekly logs, placebo test in
space) are installed for this alone; a peer that is not there is left out.
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
    from causalimpact import CausalImpact as TensorImpact
except ImportError:
    TensorImpact = None
try:
    from linearmodels.panel import PanelOLS
except ImportError:
    PanelOLS = None
try:
    from pysyncon import Synth
except ImportError:
    Synth = None

SLOW = ("tfcausalimpact", "pysyncon, placebos in space")
WORLDS = ("iid", "ops", "persist")
Test = Callable[[Condition, pd.DataFrame], float]


def ours(c: Condition, daily: pd.DataFrame) -> float:
    """P value of `before_after`."""
    return judge(c, daily).p


def rates_and_periods(daily: pd.DataFrame) -> tuple[pd.DataFrame, list[list[str]]]:
    """Daily rates, the treated segment first, and the days before and after as texts."""
    rates = (daily["x"] / daily["n"]).groupby([daily["date"], daily["segment"]]).sum().unstack()
    periods = [rates.index[0], SHIPPED - pd.Timedelta(days=1)], [SHIPPED, rates.index[-1]]
    return rates, [[str(when.date()) for when in period] for period in periods]


def tensor(_: Condition, daily: pd.DataFrame) -> float:
    """P value of tfcausalimpact (variational inference) on the daily rates, the controls as covariates."""
    rates, texts = rates_and_periods(daily)
    return float(TensorImpact(rates, *texts, model_args={"nseasons": 7}).p_value)


def synthetic(_: Condition, daily: pd.DataFrame) -> float:
    """Rank of the treated segment's ratio of errors after and before among all segments, by pysyncon."""
    weeks = daily.assign(week=(daily["date"] - SHIPPED).dt.days // 7).groupby(["week", "segment"])[["x", "n"]].sum()
    logs = np.log((weeks["x"] + 0.5) / weeks["n"]).unstack()
    before, ratios = logs[logs.index < 0], list[float]()
    for name in logs.columns:
        model = Synth()
        others = before.drop(columns=name)
        model.fit(X0=others, X1=before[name], Z0=others, Z1=before[name])
        gap = (logs[name] - logs.drop(columns=name) @ np.asarray(model.W)) ** 2
        ratios.append(float(gap[gap.index >= 0].mean() / gap[gap.index < 0].mean()))
    return float(np.mean(np.array(ratios) >= ratios[0]))


def bsts(_: Condition, daily: pd.DataFrame) -> float:
    """P value of bsts-causalimpact on the daily rates, the controls as covariates."""
    rates, texts = rates_and_periods(daily)
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
    parser.add_argument("--slow", type=int, default=5, help="studies for the peers that take seconds each")
    options = parser.parse_args()
    tests: dict[str, Test] = {"before_after": ours}
    tests |= {"bsts-causalimpact": bsts} if CausalImpact else {}
    tests |= {"tfcausalimpact": tensor} if TensorImpact else {}
    tests |= {"pysyncon, placebos in space": synthetic} if Synth else {}
    tests |= {"linearmodels, two-way, clustered": two_way} if PanelOLS else {}
    for c in (c for c in CONDITIONS if c.name in WORLDS):
        studies = [frame(c, simulate(c, 0.0, options.seed + i)) for i in range(options.studies)]
        seconds: dict[str, float] = {}
        for name, test in tests.items():
            mine = studies[: options.slow] if name in SLOW else studies
            start = time.process_time()
            p = np.array([test(c, daily) for daily in mine])
            seconds[name] = (time.process_time() - start) / len(mine)
            ratio = seconds[name] / seconds["before_after"]
            told = f"called changed {np.mean(p < 0.05):.3f} of {len(mine)}, CPU {ratio:.1f} times ours"
            print(f"{c.name}, {name}: {told}", flush=True)


if __name__ == "__main__":
    main()
