"""One world of a merchant: its facts and its cube, looked at week by week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from benchmarks.loop import store
from closeloop import cube, facts, metrics, patterns, simulate
from closeloop.cube import Cube
from closeloop.days_off import days_off
from closeloop.leaves import Leaves
from closeloop.model import Change, Pattern, stable_id
from closeloop.simulate import Scenario
from closeloop.slices import Slice
from closeloop.sources import source
from closeloop.strains import Strain, strain_of

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class World:
    """What is known of a merchant at the end of its year, of which a week sees what was final by then."""

    con: duckdb.DuckDBPyConnection
    whole: Cube
    strains: dict[str, Strain]
    leaves: dict[str, Leaves] = field(default_factory=dict[str, Leaves])

    def cube(self, week: date) -> Cube:
        """The cube of one week's report: only what was final on the Monday after it."""
        series = tuple(s.until(week) for s in self.whole.series)
        return Cube(cube.as_of(week), week, tuple(s for s in series if s.weeks), self.whole.missing)

    def patterns(self, seen: Cube, made: Sequence[Change]) -> list[Pattern]:
        """What stands out in a week beside the changes made so far, named."""
        strains = {metric: replace(strain, changes=tuple(made)) for metric, strain in self.strains.items()}
        rises, _ = patterns.scan_week(self.con, seen, seen.week, strains, self.leaves)
        rises = patterns.not_mended(seen, seen.week, rises, made)
        found, _ = patterns.shown(self.con, days_off(self.con), rises, self.leaves)
        return [replace(p, id=stable_id("P", p.metric, p.slice), first_seen=seen.week) for p in found]

    def bad(self, metric: str) -> npt.NDArray[np.float64]:
        """How many were bad in each week, of the whole merchant."""
        series = self.whole.of(metric)
        return series.bad[series.row(Slice())]


def of(scenario: Scenario) -> World:
    """Simulate a world and sum it up."""
    con = store.load(simulate.simulate(scenario))
    last = scenario.start + timedelta(weeks=scenario.weeks - 1)
    merchant = replace(source.read(ROOT / "params" / "sources" / "demo", None), holidays=simulate.HOLIDAYS)
    facts.build(con, merchant, cube.as_of(last))
    whole = cube.build(con, last, metrics.WEEKLY)
    return World(
        con, whole, {series.metric.id: strain_of(series) for series in whole.series if series.metric.scanned}
    )
