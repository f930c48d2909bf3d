"""Which part of a pattern's slice rose: found where it is one, not invented where it is not, and ties said."""

import numpy as np
import pandas as pd
import pytest

from closeloop import metrics, narrowing, origins
from closeloop.model import Slice
from tests.planted_parcels import drawn, pattern, slow

METRIC = metrics.by_id("slow_transit")
LANE = pattern("slow_transit", service="ground", region="West")


def inside(frame: pd.DataFrame, **where: str) -> np.ndarray:
    return np.logical_and.reduce([frame["later"], *(frame[dim] == value for dim, value in where.items())])


def test_a_third_dimension_is_found_in_the_finest_cells() -> None:
    rng = np.random.default_rng(1)
    frame = drawn(rng, 60)
    rose = inside(frame, service="ground", region="West", warehouse="NV")
    found = narrowing.narrow(slow(frame, rng, np.where(rose, 0.5, 0.1)), METRIC, LANE)
    assert found.part == Slice.of([("service", "ground"), ("region", "West"), ("warehouse", "NV")])
    assert found.evidence[0].supports
    assert "Within it only warehouse = NV got worse" in found.evidence[0].sentence


def test_what_alone_was_spared_is_said() -> None:
    rng = np.random.default_rng(2)
    frame = drawn(rng, 60)
    rose = inside(frame, service="ground") & (frame["weight_band"] != "0-1 lb").to_numpy()
    found = narrowing.narrow(
        slow(frame, rng, np.where(rose, 0.5, 0.1)), METRIC, pattern("slow_transit", service="ground")
    )
    assert found.part == Slice.of([("service", "ground")])
    assert any("but weight_band = 0-1 lb, which did not" in e.sentence for e in found.evidence)


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_a_slice_that_rose_evenly_is_seldom_narrowed(shared: float) -> None:
    """Of twenty merchants at the 5 % level four or more are narrowed with a chance of 1.6 %."""
    narrowed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        frame = drawn(rng, 40)
        luck = np.exp(shared * rng.standard_normal(frame["day"].max() + 1))[frame["day"]]
        rate = np.clip(np.where(inside(frame, service="ground", region="West"), 0.35, 0.1) * luck, 0, 0.9)
        narrowed += bool(narrowing.narrow(slow(frame, rng, rate), METRIC, LANE).evidence)
    assert narrowed <= 3


def test_traits_that_go_together_are_not_guessed_between() -> None:
    """Zone 8 is served from NV only, and NV serves zone 8 only: either could be it, and the slice stays as it was."""
    rng = np.random.default_rng(3)
    frame = drawn(rng, 60)
    frame["zone"] = np.where(frame["warehouse"] == "NV", "8", "2")
    rose = inside(frame, service="ground", region="West", warehouse="NV")
    found = narrowing.narrow(slow(frame, rng, np.where(rose, 0.5, 0.1)), METRIC, LANE)
    assert found.part == LANE.slice
    said = found.evidence[0].sentence
    assert not found.evidence[0].supports
    assert "warehouse = NV" in said
    assert "zone = 8" in said
    assert "cannot be told" in said


def test_a_carrier_that_serves_one_warehouse_only_shares_the_blame_with_it() -> None:
    rng = np.random.default_rng(4)
    frame = drawn(rng, 60)
    frame["carrier"] = np.where(frame["warehouse"] == "NV", "A", "B")
    con = slow(frame, rng, np.where(inside(frame, carrier="A"), 0.4, 0.1))
    scans = metrics.by_id("label_to_first_scan")
    held = pattern("label_to_first_scan", carrier="A")
    found = narrowing.narrow(con, scans, held)
    assert found.twins == (Slice.of([("warehouse", "NV")]),)
    assert any("holds the same rows" in e.sentence and not e.supports for e in found.evidence)
    alone = origins.weigh(scans, held, {}, origins.Clues())
    weights = origins.weigh(scans, held, {}, origins.Clues(narrowed=found))
    assert origins.decided(alone) == "carrier"
    assert origins.decided(weights) == "undecided"
    assert sum(weights.values()) == pytest.approx(1)
