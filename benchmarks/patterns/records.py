"""What the newest week of a simulated merchant says, beside what was planted in it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.patterns.sizes import Size, size_of
from closeloop import comparisons, cube, gaps, metrics, project, simulate
from closeloop.loop import Loop, read_source
from closeloop.model import Alarm, Cause, Metric, Pattern, Slice
from closeloop.simulate import Problem, Scenario

Record = dict[str, Any]
Shown = tuple[Pattern, Cause]

SLACK = timedelta(weeks=3)
"""How much before the first day a pattern may be said to have begun and still be about the problem."""


def read(path: Path) -> list[Record]:
    """Read a file of records, one a line; none where there is no file yet."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def records(seeds: Iterable[int], orders: int) -> Iterator[Record]:
    """Simulate and review one merchant per seed: one record per planted problem, one where there is none."""
    for seed in seeds:
        started = time.process_time()
        scenario = replace(simulate.case_merchant(seed), orders_per_week=orders)
        with tempfile.TemporaryDirectory() as out:
            told = list(review(seed, scenario, opened(scenario, Path(out))))
        yield from (one | {"seconds": round(time.process_time() - started, 1)} for one in told)


def opened(scenario: Scenario, out: Path) -> Loop:
    """Open the last week of a merchant straight from its canonical tables; `out` is for what the week leaves."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("ATTACH ':memory:' AS store")
    simulate.write_tables(simulate.simulate(scenario), con)
    folder = project.root() / "params/sources/demo"
    newest = scenario.start + timedelta(weeks=scenario.weeks - 1)
    source = replace(read_source(folder, Path("no files")), holidays=simulate.HOLIDAYS)
    return Loop(source, newest, con, (), out / "log.csv", out, folder)


def review(seed: int, scenario: Scenario, loop: Loop) -> Iterator[Record]:
    """Hold what is shown against what was planted."""
    shown: list[Shown] = list(zip(loop.patterns.patterns, loop.causes, strict=True))
    missing = gaps.gaps(loop.con, loop.week)
    truths = [one for one in scenario.problems if one.role == "problem"]
    decoys = [one for one in scenario.problems if one.role == "decoy"]
    others = [(p, c) for p, c in shown if not any(_about(p, one) or _of_first_spell(p, one) for one in truths)]
    real = [p for p, _ in others if any(_made_worse(p, one) for one in decoys)]
    storms = [p for p, _ in others if p not in real and _is_storm(p, loop)]
    strange = [one for one in missing if not any(_is_gap_of(one, truth) for truth in truths)]
    common: Record = {"seed": seed, "kind": simulate.case_of(seed).title, "decoy": [d.shows_in[0] for d in decoys]}
    whole: Record = {
        "shown": len(shown) + len(missing), "false": len(others) - len(real) + len(strange),
        "decoy_is_real": len(real), "storms": len(storms),
        "decoy_blamed": any(_blamed(p, c, one) for p, c in others for one in decoys),
        "others": [f"{p.metric}: {p.slice} since {p.onset}: {c.origin} {c.weight}" for p, c in others]
        + [f"missing {one.what}: {one.scope} since {one.since}" for one in strange],
    }  # fmt: skip
    nothing: Record = {"shown": 0, "false": 0, "decoy_is_real": 0, "storms": 0, "decoy_blamed": False, "others": []}
    for i, truth in enumerate(truths):
        size = size_of(truth, _slice(truth), loop.cube, partial(_without, scenario, truth))
        told = _of(truth, shown, decoys, loop, size) | {"size": round(size.times, 2), "worth": size.worth}
        gap = _as_gap(truth, loop) if any(_is_gap_of(one, truth) for one in missing) else {}
        yield common | (nothing if i else whole) | (told if told["found"] else told | gap)
    if not truths:
        yield common | whole | {"origin": "", "found": False, "null": True}


def _about(pattern: Pattern, truth: Problem) -> bool:
    """A pattern can belong to what was planted when its metric can show it and its slice could hold it."""
    return _fits(pattern, truth) and pattern.onset >= truth.start - SLACK


def _of_first_spell(pattern: Pattern, truth: Problem) -> bool:
    """A problem that came back may be shown as one that has lasted since it first came."""
    return _fits(pattern, truth) and any(abs(pattern.onset - one.start) <= SLACK for one in truth.effects)


def _is_gap_of(alarm: Alarm, truth: Problem) -> bool:
    """A gap can belong to what was planted when that takes scans or orders away where it is."""
    taken = {"orders", "scans", "missing_scan_rate"} & set(truth.shows_in)
    return bool(taken) and _slice(truth).overlaps(alarm.scope) and alarm.since >= truth.start - SLACK


def _as_gap(truth: Problem, loop: Loop) -> Record:
    """Write down what was said of a gap that no pattern shows; nobody gives an origin for it."""
    weeks = [loop.week - timedelta(weeks=back) for back in range(4, -1, -1)]
    alarms = [(week, one) for week in weeks for one in gaps.gaps(loop.con, week) if _is_gap_of(one, truth)]
    (first, _), (_, last) = alarms[0], alarms[-1]
    days = (first + timedelta(days=7) - truth.start).days
    return {
        "found": True, "metric": last.what, "what": "gap", "slice": list(last.scope.where),
        "right_slice": _slice(truth).contains(last.scope) and len(last.scope.where) <= len(truth.where) + 1,
        "weeks_to_find": max(0, days) / 7, "weeks_since_known": max(0, days) / 7, "said_origin": "", "weights": {},
        "onset_error": (last.since - truth.start).days,
        "onset_covered": last.since <= truth.start < last.since + timedelta(days=7),
    }  # fmt: skip


def _fits(pattern: Pattern, truth: Problem) -> bool:
    return pattern.metric in truth.shows_in and pattern.slice.overlaps(_slice(truth))


def _slice(truth: Problem) -> Slice:
    return Slice.of((dim, values[0]) for dim, values in truth.where)


def _right(pattern: Pattern, truth: Problem) -> bool:
    """Say whether a slice is the planted one, or a part of it with one more condition."""
    where: dict[str, str] = {}
    for dim, value in pattern.slice.where:
        parts = value.split(" to ")
        where |= dict(zip(("warehouse", "region"), parts, strict=True)) if dim == "lane" else {dim: value}
    if "service" in where:
        where.setdefault("carrier", where["service"].split()[0])
        del where["service"]
    planted = _slice(truth).where
    return dict(planted).items() <= where.items() and len(where) <= len(planted) + 1


def _blamed(pattern: Pattern, cause: Cause, decoy: Problem) -> bool:
    """Say whether a shown pattern that is not the planted one accuses the decoy."""
    near = abs((pattern.onset - decoy.start).days) <= 10
    return _fits(pattern, decoy) and near and _slice(decoy).contains(pattern.slice) and cause.origin != "undecided"


def _without(scenario: Scenario, truth: Problem, asked: tuple[Metric, ...]) -> cube.Cube:
    """Build the cube of the same merchant, drawn with the same luck, without one planted thing."""
    others = tuple(one for one in scenario.problems if one is not truth)
    with tempfile.TemporaryDirectory() as out:
        twin = opened(replace(scenario, problems=others), Path(out))
        return cube.build(twin.con, twin.week, asked)


def _made_worse(pattern: Pattern, decoy: Problem) -> bool:
    """Say whether a pattern is about more orders than the hands can pack, which is not what was planted but true."""
    (first, *_) = decoy.effects
    busy = first.kind == "volume" and not first.target and first.end is None
    return busy and _fits(pattern, decoy) and pattern.onset >= decoy.start - SLACK


def _is_storm(pattern: Pattern, loop: Loop) -> bool:
    """Say whether exceptions rose, and half of it or more is weather that the simulation let loose by chance."""
    if pattern.metric != "exception_rate":
        return False
    inside = " AND ".join(["true", *(f"{dim}::VARCHAR = ?" for dim, _ in pattern.slice.where)])
    by_side = dict(
        loop.con.execute(
            "SELECT label_at >= ?, avg((exception_category = 'weather' AND exception_at < label_at + INTERVAL 7 DAY)"
            f"::INT) FROM parcel_facts WHERE label_at < ? AND {inside} GROUP BY 1",
            [pattern.onset, pattern.week + timedelta(weeks=1), *(value for _, value in pattern.slice.where)],
        ).fetchall()
    )
    weather = float(by_side.get(True) or 0) - float(by_side.get(False) or 0)
    return weather >= 0.5 * (pattern.value - pattern.expected)


def _of(truth: Problem, shown: Sequence[Shown], decoys: Sequence[Problem], loop: Loop, size: Size) -> Record:
    mine = sorted(
        (pair for pair in shown if _about(pair[0], truth)), key=lambda pair: (not _right(pair[0], truth), pair[0].p)
    )
    told: Record = {"origin": truth.origin, "found": bool(mine), "null": False}
    if not mine:
        return told
    pattern, cause = mine[0]
    seen = min((p.first_seen or p.week) for p, _ in mine) + timedelta(days=7)
    days, known = (seen - truth.start).days, (seen - size.since).days
    late = metrics.by_id(pattern.metric).complete_after
    return told | {
        "metric": pattern.metric, "what": pattern.kind, "slice": list(pattern.slice.where),
        "right_slice": _right(pattern, truth), "weeks_to_find": max(0, days) / 7,
        "weeks_since_known": max(0.0, known - late) / 7,
        "onset_error": (cause.onset - truth.start).days,
        "onset_covered": bool(cause.onset_low and cause.onset_high
                              and cause.onset_low <= truth.start <= cause.onset_high),
        "decoy_origin_blamed": any(cause.origin == one.origin != truth.origin for one in decoys),
        **_said(pattern, cause, loop),
    }  # fmt: skip


def _said(pattern: Pattern, cause: Cause, loop: Loop) -> Record:
    """Write down what was said of a pattern, and from what."""
    spreads = comparisons.spreads(loop.con, metrics.by_id(pattern.metric), pattern)
    return {
        "said_origin": cause.origin, "weights": dict(cause.origins), "stage": cause.stage,
        "stages": [[s.name, s.before, s.since, s.elsewhere_before, s.elsewhere_since] for s in cause.stages],
        "spreads": [[s.dim, list(s.worse), s.asked] for s in spreads],
        "evidence": [e.sentence for e in cause.evidence],
        "coincidences": [c.sentence for c in cause.coincidences],
    }  # fmt: skip
