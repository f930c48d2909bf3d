"""One pass over the rows counts what pandas counts for each dimension by itself."""

import numpy as np
import pandas as pd
import pytest

from closeloop import metrics
from closeloop.strata import strata
from tests.planted_parcels import ONSET, drawn, slow

METRIC = metrics.by_id("slow_transit")


def test_each_dimension_is_counted_as_if_it_were_asked_alone() -> None:
    rng = np.random.default_rng(3)
    frame = drawn(rng, 20)
    frame.loc[rng.random(len(frame)) < 0.1, "zone"] = None
    frame.loc[frame["later"], "region"] = "East"
    con = slow(frame, rng, np.full(len(frame), 0.3))
    rows = con.execute(
        f"SELECT *, transit_due_at::DATE >= DATE '{ONSET}' AS since, ({METRIC.bad}) AS bad FROM parcel_facts"
        f" WHERE ({METRIC.rows}) AND warehouse = 'NJ'"
    ).df()
    found = strata(con, METRIC, ("zone", "region", "service"), "warehouse = $site", {"site": "NJ", "split": ONSET})
    assert found["region"].total[1, found["region"].values.index("West")] == 0
    assert "unknown" in found["zone"].values
    for dim, told in found.items():
        by_hand = rows.fillna({"zone": "unknown"}).groupby([dim, "since"])["bad"].agg(["sum", "size"])
        expected = by_hand.reindex(pd.MultiIndex.from_product([told.values, [False, True]]), fill_value=0)
        assert told.bad.T.ravel() == pytest.approx(expected["sum"])
        assert told.total.T.ravel() == pytest.approx(expected["size"])


def test_without_a_dimension_there_is_nothing_to_sum() -> None:
    assert strata(slow(drawn(rng := np.random.default_rng(1), 1), rng, np.array(0.1)), METRIC, (), "true", {}) == {}
