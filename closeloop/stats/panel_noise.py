"""The noise that all units of a panel share in kind: every covariance the grid holds, and its prior mass.

Slow noise tau_a^2 AR1(phi) and quick noise tau_i^2, per block of the panel, beside what counting leaves unsure.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Prior:
    """Grid values and their prior mass."""

    values: tuple[float, ...]
    mass: tuple[float, ...]


PHI = Prior((0.3, 0.6, 0.95), (1 / 3, 1 / 3, 1 / 3))  # memory of the slow noise, per block
SLOW_SD = Prior((0.03, 0.08, 0.20, 0.50), (0.55, 0.25, 0.15, 0.05))  # the last: lateness that triples by itself
QUICK_SD = Prior((0.0, 0.06, 0.14), (0.4, 0.4, 0.2))


@lru_cache(maxsize=64)
def noise_kinds(blocks: int, joined: int = 1) -> Array:
    """Every covariance of the noise that the grid holds: kinds x blocks x blocks; the last block may be a mean."""
    periods = np.arange(blocks + joined - 1)
    lag = np.abs(np.subtract.outer(periods, periods))
    slow = [sd**2 * phi**lag for phi in PHI.values for sd in SLOW_SD.values]
    kinds = np.array([a + sd**2 * np.eye(len(lag)) for a in slow for sd in QUICK_SD.values])
    kinds = last_joined(kinds, joined)
    kinds.flags.writeable = False
    return kinds


def last_joined(covariance: Array, joined: int) -> Array:
    """Covariances when the last blocks are replaced by their mean."""
    number = covariance.shape[-1] - joined + 1
    mean = np.eye(number, covariance.shape[-1])
    mean[-1, number - 1 :] = 1 / joined
    return mean @ covariance @ mean.T


def noise_logmass() -> Array:
    """Log prior mass of every kind of noise, in the order of `noise_kinds`."""
    return np.log(np.einsum("p,s,q->psq", PHI.mass, SLOW_SD.mass, QUICK_SD.mass)).ravel()
