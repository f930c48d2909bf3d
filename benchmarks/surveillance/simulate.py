"""Weekly counts with known outbreaks: the 42 scenarios of Noufaily et al. (2013).

Noufaily A, Enki DG, Farrington P, Garthwaite P, Andrews N, Charlett A (2013). An improved algorithm
for outbreak detection in multiple surveillance systems. Statistics in Medicine 32:1206-1222, section 3.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WEEKS = 624
BASELINE = range(312, 575)  # zero-based weeks 313-575
TEST = range(575, 624)  # zero-based weeks 576-624
BASELINE_SIZES = (2, 3, 5, 10)
TEST_SIZES = range(1, 11)
PARAMETERS = (  # theta, phi, beta, gamma 1, gamma 2
    (0.1, 1.5, 0.0025, 0.6, 0.6),
    (-2.0, 2.0, 0.005, 0.1, 0.3),
    (1.5, 1.0, 0.003, 0.2, -0.4),
    (0.5, 5.0, 0.002, 0.5, 0.5),
    (2.5, 3.0, 0.001, 1.0, 0.1),
    (3.75, 1.1, 0.001, 0.1, -0.1),
    (5.0, 1.2, 0.0001, 0.05, 0.01),
)


class Scenario(NamedTuple):
    """One of the 42 parameter sets: log mean, dispersion, weekly trend, harmonics."""

    name: str
    theta: float
    phi: float
    beta: float
    gamma: tuple[float, float]
    harmonics: int

    def mean(self) -> Floats:
        """Return the expected count of each of the 624 weeks."""
        week = np.arange(1, WEEKS + 1)
        log_mean = self.theta + self.beta * week
        for j in range(1, self.harmonics + 1):
            angle = 2 * np.pi * j * week / 52
            log_mean = log_mean + self.gamma[0] * np.cos(angle) + self.gamma[1] * np.sin(angle)
        return np.exp(log_mean)


class Simulation(NamedTuple):
    """Counts (series x 624 weeks) without and with the test outbreak, and the truth behind them."""

    quiet: NDArray[np.int64]
    outbreak: NDArray[np.int64]
    inside: NDArray[np.bool_]  # weeks from the first to the last case of the test outbreak
    truth: pd.DataFrame  # scenario, phi, k of each series
    mean: Floats


def scenarios() -> list[Scenario]:
    """Return the 42 scenarios: 7 sets x trend off or on x 0, 1 or 2 harmonics."""
    return [
        Scenario(f"{number}{'T' if trend else '-'}{harmonics}", theta, phi, beta * trend, (g1, g2), harmonics)
        for number, (theta, phi, beta, g1, g2) in enumerate(PARAMETERS, start=1)
        for trend in (0, 1)
        for harmonics in (0, 1, 2)
    ]


def simulate(replicates: int, *, seed: int) -> Simulation:
    """Draw `replicates` series of each scenario; replicate r has a test outbreak of size k = 1 + r mod 10."""
    rng = np.random.default_rng(seed)
    plan = [(scenario, 1 + r % len(TEST_SIZES)) for scenario in scenarios() for r in range(replicates)]
    drawn = [_one_series(scenario, k, rng) for scenario, k in plan]
    truth = pd.DataFrame({"scenario": [s.name for s, _ in plan], "phi": [s.phi for s, _ in plan]})
    quiet, cases = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
    means = np.array([scenario.mean() for scenario, _ in plan])
    return Simulation(quiet, quiet + cases, _first_to_last(cases), truth.assign(k=[k for _, k in plan]), means)


def _one_series(scenario: Scenario, k: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    mean = scenario.mean()
    counts = _negative_binomial(mean, scenario.phi, rng)
    for size in rng.choice(BASELINE_SIZES, size=4):
        counts = counts + _outbreak(mean, scenario.phi, int(size), BASELINE, rng)
    return counts, _outbreak(mean, scenario.phi, k, TEST, rng)


def _negative_binomial(mean: Floats, phi: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw counts with the given mean and variance phi * mean; phi = 1 is Poisson."""
    return rng.poisson(mean) if phi == 1 else rng.negative_binomial(mean / (phi - 1), 1 / phi)


def _outbreak(mean: Floats, phi: float, k: int, weeks: range, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the cases an outbreak of size k standard deviations adds to each week of `weeks`."""
    start = int(rng.integers(weeks.start, weeks.stop))
    size = 0
    while size < 2:
        size = int(rng.poisson(k * np.sqrt(phi * mean[start])))
    week = start + np.floor(rng.lognormal(0, 0.5, size)).astype(int)
    return np.bincount(week[week < weeks.stop], minlength=WEEKS)


def _first_to_last(cases: NDArray[np.int64]) -> NDArray[np.bool_]:
    began = np.cumsum(cases, axis=1) > 0
    goes_on = np.cumsum(cases[:, ::-1], axis=1)[:, ::-1] > 0
    return began & goes_on
