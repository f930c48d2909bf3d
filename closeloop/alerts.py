"""The alert that a shop runs today, as conditions in groups, beside the best that its history allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
from statsmodels.stats.proportion import confint_proportions_2indep

from closeloop import triggers
from closeloop.model import Estimate, Slice
from closeloop.percent import interval, plus
from closeloop.segments import Condition, Group, Segment, read_one
from closeloop.triggers import Replay, Rule, Waiting
from closeloop.words import number

FIELDS: dict[str, Waiting] = {
    "hours_without_label": "label",
    "hours_without_first_scan": "first scan",
    "hours_without_next_scan": "next scan",
    "hours_left_without_destination": "destination",
}
"""What an alert can wait for, by the name that its condition has."""

TESTS: dict[Waiting, str] = {"label": "over", "first scan": "over", "next scan": "over", "destination": "under"}


@dataclass(frozen=True)
class Alerts:
    """Rules replayed on the same units: all that were tried, the best of them, and today's, where one is declared."""

    tried: tuple[Replay, ...]
    best: Replay | None
    today: Replay | None

    @property
    def gain(self) -> Estimate | None:
        """Share of the missed promises that the best rule catches beyond today's (Newcombe 1998, method 10)."""
        if not self.best or not self.today or not self.best.missed:
            return None
        new, old = self.best, self.today
        low, high = confint_proportions_2indep(
            new.caught, new.missed, old.caught, max(1, old.missed), method="newcomb"
        )
        return Estimate(new.caught_share.value - old.caught_share.value, float(low), float(high))

    @property
    def sentence(self) -> str:
        """Say what the best rule would have done, and what today's did."""
        if self.best is None:
            return ""
        said = triggers.sentence(self.best)
        return f"{said} {_beside(self.best, self.today, self.gain)}" if self.today and self.gain else said


def _beside(new: Replay, old: Replay, gain: Estimate) -> str:
    more = new.false_alarms_a_week - old.false_alarms_a_week
    value, low, high = (plus(100 * end) for end in (gain.value, gain.low, gain.high))
    points = f"{value} points ({interval(low, high)})"
    return (
        f"Today's alert ({old.rule}) caught {old.caught_share.value:.0%} of them in time with"
        f" {old.false_alarms_a_week:.0f} false alarms a week: {points} for {number(abs(more), 0)}"
        f" {'more' if more >= 0 else 'fewer'}."
    )


def read(path: Path) -> Rule | None:
    """Read today's alert from the source's folder; None where no file is there.

    The file has the form of a saved segment; exactly one group is a single condition on what is waited for, such as
    {field: hours_without_first_scan, over: 48}. Raises ValueError that names the file and how to mend it.
    """
    if not path.is_file():
        return None
    told = read_one(path)
    waits = [group for group in told.groups if any(one.field in FIELDS for one in group.conditions)]
    if told.match != "all" or len(waits) != 1 or len(waits[0].conditions) != 1:
        raise ValueError(
            f"{path}: write `match: all` and one group with one condition on what is waited for"
            f" ({', '.join(FIELDS)}); other groups may filter"
        )
    rest = tuple(group for group in told.groups if group not in waits)
    within = Segment(told.name, told.title, "all", rest) if rest else None
    return _rule(path, waits[0].conditions[0], within)


def _rule(path: Path, condition: Condition, within: Segment | None) -> Rule:
    waits_for = FIELDS[condition.field]
    if condition.test != TESTS[waits_for]:
        raise ValueError(f"{path}: {condition.field} takes `{TESTS[waits_for]}` and hours, not `{condition.test}`")
    try:
        return Rule(waits_for, float(condition.values[0]), "calendar", within=within)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def written(rule: Rule) -> str:
    """Write a rule as the file of `read` has it, and as a shop's automation takes it: conditions in groups."""
    field = next(name for name, waits in FIELDS.items() if waits == rule.waits_for)
    clock = "  # business hours" if rule.clock == "business" else ""
    lines = [
        f"title: Alert on {rule}", "match: all", "groups:", "  - conditions:",
        f"      - {{field: {field}, {TESTS[rule.waits_for]}: {rule.hours:g}}}{clock}",
        *(["  - conditions:"] if rule.scope.where else []),
        *(f"      - {{field: {dim}, is: [{_quoted(value)}]}}" for dim, value in rule.scope.where),
        *(line for group in (rule.within.groups if rule.within else ()) for line in _group(group)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _group(group: Group) -> list[str]:
    head = "  - conditions:" if group.match == "all" else "  - match: any\n    conditions:"
    return [head, *(f"      - {{field: {one.field}, {one.test}: {_values(one)}}}" for one in group.conditions)]


def _values(one: Condition) -> str:
    told = [_quoted(value) if isinstance(value, str) else f"{value:g}" for value in one.values]
    return f"[{', '.join(told)}]" if one.test in ("is", "is_not") else told[0]


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def compare(
    con: duckdb.DuckDBPyConnection, waits_for: Waiting, scope: Slice, span: tuple[date, date], today: Rule | None
) -> Alerts:
    """Replay a sweep of one kind of alert on a slice's promises of some days, and today's rule on the same.

    The facts must be built on `con`. Raises ValueError when no promise of the slice fell due in those days.
    """
    return beside_today(con, triggers.sweep(Rule(waits_for, 24, scope=scope)), span, today)


def beside_today(
    con: duckdb.DuckDBPyConnection, rules: Sequence[Rule], span: tuple[date, date], today: Rule | None
) -> Alerts:
    """Replay rules of one scope on its promises of some days, and today's rule on the same.

    The facts must be built on `con`. Raises ValueError when no promise of the scope fell due in those days.
    """
    tried = triggers.replay(con, rules, *span)
    mine = replace(today, scope=rules[0].scope) if today else None
    return Alerts(tried, triggers.best(tried), triggers.replay(con, [mine], *span)[0] if mine else None)
