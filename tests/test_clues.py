"""What rows say of themselves: a pickup that comes earlier is told from a dock that became slower."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from closeloop import clues, metrics
from tests.planted_parcels import ONSET, START, connection, drawn, pattern


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


@pytest.mark.parametrize(("reason", "kind", "origin"), [
    ("DEFECTIVE", "defective_or_damaged", "warehouse"), ("SIZE_TOO_SMALL", "size_small", "workflow"),
])  # fmt: skip
def test_returns_of_one_item_are_the_packers_or_the_listings_by_their_reason(
    reason: str, kind: str, origin: str
) -> None:
    con = duckdb.connect()
    days = pd.date_range(START, periods=63, freq="D").repeat(20)
    orders = pd.DataFrame({"order_id": range(len(days)), "ordered_at": days, "sku": "S1"})
    said = orders[np.arange(len(days)) % np.where(days < pd.Timestamp(ONSET), 20, 4) == 0]
    told = said.assign(reason=reason, reason_class=kind, asked_at=said["ordered_at"] + pd.Timedelta(days=3))
    con.register("lines", orders.assign(requested_at=orders["order_id"].map(told.set_index("order_id")["asked_at"])))
    con.register("told", told.drop(columns="ordered_at"))
    for view, of in (("order_facts", "lines"), ("line_facts", "lines"), ("return_facts", "told")):
        con.execute(f"CREATE TABLE {view} AS FROM {of}")
    found = clues.named_by_rows(con, metrics.by_id("return_rate"), pattern("return_rate", sku="S1"))
    assert found is not None
    assert (found.what, found.origin) == (reason, origin)
