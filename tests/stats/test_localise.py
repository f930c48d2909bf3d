"""Segments planted in small cubes must come back, and quiet cubes must stay silent."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from benchmarks.localise import incident_sets
from closeloop.stats import cuboids as cb
from closeloop.stats.localise import (
    Moments,
    Search,
    localise,
    localise_incident,
    localise_means,
    localise_rates,
)
from closeloop.stats.localise_scan import tail
from closeloop.stats.localise_values import relative_deviation

SIZES = {"carrier": 4, "country": 5, "service": 3, "channel": 3}
DIMS = list(SIZES)


def grid():
    return pd.DataFrame(
        list(itertools.product(*[[f"{d}{i}" for i in range(n)] for d, n in SIZES.items()])), columns=DIMS
    )


def inside(frame, where):
    return np.logical_and.reduce([frame[d] == v for d, v in where.items()])


def values(seed, *moves):
    rng = np.random.default_rng(seed)
    table = grid()
    table["f"] = rng.weibull(0.8, len(table)) * 100
    table["v"] = table["f"] * np.exp(rng.normal(0, 0.05, len(table)))
    for where, factor in moves:
        table.loc[inside(table, where), "v"] *= factor
    return table


def weeks(seed, *moves, rate=0.08, orders=60.0, n=9):
    """Orders and late parcels of nine weeks; `moves` multiply the rate of segments in the last one."""
    rng = np.random.default_rng(seed)
    table = pd.concat([grid().assign(week=w) for w in range(n)], ignore_index=True)
    table["orders"] = rng.poisson(orders * rng.uniform(0.3, 1.7, len(table)))
    p = rate * table["carrier"].map({"carrier0": 1, "carrier1": 0.6, "carrier2": 1.8, "carrier3": 1})
    for where, factor in moves:
        p[inside(table, where) & (table["week"] == n - 1)] *= factor
    table["late"] = rng.binomial(table["orders"], p.clip(upper=0.9))
    return table


def named(result):
    return [s.where for s in getattr(result, "segments", result)]


def rates(table, **kwargs):
    return localise_rates(table, dims=DIMS, count="late", exposure="orders", current={"week": [8]}, **kwargs)


GLS = {"carrier": "carrier1"}
LANE = {"country": "country2", "service": "service0"}


@pytest.mark.parametrize("seed", range(4))
def test_values_planted_segments_come_back(seed):
    table = values(seed, (GLS, 0.6), (LANE, 1.8))
    found = localise(table, dims=DIMS, actual="v", expected="f")
    assert sorted(map(str, named(found))) == sorted(map(str, [GLS, LANE]))
    by_name = {str(m.where): m for m in found}
    own = table[inside(table, GLS)]
    assert by_name[str(GLS)].excess == pytest.approx((own["v"] - own["f"]).sum())
    assert by_name[str(GLS)].shift == pytest.approx(-0.4, abs=0.03)
    assert by_name[str(LANE)].shift == pytest.approx(1 - 1 / 1.8, abs=0.05)


def test_values_siblings_are_not_folded_into_their_parent():
    lanes = [{"country": c, "service": "service0"} for c in ("country1", "country2")]
    found = localise(values(5, *[(w, 0.5) for w in lanes]), dims=DIMS, actual="v", expected="f")
    assert sorted(map(str, named(found))) == sorted(map(str, lanes))


def test_values_quiet_cubes_stay_silent():
    alarms = [bool(localise(values(s), dims=DIMS, actual="v", expected="f")) for s in range(40)]
    assert sum(alarms) <= 3


def test_values_do_not_depend_on_the_order_of_rows():
    table = values(6, (GLS, 0.6))
    shuffled = table.sample(frac=1, random_state=0)
    results = [localise(t, dims=DIMS, actual="v", expected="f") for t in (table, shuffled)]
    assert named(results[0]) == named(results[1]) == [GLS]


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_relative_deviation_is_antisymmetric_and_bounded(a, e):
    there, back = relative_deviation(np.array([a, e]), np.array([e, a]))
    if a == e == 0:
        assert np.isnan(there)
    else:
        assert there == -back
        assert -1 <= there <= 1


@pytest.mark.parametrize("factor", [0.3, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_rates_planted_segments_come_back(seed, factor):
    result = rates(weeks(seed, (GLS, 2.2), (LANE, factor)))
    assert sorted(map(str, named(result))) == sorted(map(str, [GLS, LANE]))
    for segment in result.segments:
        truth = 2.2 if segment.where == GLS else factor
        assert segment.ratio_low < truth < segment.ratio_high
        assert segment.excess_low < segment.excess < segment.excess_high
        assert segment.p < 0.05
    parts = sum(s.excess for s in result.segments) + result.unexplained
    assert parts == pytest.approx(result.observed - result.expected)


def test_rates_quiet_and_shifted_cubes_stay_silent():
    alarms = 0
    for seed in range(30):
        table = weeks(100 + seed)
        grown = (table["week"] == 8) & (table["carrier"] == "carrier2")
        table.loc[grown, ["orders", "late"]] *= 1 + 2 * (seed % 2)
        scaled = (
            table
            if seed % 2 == 0
            else table.assign(
                late=np.where(grown, np.random.default_rng(seed).binomial(table["orders"], 0.144), table["late"])
            )
        )
        alarms += bool(rates(scaled).segments)
    assert alarms <= 4


def test_rates_are_the_same_for_any_order_of_rows_and_split_rows():
    table = weeks(7, (GLS, 2.0))
    halves = pd.concat([table.assign(orders=table["orders"] - 1, late=0), table.assign(orders=1)])
    assert rates(table.sample(frac=1, random_state=1)) == rates(table)
    assert named(rates(halves[halves["orders"] > 0])) == named(rates(table[table["orders"] > 0]))


def test_a_dimension_that_says_the_same_is_told():
    table = weeks(8, (GLS, 2.5))
    table["warehouse"] = table["carrier"].str.replace("carrier", "hub")
    result = localise_rates(table, dims=[*DIMS, "warehouse"], count="late", exposure="orders", current={"week": [8]})
    assert named(result) == [GLS]
    assert {"warehouse": "hub1"} in result.segments[0].same_leaves


def test_means_in_their_own_units():
    table = weeks(9, orders=60.0)
    rng = np.random.default_rng(9)
    mean = np.where(inside(table, LANE) & (table["week"] == 8), 5.0, 3.0)
    days = [rng.gamma(4, m / 4, n) for m, n in zip(mean, table["orders"], strict=True)]
    table["days"], table["squares"] = [d.sum() for d in days], [(d**2).sum() for d in days]
    result = localise_means(table, dims=DIMS, moments=Moments("orders", "days", "squares"), current={"week": [8]})
    assert named(result) == [LANE]
    own = table[inside(table, LANE) & (table["week"] == 8)]
    assert result.segments[0].observed == pytest.approx(own["days"].sum())
    assert result.segments[0].ratio == pytest.approx(5 / 3, rel=0.06)


@pytest.mark.parametrize("forecast", [None, "forecast"])
def test_incident_without_history(forecast):
    now = weeks(11, (LANE, 6.0), rate=0.03)
    now = now[now["week"] == 8].assign(forecast=lambda t: t["orders"] * 0.03)
    result = localise_incident(now, dims=DIMS, count="late", exposure="orders", expected=forecast)
    assert named(result)[0] == LANE


def test_an_incident_is_told_from_servers_and_regions_that_always_fail_more():
    hits, flat_hits = 0, 0
    for seed in range(73000, 73012):
        table, truth = incident_sets.instance(seed)
        table["flat"] = table["sessions"] * table["failures"].sum() / table["sessions"].sum()
        for expected in (None, "flat"):
            found = localise_incident(
                table, dims=incident_sets.NAMES, count="failures", exposure="sessions", expected=expected
            )
            hit = tuple(found.segments[0].where.items()) in truth
            hits, flat_hits = hits + (hit and expected is None), flat_hits + (hit and expected is not None)
    assert hits >= max(7, flat_hits)


def test_one_moment_measures_as_a_two_by_two_table_does():
    now = weeks(12, (LANE, 4.0), rate=0.05, orders=400.0)
    now = now[now["week"] == 8]
    [first, *_] = localise_incident(now, dims=DIMS, count="late", exposure="orders").segments
    inside_, rest = (part[["late", "orders"]].sum() for part in (now[inside(now, LANE)], now[~inside(now, LANE)]))
    crude = (inside_["late"] / inside_["orders"]) / (rest["late"] / rest["orders"])
    assert first.where == LANE
    assert first.observed == inside_["late"]
    assert first.ratio == pytest.approx(crude, rel=0.15)
    assert first.ratio_low < 4.0 < first.ratio_high
    assert first.p < 1e-6


def test_one_moment_without_an_incident_names_nothing_beyond_chance_and_takes_several_events_of_one_order():
    alarms = 0
    for seed in range(20):
        now = weeks(300 + seed).query("week == 8")
        now["late"] = np.random.default_rng(seed).binomial(now["orders"], 0.08)
        alarms += bool(
            localise_incident(now, dims=DIMS, count="late", exposure="orders", search=Search(alpha=0.05)).segments
        )
    assert alarms <= 3
    many = weeks(13, (LANE, 4.0)).query("week == 8").assign(late=lambda t: 20 * t["late"])
    assert named(localise_incident(many, dims=DIMS, count="late", exposure="orders"))[0] == LANE


@given(st.integers(0, 400), st.floats(0.5, 200), st.floats(1e-3, 0.5))
@settings(max_examples=60, deadline=None)
def test_tail_matches_scipy(observed, expected, doubt):
    law = nbinom(1 / doubt, 1 / (1 + doubt * expected))
    half = law.pmf(observed) / 2
    reference = 2 * min(law.cdf(observed) - half, law.sf(observed) + half)
    assert float(tail(*map(np.asarray, (observed, expected, doubt)))) == pytest.approx(
        min(1, reference), rel=1e-5, abs=1e-10
    )


def test_dense_and_sparse_sums_agree_with_groupby():
    table = values(3)
    axes, codes = cb.encode(table, DIMS)
    sizes = [len(a.values) for a in axes]
    dense = dict(cb.dense_sums(table["v"].to_numpy().reshape(sizes)))
    for cuboid in cb.cuboids(4, 3):
        expected = table.groupby([DIMS[d] for d in cuboid])["v"].sum().to_numpy()
        assert dense[cuboid].ravel() == pytest.approx(expected)
        assert cb.cells(codes, sizes, cuboid).sums(table["v"].to_numpy()) == pytest.approx(expected)


def test_bad_tables_are_refused():
    table = weeks(1)
    with pytest.raises(ValueError, match=r"no column \['lane'\]"):
        localise_rates(table, dims=["lane"], count="late", exposure="orders", current={"week": [8]})
    with pytest.raises(ValueError, match="negative"):
        rates(table.assign(late=-1))
    with pytest.raises(ValueError, match="0 current rows"):
        localise_rates(table, dims=DIMS, count="late", exposure="orders", current={"week": [99]})
    with pytest.raises(ValueError, match="one period column"):
        localise_rates(table, dims=DIMS, count="late", exposure="orders", current={})
    with pytest.raises(ValueError, match="empty values"):
        rates(table.assign(carrier=table["carrier"].where(table["carrier"] != "carrier0")))
    with pytest.raises(ValueError, match="missing or infinite"):
        localise(values(0).assign(f=np.nan), dims=DIMS, actual="v", expected="f")
    with pytest.raises(ValueError, match="no variation"):
        localise_means(
            table.assign(flat=table["orders"] * 2.0, sq=table["orders"] * 4.0),
            dims=DIMS, moments=Moments("orders", "flat", "sq"), current={"week": [8]},
        )  # fmt: skip


def test_depth_limits_the_search():
    result = rates(weeks(0, (LANE, 3.0)), search=Search(depth=1))
    assert all(len(w) == 1 for w in named(result))
