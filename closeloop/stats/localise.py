"""Which segments explain a deviation: one question for forecasts, rates, means and single incidents."""

from closeloop.stats.localise_rates import (
    Changed,
    Localised,
    Moments,
    Search,
    localise_incident,
    localise_means,
    localise_rates,
)
from closeloop.stats.localise_values import Moved, localise

__all__ = [
    "Changed",
    "Localised",
    "Moments",
    "Moved",
    "Search",
    "localise",
    "localise_incident",
    "localise_means",
    "localise_rates",
]
