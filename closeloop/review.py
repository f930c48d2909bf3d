"""A change to come + facts -> when to review it, or why no review could tell and what would help."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil, expm1

import duckdb
import pandas as pd

from closeloop import metrics, observed
from closeloop.cube import Cube
from closeloop.model import Change
from closeloop.slices import Slice
from closeloop.stats.review_plan import ReviewPlan, Wait, plan_review
from closeloop.words import SPACE, day, number, plural

TIME_IDS = frozenset(time.id for time in metrics.TIMES)

HOPED = -0.2
"""The relative effect that a review should find, where no pattern says how much there is to win."""

HALF = 0.5
"""The part of a pattern's rise that a change should take away: some of the rise may be the luck of its choice."""

POWER = 0.8
FEWEST_WEEKS = 2
"""A review sooner than this would judge the first days of a habit."""

MOST_OFFERS = 3
MOST_HOPED, LEAST_HOPED = -0.95, -0.01
"""No reduction is larger, and none that is smaller shows in any number of weeks."""


@dataclass(frozen=True)
class Offer:
    """A wider scope, or another metric, with which the same effect would show."""

    metric: str
    scope: Slice
    weeks: int


@dataclass(frozen=True)
class Proposal:
    """When to review a change, how sure it can be by then, and what would do better when it cannot.

    `half_width` is relative: 0.2 is an interval that reaches about 20 % to each side.
    """

    review_date: date
    weeks: int
    half_width: float
    power: float
    enough: bool
    lines: tuple[str, ...]
    offers: tuple[Offer, ...] = ()


def propose(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change, hoped: float | None = None) -> Proposal:
    """Propose a review date for a change from the daily numbers of its scope before it ships.

    The weeks are the fewest in which `hoped`, a relative effect such as -0.2, is found with a chance of 80 %, two at
    least; then the metric must be final. Without `hoped` it is half of what the scope rose by since the change's
    pattern began, or -0.2 where nothing says since when. The change's own review date is not looked at.

    Raises ValueError when `hoped` is no reduction, the data lacks the metric or a value of the scope, or it holds too
    little before the ship date to plan anything.
    """
    if hoped is not None and not MOST_HOPED <= hoped <= LEAST_HOPED:
        raise ValueError(f"the hoped-for effect is {hoped:g}; write a reduction from -0.95 to -0.01, such as -0.2")
    if change.metric not in TIME_IDS:
        cube.of(change.metric)
    _check_values(con, change)
    plan = _plan(con, cube, change, hoped)
    if plan is None:
        raise ValueError(
            f"{change.metric} in {change.scope}: there is under one row a day, or under four whole weeks, before"
            f" {change.shipped_on}: no review date can be worked out; name one with --review-date or widen the scope"
        )
    final = ceil(observed.metric_of(con, change).complete_after)
    if plan.proposed:
        found = _proposal(plan, change, final)
    else:
        found = _hopeless(plan, change, final, _offers(con, cube, change, plan.effect))
    return replace(found, lines=(*found.lines, *_too_early(change)))


def _too_early(change: Change) -> tuple[str, ...]:
    tellable = observed.tellable_from(change)
    if tellable is None:
        return ()
    return (
        f"If it can wait, ship it on {day(tellable)} or later: the pattern will have lasted three weeks by then, and"
        " the review can hold the change against it. Sooner, nobody can tell it from a spell that ends by itself.",
    )


def half_the_rise(daily: pd.DataFrame, change: Change) -> float:
    """Return half of what the changed slice rose by since its pattern began, as a relative effect; else `HOPED`."""
    own = daily[daily["segment"] == observed.TREATED]
    since = own["date"] >= pd.Timestamp(change.since or change.shipped_on)
    before, now = (own.loc[part, ["x", "n"]].sum() for part in (~since, since))
    if not (before["n"] and now["n"] and now["x"] > 0):
        return HOPED
    rise = 1 - (before["x"] / before["n"]) / (now["x"] / now["n"])
    return max(MOST_HOPED, -HALF * float(rise)) if HALF * rise >= -LEAST_HOPED else HOPED


def _check_values(con: duckdb.DuckDBPyConnection, change: Change) -> None:
    """Raise ValueError for a value of the scope that no row has."""
    time = next((one for one in metrics.TIMES if one.id == change.metric), None)
    view = time.view if time else metrics.by_id(change.metric).view
    for dim, value in change.scope.where:
        rows = con.execute(
            f"SELECT DISTINCT {dim}::VARCHAR FROM {view} WHERE {dim} IS NOT NULL ORDER BY 1"
        ).fetchall()
        known = [str(row[0]) for row in rows]
        if value not in known:
            folded = {name.casefold(): name for name in known}
            near = [folded[name] for name in difflib.get_close_matches(value.casefold(), folded, n=1)]
            hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(known[:12])}"
            raise ValueError(f"scope: no row has {dim} = {value!r}; {hint}")


def _proposal(plan: ReviewPlan, change: Change, final: int) -> Proposal:
    weeks = _weeks(plan)
    wait, when = plan.waits[weeks * 7 // _block_days(plan) - 1], _review_date(change, weeks, final)
    said = (
        f"Review on {day(when)}, after {plural(weeks, 'week')} that count: a fall of {_percent(-plan.effect)} is"
        f" then found with a chance of {_percent(wait.power)}; the 95 % interval reaches about {_reach(wait)} to each"
        " side."
    )
    return Proposal(when, weeks, expm1(wait.half_width), wait.power, True, (said,))


def _hopeless(plan: ReviewPlan, change: Change, final: int, offers: tuple[Offer, ...]) -> Proposal:
    wait, weeks = plan.waits[-1], _weeks(plan)
    said = (
        f"Too small ever to tell: even after {plural(weeks, 'week')} {change.metric} in {change.scope} shows a fall"
        f" of {_percent(-plan.effect)} with a chance of {_percent(wait.power)} only (the 95 % interval reaches about"
        f" {_reach(wait)} to each side). It can show a fall of {_percent(-wait.detectable)}."
    )
    nothing = "No scope with one condition less, and no like metric of this scope, would do."
    would = tuple(_offered(offer, change) for offer in offers) or (nothing,)
    when = _review_date(change, weeks, final)
    return Proposal(when, weeks, expm1(wait.half_width), wait.power, False, (said, *would), offers)


def _plan(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change, hoped: float | None) -> ReviewPlan | None:
    """Plan from the days before the ship date; None when those that are final are too few."""
    metric = observed.metric_of(con, change)
    end = min(observed.final_until(cube, metric), change.shipped_on)
    daily = observed.daily_sums(con, metric, change, end)
    if observed.TREATED not in set(daily["segment"]):
        return None
    try:
        return plan_review(
            _until_shipped(daily, change.shipped_on), shipped=change.shipped_on.isoformat(), treated=observed.TREATED,
            count="x" if metric.kind == "share" else None, value=None if metric.kind == "share" else "x",
            squares=None if metric.kind == "share" else "squares", exposure="n",
            effect=half_the_rise(daily, change) if hoped is None else hoped, power=POWER,
            since=observed.pattern_start(change),
        )  # fmt: skip
    except ValueError:
        return None


def _until_shipped(daily: pd.DataFrame, shipped: date) -> pd.DataFrame:
    """Return the days with those before the ship date that are not final yet, as if each were like a week before."""
    last = daily["date"].max()
    week = daily[daily["date"] > last - pd.Timedelta(days=7)]
    more = range(1, (pd.Timestamp(shipped) - last).days // 7 + 2)
    whole = pd.concat([daily, *(week.assign(date=week["date"] + pd.Timedelta(weeks=k)) for k in more)])
    return whole[whole["date"] < pd.Timestamp(shipped)]


def _block_days(plan: ReviewPlan) -> int:
    return int(plan.period.split()[0]) if plan.period.endswith("days") else 7


def _weeks(plan: ReviewPlan) -> int:
    """Return the weeks until the wished power, whole blocks and two weeks at least; all of them if it is never."""
    days = _block_days(plan)
    fewest = ceil(7 * FEWEST_WEEKS / days)
    return max(plan.proposed or len(plan.waits), fewest) * days // 7


def _review_date(change: Change, weeks: int, final: int) -> date:
    """Return the day on which so many weeks after settling are final."""
    return change.shipped_on + timedelta(days=change.settling_days + 7 * weeks + final)


def _offers(con: duckdb.DuckDBPyConnection, cube: Cube, change: Change, hoped: float) -> tuple[Offer, ...]:
    """Return what would show the effect: a scope with one condition less, or a like metric; the soonest first."""
    found: list[Offer] = []
    for other in (*_wider(change), *_other_metrics(cube, change)):
        plan = _plan(con, cube, other, hoped)
        if plan and plan.proposed:
            found.append(Offer(other.metric, other.scope, _weeks(plan)))
    return tuple(sorted(found, key=lambda offer: (offer.weeks, offer.metric, offer.scope))[:MOST_OFFERS])


def _wider(change: Change) -> Iterable[Change]:
    for dim in change.scope.dims:
        scope = Slice.of(pair for pair in change.scope.where if pair[0] != dim)
        yield replace(change, scope=scope, comparison="" if dim == change.comparison else change.comparison)


def _other_metrics(cube: Cube, change: Change) -> Iterable[Change]:
    """Give the change with other metrics of the same kind: a fifth less cost is not a fifth fewer late parcels."""
    kind = "" if change.metric in TIME_IDS else metrics.by_id(change.metric).kind
    for other in (series.metric for series in cube.series):
        if other.id != change.metric and other.kind == kind and set(change.scope.dims) <= set(other.dims):
            yield replace(change, metric=other.id)


def _offered(offer: Offer, change: Change) -> str:
    weeks = plural(offer.weeks, "week")
    if offer.scope == change.scope:
        return f"Metric {offer.metric} would show such a fall, if it moves as much, after {weeks}."
    return f"Scope {offer.scope} would show it after {weeks}, if the change ships to all of it."


def _reach(wait: Wait) -> str:
    return _percent(expm1(wait.half_width))


def _percent(value: float) -> str:
    return f"{number(100 * value, 0)}{SPACE}%"
