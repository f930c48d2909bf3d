"""A mixture of normals, from which estimate, interval and p value all come, so that they cannot contradict."""

from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

Array = npt.NDArray[np.floating[Any]]


class Mixture(NamedTuple):
    """A mixture of normals: the answer of every grid point and its weight."""

    mean: Array
    sd: Array
    weight: Array

    def cdf(self, x: float) -> float:
        """Probability below x."""
        return float(self.weight @ ndtr((x - self.mean) / self.sd))

    def quantile(self, q: float) -> float:
        """Point with probability q below it."""
        low, high = float((self.mean - 9 * self.sd).min()), float((self.mean + 9 * self.sd).max())

        def beyond(x: float) -> float:
            return self.cdf(x) - q

        return cast("float", brentq(beyond, low, high, xtol=1e-13))

    def p_value(self) -> float:
        """Two-sided: twice the probability on the lesser side of no effect."""
        below = self.cdf(0.0)
        return float(min(1.0, 2 * min(below, 1 - below)))

    def widened(self, times: float) -> "Mixture":
        """The same answers with larger standard errors."""
        return self._replace(sd=self.sd * times)
