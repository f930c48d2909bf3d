"""Two ways to close the loop: with closeloop's statistics, and with the tests that many dashboards make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import ceil, expm1, inf, log, nan, sqrt

import numpy as np
from scipy.stats import norm

from benchmarks.loop.living import Way
from benchmarks.loop.world import World
from closeloop import crossed, impact, metrics, review
from closeloop.cube import Cube, Floats, Series
from closeloop.model import Change, Decision, Estimate, Pattern, Verdict, stable_id
from closeloop.observed import PATTERN_LASTED
from closeloop.scan import MIN_EXCESS, large_enough

MONTH = 4
LEVEL = 0.05


def _planned(world: World, seen: Cube, change: Change) -> date:
    return review.propose(world.con, seen, change).review_date


def _judged(world: World, seen: Cube, change: Change, others: Sequence[Change]) -> Verdict:
    return impact.judge(world.con, seen, change, others)


def month_over_month(_: World, seen: Cube, __: Sequence[Change]) -> list[Pattern]:
    """The last four weeks against the four before in every slice, z-tests at 5 %, the most significant first."""
    found: list[Pattern] = []
    for series in (s for s in seen.series if s.metric.scanned and len(s.weeks) >= 2 * MONTH):
        large = large_enough(series)
        p, excess = _risen(large)
        rows = np.flatnonzero((p < LEVEL) & (excess / MONTH >= MIN_EXCESS))
        found += [_pattern(large, int(row), float(p[row]), float(excess[row]), seen.week) for row in rows]
    return sorted(found, key=lambda pattern: pattern.p)


def _risen(series: Series) -> tuple[Floats, Floats]:
    now, before = (_sums(series, part) for part in (slice(-MONTH, None), slice(-2 * MONTH, -MONTH)))
    (x, n, squares), (x0, n0, squares0) = now, before
    with np.errstate(all="ignore"):
        r, r0 = x / n, x0 / n0
        common = (x + x0) / (n + n0)
        error = np.sqrt(common * (1 - common) * (1 / n + 1 / n0)) if series.metric.kind == "share" else np.sqrt(
            (squares - x * r) / n**2 + (squares0 - x0 * r0) / n0**2)  # fmt: skip
        z = np.nan_to_num((r - r0) / error, nan=0.0, posinf=0.0)
    return norm.sf(z), x - r0 * n


def _sums(series: Series, part: slice) -> tuple[Floats, Floats, Floats]:
    return tuple(each[:, part].sum(axis=1) for each in (series.bad, series.total, series.squares))  # type: ignore[return-value]


def _pattern(series: Series, row: int, p: float, excess: float, week: date) -> Pattern:
    metric, where, n = series.metric, series.slices[row], float(series.total[row, -MONTH:].sum())
    x = float(series.bad[row, -MONTH:].sum())
    weekly = excess / MONTH
    return Pattern(
        metric=metric.id, slice=where, kind="step", onset=series.weeks[-MONTH], week=week,
        value=metric.shown(x / n), expected=metric.shown((x - excess) / n), excess=Estimate(weekly, weekly, weekly),
        unit=metric.unit, p=p, q=p, total=n / MONTH, first_seen=week, id=stable_id("P", metric.id, where),
        sentence=f"{metric.label} in {where} rose since last month.",
    )  # fmt: skip


def _in_a_month(_: World, __: Cube, change: Change) -> date:
    final = ceil(metrics.by_id(change.metric).complete_after)
    return change.shipped_on + timedelta(days=change.settling_days + 7 * (MONTH + 1) + final)


def before_and_after(world: World, seen: Cube, change: Change, _: Sequence[Change]) -> Verdict:
    """Four whole weeks before against all whole weeks after, a z-test at 5 % on the rates."""
    series = crossed.series_of(world.con, seen, metrics.by_id(change.metric), change.scope)
    since = change.shipped_on + timedelta(days=change.settling_days)
    after = [i for i, week in enumerate(series.weeks) if week >= since]
    before = [i for i, week in enumerate(series.weeks) if week + timedelta(days=7) <= change.shipped_on][-MONTH:]
    if not after or not before:
        return _verdict(change, "too early", None, 0)
    (x, n), (x0, n0) = ((series.bad[0, i].sum(), series.total[0, i].sum()) for i in (after, before))
    error = sqrt(1 / max(x, 0.5) + 1 / max(x0, 0.5))
    if series.metric.kind != "share":
        ratios = [series.bad[0, i] / series.total[0, i] for i in (after, before)]
        error = sqrt(sum(float(np.var(r)) / len(r) for r in ratios)) / max(float(x0 / n0), 1e-9)
    step = log(max(x, 0.5) / n) - log(max(x0, 0.5) / n0)
    effect = Estimate(*(expm1(step + k * error) for k in (0, -1.96, 1.96)))
    clear = abs(step) > 1.96 * max(error, 1e-9)
    return _verdict(
        change, ("improved" if step < 0 else "worsened") if clear else "no clear change", effect, len(after)
    )


def _verdict(change: Change, decision: Decision, effect: Estimate | None, weeks: int) -> Verdict:
    return Verdict(change, decision, "z-test", nan, inf, effect, None, "", None, weeks, "", "")


HONEST = Way("closeloop", World.patterns, _planned, _judged, PATTERN_LASTED, any_week=True)
NAIVE = Way("naive tests", month_over_month, _in_a_month, before_and_after)
