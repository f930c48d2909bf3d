"""Merchants of one kind each, and canonical tables without the way through files."""

import duckdb
import numpy as np
import pytest

from closeloop import metrics, project, simulate
from closeloop.simulate import CASES, Case
from closeloop.simulate.cases import merchant
from closeloop.sources import prepared, source
from closeloop.tables import TABLES, Table


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A merchant's tables read from its exports in `store`, and made at once in `direct`."""
    folder = tmp_path_factory.mktemp("both")
    made = simulate.simulate(simulate.demo_scenario(weeks=12, orders_per_week=300))
    simulate.write_exports(made, folder / "files")
    read = source.read(project.root() / "params/sources/demo", folder / "files")
    con = duckdb.connect(config={"threads": 1})
    prepared.attach(con, prepared.prepare(read, folder / "cache"))
    con.execute("ATTACH ':memory:' AS direct")
    simulate.write_tables(made, con, "direct")
    return con


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_tables_made_at_once_are_those_read_from_files(both_ways: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = ", ".join(column.name for column in table.columns)
    for one, other in (("store", "direct"), ("direct", "store")):
        more = f"SELECT {columns} FROM {one}.{table.name} EXCEPT ALL SELECT {columns} FROM {other}.{table.name}"
        assert both_ways.execute(f"SELECT count(*) FROM ({more})").fetchone() == (0,), f"only in {one}"


def test_the_sixteen_kinds_are_there_once() -> None:
    assert sorted(case.number for case in CASES if case.number) == list(range(1, 17))
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_case_plants_what_its_title_says(case: Case) -> None:
    made = merchant(11, case)
    problems = [one for one in made.problems if one.role == "problem"]
    assert bool(problems) != case.title.startswith("null")
    known = {metric.id for metric in metrics.METRICS} | {"orders", "parcels", "scans"}
    for one in problems:
        assert set(one.shows_in) <= known
        assert 2 <= (made.exported_at.date() - one.start).days / 7 <= 13, "it begins within the newest weeks"
    assert merchant(11, case) == made


def test_a_staffed_peak_leaves_the_wait_for_labels_as_it_was() -> None:
    """Three times the orders and three times the hands: the median wait stays."""
    (case,) = (one for one in CASES if one.number == 10)
    made = simulate.simulate(merchant(5, case))
    orders, first = made.orders, (made.scenario.weeks - 3) * 168.0
    wait = (orders["label_at"] - orders["ready_at"]).to_numpy()
    peak = orders["ordered_at"].to_numpy() >= first
    assert peak[orders["ordered_at"] < first + 168.0].sum() > 2 * (~peak).sum() / (made.scenario.weeks - 3)
    before, during = np.nanmedian(wait[~peak]), np.nanmedian(wait[peak & (orders["ordered_at"] < first + 48.0)])
    assert during < 1.15 * before


def test_an_earlier_pickup_makes_parcels_of_that_site_wait_a_day() -> None:
    (case,) = (one for one in CASES if one.number == 3)
    scenario = merchant(5, case)
    parcels = simulate.simulate(scenario).parcels
    (site,) = dict(scenario.problems[0].where)["warehouse"]
    since = parcels["label_at"].to_numpy() >= scenario.day_of(scenario.problems[0].start) * 24.0
    missed = (parcels["pickup_at"] - parcels["label_at"]).to_numpy() > 14.0
    there = (parcels["warehouse"] == site).to_numpy()
    rise = missed[there & since].mean() / missed[there & ~since].mean()
    elsewhere = missed[~there & since].mean() / missed[~there & ~since].mean()
    assert rise > 1.3 * elsewhere
