"""What rows say of themselves: a pickup that comes earlier is told from a dock that became slower."""

import numpy as np
import pandas as pd

from closeloop import clues, metrics
from tests.planted_parcels import START, connection, drawn, pattern


def test_a_pickup_that_comes_earlier_is_the_workflows_and_a_slower_dock_is_not() -> None:
    """Most parcels wait an hour and a half less, and a few more miss the day; a slower dock makes all wait longer."""
    rng = np.random.default_rng(7)
    frame = drawn(rng, 60)
    rose = (frame["later"] & (frame["warehouse"] == "NV")).to_numpy()
    missed = np.where(rng.random(len(frame)) < np.where(rose, 0.2, 0.05), 24.0, 0.0)
    at_nv, metric = pattern("label_to_first_scan", warehouse="NV"), metrics.by_id("label_to_first_scan")
    for sooner, origin in ((1.5, "workflow"), (-1.5, None)):
        hours = 12 - np.where(rose, sooner, 0) + missed + rng.uniform(-2, 2, len(frame))
        label = pd.Timestamp(START) + pd.to_timedelta(frame["day"] * 24 + 9, unit="h")
        con = connection(frame.assign(label_at=label, first_scan_at=label + pd.to_timedelta(hours, unit="h")))
        found = clues.pickup(con, metric, at_nv)
        assert (found.origin if found else None) == origin


def test_another_metric_is_not_asked_for_a_pickup() -> None:
    con = connection(drawn(np.random.default_rng(8), 2))
    assert clues.pickup(con, metrics.by_id("slow_transit"), pattern("slow_transit", warehouse="NV")) is None
