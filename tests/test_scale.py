"""The merchant of benchmarks/scale, small: pandas and the cube count the same, so their times can be compared."""

from pathlib import Path

import pytest

from benchmarks.scale import generate, in_pandas, merchant
from closeloop import metrics


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("scale")
    generate.write(where, 4000)
    return where


def test_pandas_and_the_cube_count_the_same(folder: Path) -> None:
    asked = tuple(metrics.by_id(name) for name in in_pandas.METRICS)
    made = merchant.cubed(folder, asked)
    assert made.missing == ()
    parcels = in_pandas.parcels_of(folder)
    orders = in_pandas.orders_of(folder, parcels)
    promised = parcels.merge(orders[["order_id", "promised_date", "requested_class"]], on="order_id", how="left")
    lines = in_pandas.lines_of(folder, orders)
    told = {
        name: (at, bad)
        for rows in (
            in_pandas.order_metrics(orders), in_pandas.parcel_metrics(promised), in_pandas.line_metrics(lines)
        )
        for name, at, bad, _ in rows
    }  # fmt: skip
    assert set(told) == set(in_pandas.METRICS)
    for series in made.series:
        at, bad = told[series.metric.id]
        inside = (at >= str(series.weeks[0])) & (at < in_pandas.END)
        assert series.bad[0].sum() == pytest.approx(float(bad[inside].astype(float).sum()), rel=1e-9), (
            series.metric.id
        )
    # All are accepted, within 44 hours of their label.
    never = {"idle_48h", "idle_labels", "missing_scan_rate"}
    assert {s.metric.id for s in made.series if not s.bad[0].any()} == never


def test_pandas_slices_by_every_dimension_that_the_cube_has(folder: Path) -> None:
    sliced = (fixed for _, fixed, _, _ in in_pandas.build(folder))
    assert next(fixed for fixed in sliced if "carrier" in fixed and "cutoff" in fixed)


def test_the_statement_counts_the_parcels_by_week(folder: Path) -> None:
    assert generate.WEEKS <= merchant.reduced(folder) <= generate.WEEKS + 2
