"""Where a rise was largest and least: told where values were planted unlike, and seldom where they were not."""

import numpy as np

from closeloop import metrics, narrowing
from closeloop.uneven import uneven
from tests.planted_parcels import drawn, pattern, slow

METRIC = metrics.by_id("slow_transit")
WHOLE = pattern("slow_transit")


def test_the_value_that_rose_most_and_the_one_that_rose_least_are_named() -> None:
    rng = np.random.default_rng(1)
    frame = drawn(rng, 60)
    later = frame["later"].to_numpy()
    most = frame["zone"].map({"2": 0.15, "5": 0.25, "8": 0.45}).to_numpy()
    told = uneven(slow(frame, rng, np.where(later, most, 0.1)), METRIC, WHOLE)
    assert len(told) == 1
    assert "zone = 8 rose most" in told[0].sentence
    assert "zone = 2 least" in told[0].sentence


def test_an_even_rise_is_seldom_called_uneven() -> None:
    """At the 1 % level two or more of twenty have a chance of 2 %; the rise itself is large."""
    told = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        frame = drawn(rng, 40)
        rate = np.where(frame["later"], 0.35, 0.1)
        told += bool(uneven(slow(frame, rng, rate), METRIC, WHOLE))
    assert told <= 1


def test_what_is_not_known_is_neither_a_part_nor_a_place() -> None:
    rng = np.random.default_rng(2)
    frame = drawn(rng, 60)
    frame["warehouse"] = frame["warehouse"].where(frame["warehouse"] != "NV", "unknown")
    rose = (frame["later"] & (frame["warehouse"] == "unknown")).to_numpy()
    con = slow(frame, rng, np.where(rose, 0.5, 0.1))
    assert narrowing.narrow(con, METRIC, WHOLE).part == WHOLE.slice
    assert not any("unknown" in one.sentence for one in uneven(con, METRIC, WHOLE))
