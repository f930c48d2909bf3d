"""What a year was worth: one plain record for each merchant and way, from which the table and picture are made."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from math import nan
from pathlib import Path
from typing import Any

from benchmarks.loop import world, year
from benchmarks.loop.living import Diary, Way, live
from benchmarks.loop.ways import HONEST, NAIVE, before_and_after
from benchmarks.loop.world import World
from benchmarks.loop.year import Year
from closeloop import changes, impact, ledger, metrics, observed
from closeloop.cube import Cube
from closeloop.model import Change, Verdict

STEPS = ("ready_to_label", "label_to_first_scan", "slow_transit", "exception_rate", "return_rate")
"""Steps in which a case is handled by hand when nobody mends the cause: no two of them count one event."""


def merchant(seed: int, orders: float, weeks: int) -> dict[str, Any]:
    """Live one merchant's year in every way, on the same seed."""
    started = time.process_time()
    drawn = year.draw(seed, orders, weeks)
    base, calm = world.of(drawn.scenario()), world.of(drawn.scenario(problems=False))
    truth = {
        "seed": seed, "orders": orders, "weeks": weeks,
        "problems": [t.name for t in drawn.problems], "decoys": [t.name for t in drawn.decoys],
    }  # fmt: skip
    ways = {"reacting only": {"harm": _harm(base, calm, drawn)}}
    for way in (HONEST, NAIVE):
        begun = time.process_time()
        ways[way.name] = _lived(drawn, base, calm, way) | {"cpu": round(time.process_time() - begun, 1)}
    return truth | {"ways": ways, "cpu": round(time.process_time() - started, 1)}


def _lived(drawn: Year, base: World, calm: World, way: Way) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "improvement_log.csv"
        final, diary = live(drawn, base, way, log)
        made = changes.read(log)
        seen = final.cube(drawn.mondays[-1])
        saved = _savings(final, seen, made) if way is HONEST else _claims(final, seen, made)
        return {
            "found": {i: (week - drawn.problems[i].start).days / 7 + 1 for i, week in diary.found.items()},
            "named": diary.named, "shown": len(diary.shown), "false": sum(not mine for mine in diary.shown.values()),
            "withheld": diary.withheld, "changes": [_change(c, diary) for c in made],
            "ledger": [one | {"truth": _truth(base, final, seen, one, made)} for one in saved],
            "harm": _harm(final, calm, drawn),
        }  # fmt: skip


def _change(change: Change, diary: Diary) -> dict[str, Any]:
    return {
        "metric": change.metric, "scope": str(change.scope), "shipped": str(change.shipped_on),
        "right": change.id in diary.right, "problem": diary.right.get(change.id),
        "review": str(change.review_date), "verdict": change.verdict,
    }  # fmt: skip


def _savings(final: World, seen: Cube, made: Sequence[Change]) -> list[dict[str, Any]]:
    """The ledger of the last report."""
    verdicts = [impact.judge(final.con, seen, change, made) for change in made]
    return [
        {
            "metric": s.metric, "unit": s.unit, "changes": s.changes,
            "said": s.so_far.value, "low": s.so_far.low, "high": s.so_far.high,
        }
        for s in ledger.build(final.con, seen, made, verdicts).savings
    ]  # fmt: skip


def _claims(final: World, seen: Cube, made: Sequence[Change]) -> list[dict[str, Any]]:
    """What before and after claim: the successes alone, each at its own word."""
    won = [before_and_after(final, seen, change, made) for change in made if change.verdict == "improved"]
    found: list[dict[str, Any]] = []
    for name in dict.fromkeys(v.change.metric for v in won):
        mine = [v for v in won if v.change.metric == name]
        sides = [sum(_claimed(final, seen, v, k) for v in mine) for k in range(3)]
        found.append({
            "metric": name, "unit": metrics.by_id(name).unit, "changes": [v.change.id for v in mine],
            "said": sides[0], "low": min(sides), "high": max(sides),
        })  # fmt: skip
    return found


def _claimed(final: World, seen: Cube, verdict: Verdict, side: int) -> float:
    """Cases that would have been had the rate stayed, less those there were."""
    effect = verdict.effect
    ratio = (effect.value, effect.low, effect.high)[side] if effect else 0.0
    return _cases(final, seen, verdict.change.metric, [verdict.change]) * (1 / max(1 + ratio, 0.01) - 1)


def _truth(base: World, final: World, seen: Cube, one: dict[str, Any], made: Sequence[Change]) -> float:
    """What the changes truly spared: the same parcels in the world without any change, less in this one."""
    counted = [change for change in made if change.id in one["changes"]]
    return _cases(base, seen, one["metric"], counted) - _cases(final, seen, one["metric"], counted)


def _cases(here: World, seen: Cube, name: str, counted: Iterable[Change]) -> float:
    """Cases in the scopes of some changes on the days on which they count, each once."""
    metric, values, inside = metrics.by_id(name), dict[str, Any](), list[str]()
    until = min(observed.final_until(seen, metric), seen.week + timedelta(days=7))
    for i, change in enumerate(counted):
        leaves = change.decided_on if change.decided_on and change.verdict in ledger.ENDS else until
        values |= {f"v{i}_{j}": value for j, (_, value) in enumerate(change.scope.where)}
        values |= {f"start{i}": change.settled, f"end{i}": min(leaves, until)}
        scope = "".join(f" AND {dim} = $v{i}_{j}" for j, (dim, _) in enumerate(change.scope.where))
        inside.append(f"({metric.at}::DATE >= $start{i} AND {metric.at}::DATE < $end{i}{scope})")
    row = here.con.execute(
        f"SELECT coalesce(sum(({metric.bad})::DOUBLE), 0) FROM {metric.view}"
        f" WHERE ({metric.rows}) AND ({' OR '.join(inside)})", values,
    ).fetchone()  # fmt: skip
    return float(row[0]) if row else nan


def _harm(here: World, calm: World, drawn: Year) -> list[float]:
    """Cases in each week beyond those of the same merchant without any problem."""
    return [
        sum(_of(here, name, week) - _of(calm, name, week) for name in STEPS) for week in drawn.mondays
    ]  # fmt: skip


def _of(here: World, metric: str, week: date) -> float:
    series = here.whole.of(metric)
    return float(here.bad(metric)[series.weeks.index(week)]) if week in series.weeks else 0.0
