"""Looking every week without paying for it: alpha spent on information up to the planned review.

Lan and DeMets 1983 (Biometrika 70:659-663) with an O'Brien-Fleming type spending function; boundaries by the
recursive integration of Armitage, McPherson and Rowe 1969 (JRSS A 132:235-244).
"""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.floating[Any]]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(96)
LEAST_STEP = 1e-3  # looks that add less information share the boundary of the look before
FARTHEST = 8.0  # boundary, in standard errors, of a look that may spend nothing


def obrien_fleming(information: Array, alpha: float = 0.05) -> Array:
    """Alpha spent, both sides together, by the time a fraction of the information is in.

    >>> obrien_fleming(np.array([0.25, 0.5, 1.0])).round(5).tolist()
    [1e-05, 0.00305, 0.05]
    """
    return 4 * ndtr(ndtri(alpha / 4) / np.sqrt(information))


def look_levels(information: Array, alpha: float = 0.05, clock: Array | None = None) -> Array:
    """Two-sided p value that each look must come below, so that all looks together keep alpha.

    `information` holds the fraction of the final information at each look, in order, the last one 1. `clock` is what
    alpha is spent by: the information itself, or anything else that rises to 1 and does not look at the results, such
    as the part of the time that has passed (Lan and DeMets 1989, Biometrics 45:1017).
    With five equal steps the boundaries are the published 4.88, 3.36, 2.68, 2.29, 2.03:

    >>> (-ndtri(look_levels(np.arange(1, 6) / 5) / 2)).round(2).tolist()
    [4.88, 3.36, 2.68, 2.29, 2.03]
    """
    if not np.isclose(information[-1], 1.0) or (information <= 0).any():
        raise ValueError(f"information must be above 0 and end at 1; got {np.round(information, 4).tolist()}")
    spent = np.diff(obrien_fleming(information if clock is None else clock, alpha), prepend=0.0)
    x, density = np.zeros(1), np.ones(1)  # where the path may be, and how likely it is still going
    done, debt, bounds = 0.0, 0.0, list[float]()
    for now, spend in zip(information, spent, strict=True):
        if now - done < LEAST_STEP and bounds:
            bounds.append(bounds[-1])
            debt += spend
            continue
        step = np.sqrt(now - done)
        bound = _boundary(x, density, step, float(spend + debt), FARTHEST * np.sqrt(now))
        bounds.append(bound / np.sqrt(now))
        x, density, done, debt = *_carry_on(x, density, step, bound), now, 0.0
    return 2 * ndtr(-np.array(bounds))


def _boundary(x: Array, density: Array, step: float, spend: float, farthest: float) -> float:
    """Height that the path passes, for the first time now, with the probability to be spent."""

    def excess(bound: float) -> float:
        return float(density @ (ndtr((x - bound) / step) + ndtr((-bound - x) / step))) - spend

    return farthest if excess(farthest) > 0 else cast("float", brentq(excess, 0.0, farthest))


def _carry_on(x: Array, density: Array, step: float, bound: float) -> tuple[Array, Array]:
    """Quadrature points inside the boundary, and the probability of having come there without leaving."""
    inside = NODES * bound
    kernel = np.exp(-0.5 * ((inside[:, None] - x) / step) ** 2) / (step * np.sqrt(2 * np.pi))
    return inside, (kernel @ density) * WEIGHTS * bound
