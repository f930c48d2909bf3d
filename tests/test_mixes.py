"""Mix against rate: the parts add up to the change, and a reversal is called by its name."""

import re

import numpy as np
import pytest

from closeloop import metrics
from closeloop.mixes import mix_or_rate
from tests.planted_parcels import drawn, pattern, slow

METRIC = metrics.by_id("slow_transit")
POINTS = re.compile(r"([−-]?[\d.]+) points")


def mixed(far: float, rates: dict[tuple[str, bool], float]) -> str:
    """Send `far` of the parcels into zone 8 since the onset, a fifth before; return what is said of the mix."""
    rng = np.random.default_rng(5)
    frame = drawn(rng, 80)
    share = np.where(frame["later"], far, 0.2)
    frame["zone"] = np.where(rng.random(len(frame)) < share, "8", "2")
    rate = np.array([rates[zone, bool(since)] for zone, since in zip(frame["zone"], frame["later"], strict=True)])
    found = mix_or_rate(slow(frame, rng, rate), METRIC, pattern("slow_transit", service="ground"))
    return found.evidence.sentence if found.evidence else ""


def test_the_parts_are_kitagawa_s_and_add_up() -> None:
    """Shares .2 -> .6 of zone 8; rates .1 and .4, then .05 more: by hand mix .4 (.425 - .125) = .12, rate .05."""
    said = mixed(0.6, {("2", False): 0.1, ("8", False): 0.4, ("2", True): 0.15, ("8", True): 0.45})
    change, mix, rate = (float(told.replace("−", "-")) for told in POINTS.findall(said)[:3])
    assert change == pytest.approx(mix + rate, abs=0.11), "rounded to a tenth each"
    assert mix == pytest.approx(12, abs=1.5)
    assert rate == pytest.approx(5, abs=2)
    assert "zone (8 went from" in said.replace("by zone", "zone")


def test_a_reversal_is_called_simpson_s_paradox() -> None:
    said = mixed(0.7, {("2", False): 0.15, ("8", False): 0.45, ("2", True): 0.1, ("8", True): 0.4})
    assert said.startswith("This is Simpson's paradox")
    assert "moved the other way" in said


def test_nothing_is_said_where_only_the_rate_rose() -> None:
    assert mixed(0.2, {("2", False): 0.1, ("8", False): 0.4, ("2", True): 0.2, ("8", True): 0.5}) == ""
