"""How far may an effect drift over years?  Planted yearly panels whose effects stay, grow, fade, or are not there.

python benchmarks/impact/years.py --panels 30 --units 20
"""

import argparse

import numpy as np
import numpy.typing as npt
import pandas as pd

from closeloop.stats import panel_levels
from closeloop.stats.panel import before_after

YEARS, SHIPPED = 31, 19
TURNS = (0.1, 0.2, 0.3, 0.4, 0.6)
SINCE = np.arange(1, YEARS - SHIPPED + 1)
SHAPES = {
    "none": 0.0 * SINCE,
    "step": np.log(0.75) + 0.0 * SINCE,
    "grows for six years": np.log(0.7) * np.minimum(1, SINCE / 6),
    "grows to the end": np.log(0.7) * SINCE / len(SINCE),
    "gone after eight years": np.log(0.7) * np.maximum(0, 1 - SINCE / 8),
}


def panel(seed: int, path: npt.NDArray[np.float64], units: int) -> pd.DataFrame:
    """Units with levels far apart, trends and wandering of their own; the first follows the path since the change."""
    rng = np.random.default_rng([seed, 77])
    shape = (units, YEARS)
    wander = np.cumsum(rng.normal(0, 0.025, shape), axis=1) + rng.normal(0, 0.02, shape)
    trend = rng.normal(0, 0.005, (units, 1)) * np.arange(YEARS)
    logs = 4.8 + rng.normal(0, 0.25, (units, 1)) - 0.01 * np.arange(YEARS) + trend + wander
    logs[0, SHIPPED:] += path
    names = [f"u{i:02d}" for i in range(units)]
    wide = pd.DataFrame(np.exp(logs).T, columns=names, index=range(1970, 1970 + YEARS)).rename_axis("year")
    return wide.reset_index().melt("year", var_name="unit", value_name="value")


def line(name: str, panels: int, units: int) -> str:
    """Errors, coverage and verdicts for one shape, the truth being the mean of its path."""
    truth = float(np.expm1(SHAPES[name].mean()))
    found = [
        before_after(panel(seed, SHAPES[name], units), shipped=f"{1970 + SHIPPED}-01-01", treated="u00", unit="unit",
                     on="year", value="value")
        for seed in range(panels)
    ]  # fmt: skip
    error = np.array([r.effect.value - truth for r in found])
    covered, clear = np.mean([r.low <= truth <= r.high for r in found]), np.mean([r.p < 0.05 for r in found])
    root = np.sqrt((error**2).mean())
    return f"{name}: error {root:.3f}, bias {np.median(error):+.3f}, covered {covered:.2f}, clear {clear:.2f}"


def main() -> None:
    """Print a line for each size of drift and shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--panels", type=int, default=30)
    parser.add_argument("--units", type=int, default=20)
    options = parser.parse_args()
    for turn in TURNS:
        panel_levels.LONG_TURN = turn
        for name in SHAPES:
            print(turn, line(name, options.panels, options.units), flush=True)


if __name__ == "__main__":
    main()
