"""Statistics on plain arrays and frames: no domain words, every method with its source."""

from closeloop.stats.control_chart import control_chart, laney_p_chart
from closeloop.stats.localise import localise, localise_incident, localise_means, localise_rates
from closeloop.stats.mix_rate import kitagawa, lmdi
from closeloop.stats.multiple_testing import benjamini_hochberg
from closeloop.stats.panel import before_after
from closeloop.stats.review_plan import plan_review
from closeloop.stats.surveillance import surprise

__all__ = [
    "before_after",
    "benjamini_hochberg",
    "control_chart",
    "kitagawa",
    "laney_p_chart",
    "lmdi",
    "localise",
    "localise_incident",
    "localise_means",
    "localise_rates",
    "plan_review",
    "surprise",
]
