"""One pattern -> a candidate cause: where in the process, since when, with evidence both ways."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from closeloop import metrics
from closeloop.cube import Cube
from closeloop.model import Cause, Evidence, Metric, Origin, Pattern, Slice, Stage
from closeloop.stages import BEFORE_WEEKS, filter_sql, milestone_split, span_of
from closeloop.words import share

PROMISE_SHARE = 0.5
"""The part of the added late parcels that an unchanged promise must spare to be the candidate."""

STEPS = {
    "ready_to_label": ("to ready", "to label"),
    "order_to_handover": ("to ready", "to label", "to first scan"),
    "late_handover": ("to ready", "to label", "to first scan"),
    "label_to_first_scan": ("to first scan",),
    "idle_labels": ("to first scan",),
    "slow_transit": ("to destination", "to first attempt"),
}
"""Steps, by their ends, that can make a metric worse; a metric that is not here depends on all of them."""

ORDER_DIMS = {"channel", "complexity", "campaign", "weekday"}


@dataclass(frozen=True)
class Level:
    """Bad share (or cost ratio) of a group before the onset and since, with the denominators."""

    before: float
    since: float
    n_before: float
    n_since: float

    @property
    def change(self) -> float:
        """How much worse it became, in the metric's own unit."""
        return self.since - self.before


def review(con: duckdb.DuckDBPyConnection, cube: Cube, pattern: Pattern) -> Cause:
    """Work through the evidence for one pattern and name the candidate that it favours."""
    metric = metrics.by_id(pattern.metric)
    stages = milestone_split(con, pattern)
    compared = [*_siblings(con, metric, pattern), *_spread(con, metric, pattern)]
    promise = _promise(con, pattern) if metric.id == "on_time_delivery" else None
    reasons = _return_reasons(con, pattern) if metric.id == "return_rate" else None
    stage, weight = _main_stage(metric, stages)
    origin = _origin(metric, pattern, stage, promise)
    told = promise.evidence if promise else None
    evidence = [*compared, *(e for e in (_load(cube, pattern, origin), told, reasons) if e)]
    if metric.kind == "index":
        stage, weight = "price", 1.0 if origin != "undecided" else 0.5
    return Cause(
        pattern=pattern.id, origin=origin, weight=round(weight, 2), stage=stage, onset=pattern.onset,
        recent=pattern.weeks <= 8, sentence=_sentence(pattern, origin, stage, stages),
        evidence=tuple(evidence), stages=stages, proposal=_proposal(pattern, origin, stage),
    )  # fmt: skip


def _level(
    con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern, condition: str, values: dict[str, str]
) -> Level:
    lag = f"{metric.at} < $end::DATE + 1"
    row = con.execute(
        f"""
        SELECT sum(({metric.bad})::DOUBLE) FILTER ({metric.at}::DATE < $onset),
               sum(({metric.total})::DOUBLE) FILTER ({metric.at}::DATE < $onset),
               sum(({metric.bad})::DOUBLE) FILTER ({metric.at}::DATE >= $onset),
               sum(({metric.total})::DOUBLE) FILTER ({metric.at}::DATE >= $onset)
        FROM {metric.view} WHERE ({metric.rows}) AND ({condition}) AND {metric.at}::DATE >= $start AND {lag}
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    bad0, n0, bad1, n1 = (float(value or 0) for value in row or (0, 0, 0, 0))
    return Level(bad0 / n0 if n0 else 0.0, bad1 / n1 if n1 else 0.0, n0, n1)


def _siblings(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> list[Evidence]:
    """Compare with the neighbours on each side: the same carrier elsewhere, other carriers here."""
    own_condition, own_values = filter_sql(pattern.slice)
    own = _level(con, metric, pattern, own_condition, own_values)
    found: list[Evidence] = []
    for i, (dim, value) in enumerate(pattern.slice.where):
        condition = " AND ".join(
            f"{d} {'<>' if j == i else '='} $value{j}" for j, (d, _) in enumerate(pattern.slice.where)
        )
        other = _level(con, metric, pattern, condition, own_values)
        if other.n_since >= 20 and other.n_before >= 20:
            rest = Slice.of(pair for pair in pattern.slice.where if pair[0] != dim)
            place = f" within {rest}" if rest.where else ""
            found.append(_compared(metric, f"{dim} other than {value}{place}", own, other, dim, value))
    return found


def _compared(metric: Metric, group: str, own: Level, other: Level, dim: str, value: str) -> Evidence:
    levels = f"{_shown(metric, other.before)} before, {_shown(metric, other.since)} since"
    if other.change < 0.33 * own.change:
        return Evidence(f"Parcels with {group} hardly moved ({levels}), so it is about {dim} = {value}.", True)
    return Evidence(f"Parcels with {group} got worse too ({levels}), so it is not {dim} = {value} alone.", False)


def _spread(con: duckdb.DuckDBPyConnection, metric: Metric, pattern: Pattern) -> list[Evidence]:
    """Ask whether the rise is in all carriers, warehouses or channels of the slice, or in one."""
    condition, values = filter_sql(pattern.slice)
    found: list[Evidence] = []
    for dim in ("carrier", "warehouse", "channel"):
        if dim in pattern.slice.dims or dim not in metric.dims:
            continue
        names = [str(r[0]) for r in con.execute(
            f"SELECT {dim} FROM {metric.view} WHERE {condition} GROUP BY 1 HAVING count(*) > 100 ORDER BY 1", values
        ).fetchall()]  # fmt: skip
        levels = [_level(con, metric, pattern, f"{condition} AND {dim} = $v", {**values, "v": n}) for n in names]
        worse = [n for n, level in zip(names, levels, strict=True) if level.change > 0 and level.n_since >= 20]
        if len(names) > 1 and len(worse) == len(names):
            found.append(Evidence(f"It rose at every {dim} ({', '.join(names)}), so it is no one {dim}.", True))
    return found


def _shown(metric: Metric, ratio: float) -> str:
    return f"index {100 * ratio:.0f}" if metric.kind == "index" else share(metric.shown(ratio))


def _load(cube: Cube, pattern: Pattern, origin: Origin) -> Evidence | None:
    """Say whether the slice's part of the whole changed with the onset: a mix or load change beside it."""
    series = cube.of(pattern.metric)
    if not pattern.slice.where or pattern.metric in ("cost_index", "return_rate"):
        return None
    part, whole = series.total[series.row(pattern.slice)], series.total[0]
    onset = next((i for i, week in enumerate(series.weeks) if week >= pattern.onset), len(series.weeks))
    span = slice(max(0, onset - BEFORE_WEEKS - 4), max(1, onset - 4))
    before = part[span].sum() / max(whole[span].sum(), 1e-9)
    since = part[onset:].sum() / max(whole[onset:].sum(), 1e-9)
    load_matters = origin in ("workflow", "warehouse")
    if before <= 0 or not 0.67 <= since / before <= 1.5:
        moved = f"Its share of volume went from {share(before)} to {share(since)} around that time:"
        return Evidence(f"{moved} a change of mix or load coincides.", load_matters)
    steady = f"Its share of volume stayed at about {share(since)}, so load does not explain it."
    return Evidence(steady, not load_matters)


@dataclass(frozen=True)
class Promise:
    """Whether a shorter promise, rather than slower parcels, makes parcels late."""

    to_blame: bool
    evidence: Evidence


def _promise(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Promise:
    """Tell a shortened promise from slower parcels: who would be late had it stayed."""
    condition, values = filter_sql(pattern.slice)
    row = con.execute(
        f"""
        WITH due AS (
            SELECT *, promised_date >= $onset AS since, promised_date - ordered_at::DATE AS promise
            FROM parcel_facts WHERE ({condition}) AND promised_date BETWEEN $start AND $end
        ), usual AS (SELECT avg(promise) FILTER (NOT since) AS before, avg(promise) FILTER (since) AS now FROM due)
        SELECT any_value(before), any_value(now),
               avg((attempt_at IS NULL OR attempt_at::DATE > promised_date)::INT) FILTER (NOT since),
               avg((attempt_at IS NULL OR attempt_at::DATE > promised_date)::INT) FILTER (since),
               avg((attempt_at IS NULL
                    OR attempt_at::DATE > promised_date + greatest(0, round(before - now))::INT)::INT) FILTER (since)
        FROM due, usual
        """,
        {**values, **span_of(pattern)},
    ).fetchone()
    before, now, late_before, late, late_if_kept = (float(v) if v is not None else 0.0 for v in row or (None,) * 5)
    spared = (late - late_if_kept) / max(late - late_before, 1e-9)
    lengths = f"{before:.1f} days before, {now:.1f} since"
    if spared >= PROMISE_SHARE:
        told = f"The promise itself became shorter ({lengths}); had it stayed, {share(late_if_kept)} would be late."
        return Promise(True, Evidence(told, True))
    kept = f"The promise ({lengths}) does not explain it: had it stayed, {share(late_if_kept)} would still be late."
    return Promise(False, Evidence(kept, True))


def _return_reasons(con: duckdb.DuckDBPyConnection, pattern: Pattern) -> Evidence | None:
    sku = dict(pattern.slice.where).get("sku")
    row = con.execute(
        """
        SELECT reason, count(*) * 1.0 / sum(count(*)) OVER () AS share FROM returns_known
        WHERE ($sku IS NULL OR sku = $sku) AND requested_at::DATE >= $onset
        GROUP BY reason ORDER BY share DESC, reason LIMIT 1
        """,
        {"sku": sku, "onset": pattern.onset},
    ).fetchone()
    return Evidence(f"Since then {share(row[1])} of its returns give the reason {row[0]}.", True) if row else None


def _main_stage(metric: Metric, stages: tuple[Stage, ...]) -> tuple[str, float]:
    """Return the step that grew most, itself and beyond the rest of the shop, and its share of the growth."""
    steps = STEPS.get(metric.id)
    grown = [s for s in stages if s.excess > 0 and s.since > s.before and (not steps or s.name.endswith(steps))]
    if not grown:
        return "", 0.5
    top = max(grown, key=lambda stage: stage.excess)
    return top.name, top.excess / sum(stage.excess for stage in grown)


def _origin(metric: Metric, pattern: Pattern, stage: str, promise: Promise | None) -> Origin:
    dims = set(pattern.slice.dims)
    if promise and promise.to_blame:
        return "workflow"
    if metric.kind == "index":
        return "carrier" if dims & {"carrier", "service"} else "undecided"
    if metric.id == "return_rate":
        return "workflow" if dims & {"sku", "category", "campaign"} else "undecided"
    if stage.endswith(("ready", "label")) or metric.id == "ready_to_label":
        return "warehouse" if "warehouse" in dims else "workflow" if dims & ORDER_DIMS else "undecided"
    if stage.startswith("label") or metric.id in ("label_to_first_scan", "idle_labels"):
        return "carrier" if "carrier" in dims else "warehouse" if "warehouse" in dims else "undecided"
    return "carrier" if stage and stage.split(" to ", maxsplit=1)[0] in ("first scan", "destination") else "undecided"


def _sentence(pattern: Pattern, origin: Origin, stage: str, stages: tuple[Stage, ...]) -> str:
    since = f"{pattern.onset:%d %B %Y}".lstrip("0")
    step = next((s for s in stages if s.name == stage), None)
    who = "No origin stands out" if origin == "undecided" else f"The candidate is {_article(origin)}"
    where = f"{who} for {pattern.slice.spoken}, since the week of {since}"
    if step is None or step.excess <= 0:
        return f"{where}."
    hours = f"{where}: {stage} takes {step.since:.0f} hours instead of {step.before:.0f}"
    if not pattern.slice.where:
        return f"{hours}."
    return f"{hours}, while elsewhere it takes {step.elsewhere_since:.0f} ({step.elsewhere_before:.0f} before)."


def _article(origin: Origin) -> str:
    return f"the {origin}" if origin in ("carrier", "warehouse", "workflow", "recipient") else origin


def _proposal(pattern: Pattern, origin: Origin, stage: str) -> str:
    """Name one targeted change of the five kinds, to be weighed by a person."""
    where = pattern.slice.spoken
    if pattern.metric == "cost_index":
        return (
            f"Carrier allocation: compare rates for {where} and move the part that another service carries for less."
        )
    if pattern.metric == "return_rate":
        return f"Packaging or listing instruction: check the listing and packing of {where} against the reason given."
    if origin == "workflow":
        return f"Automation condition: flag {where} as soon as they are ready, and give them a queue of their own."
    if origin == "warehouse":
        return f"Filter update: show waiting orders of {where} at the start of each shift, oldest first."
    if origin == "carrier":
        return f"Carrier allocation: send {where} with the next best service until its {stage or 'transit'} recovers."
    return f"Filter update: surface {where} every morning and look at ten of its parcels before changing anything."
