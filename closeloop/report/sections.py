"""The sections of the report, one function each: findings in, a piece of the page out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from closeloop import words
from closeloop.charts import Shown, before_after, control_chart, milestone_split, saved, saved_alt, shown, sparkline
from closeloop.charts import ranking as ranking_chart
from closeloop.model import Cause, Findings, Kpi, Pattern, Status, Verdict
from closeloop.report.wording import environment

STATUSES: tuple[tuple[Status, str], ...] = (
    ("new", "New"),
    ("worse", "Getting worse"),
    ("continuing", "Continuing"),
)
STORY_WEEKS, LISTED_WEEKS = 8, 52
"""How long a closed change is told as a story, with its chart, and how long it is listed."""

MOST_CARDS = 8
"""Patterns told in full with a chart; the others stand in a table, to keep the page short."""


@dataclass(frozen=True)
class Section:
    """A part of the page: its name, which is also its anchor, and its HTML."""

    name: str
    html: str

    def __repr__(self) -> str:
        return self.name.replace("_", " ")

    def __html__(self) -> str:
        return self.html

    def _repr_html_(self) -> str:
        return self.html


def bottom_line(findings: Findings) -> Section:
    """Say the week in a few sentences."""
    return _section("bottom_line", findings)


def decisions(findings: Findings) -> Section:
    """List what somebody has to decide this week."""
    return _section("decisions", findings)


def scorecard(findings: Findings) -> Section:
    """Show the headline metrics beside their own recent past."""
    tiles = [(kpi, words.unit_of(kpi.metric), _spark(kpi)) for kpi in findings.kpis]
    return _section("scorecard", findings, tiles=tiles)


def patterns(findings: Findings) -> Section:
    """Show what stands out, new, getting worse, continuing and resolved, each with its candidate cause."""
    told, rest = findings.patterns[:MOST_CARDS], findings.patterns[MOST_CARDS:]
    why = _candidates(findings)
    groups = [(name, [(p, _pattern_chart(p), why[p.id]) for p in told if p.status == s]) for s, name in STATUSES]
    others = [(p, next((cause.origin for cause, _ in why[p.id]), "undecided")) for p in rest]
    return _section("patterns", findings, groups=groups, rest=others, ranking=_ranking(told))


def causes(findings: Findings) -> Section:
    """Show the candidate causes of each pattern, with what speaks for and against them laid open."""
    why = _candidates(findings)
    return _section("causes", findings, groups=[(p, why[p.id]) for p in findings.patterns if p.id in why])


def _candidates(findings: Findings) -> dict[str, list[tuple[Cause, Shown | None]]]:
    found: dict[str, list[tuple[Cause, Shown | None]]] = defaultdict(list)
    for cause in findings.causes:
        found[cause.pattern].append((cause, stage_chart(cause)))
    return found


def changes(findings: Findings) -> Section:
    """Tell each reviewed change as a story: seen, changed, happened, how sure, what next."""
    known = {p.id: p for p in (*findings.patterns, *findings.resolved)}
    open_or_new = [v for v in findings.verdicts if _closed_since(v, findings.week, STORY_WEEKS)]
    stories = [(v, known.get(v.change.pattern), verdict_chart(v)) for v in open_or_new]
    return _section("changes", findings, stories=stories, closed=closed(findings))


def ledger(findings: Findings) -> Section:
    """Show what all changes together spare, each case counted once, and the pace of the loop."""
    savings = () if findings.ledger is None else findings.ledger.savings
    return _section("ledger", findings, drawn=[shown(saved(s), saved_alt(s)) for s in savings if s.history])


def upcoming(findings: Findings) -> Section:
    """List the shipped changes that wait for their review."""
    return _section("upcoming", findings)


def quality(findings: Findings) -> Section:
    """Say what was read, what was set aside and why, and what this data cannot say."""
    return _section("quality", findings)


def glossary(findings: Findings) -> Section:
    """Explain the words and metrics that the report uses."""
    return _section("glossary", findings)


def provenance(findings: Findings) -> Section:
    """Say where the numbers come from, enough to make them again."""
    return _section("provenance", findings)


def closed(findings: Findings) -> tuple[Verdict, ...]:
    """Return the loops that a person has closed in a year, the newest first, with what the log says of each."""
    done = [v for v in findings.verdicts if v.change.decided_on and v.change.verdict]
    done = [v for v in done if _closed_since(v, findings.week, LISTED_WEEKS)]
    return tuple(sorted(done, key=lambda v: (v.change.decided_on, v.change.id), reverse=True))


def _closed_since(verdict: Verdict, week: date, weeks: int) -> bool:
    """Whether a change is open still, or was closed at most so many weeks before."""
    closed_on = verdict.change.decided_on
    return closed_on is None or closed_on > week - timedelta(weeks=weeks)


def pattern_alt(pattern: Pattern) -> str:
    """Say in words what the chart of a pattern shows."""
    value, usual = (words.measured(v, pattern.unit) for v in (pattern.value, pattern.expected))
    return (
        f"{words.label(pattern.metric)} of {pattern.slice.spoken}, by week: {value} against {usual} expected,"
        f" since {words.day(pattern.onset)}."
    )


def verdict_alt(verdict: Verdict) -> str:
    """Say in words what the chart of a verdict shows."""
    before, after = (words.measured(v, verdict.unit) for v in (verdict.before, verdict.after))
    return (
        f"{words.label(verdict.change.metric)} of {verdict.change.scope.spoken}, by week: on average {before}"
        f" before {words.day(verdict.change.shipped_on)} and {after} since."
    )


def rendered(template: str, name: str, findings: Findings, *given: object, **more: object) -> Section:
    """Make a section by the macro of its name in a template, named for readers by its heading where it has one."""
    words.speak_of(findings.currency)
    body = getattr(environment(escaped=True).get_template(template).module, name)(findings, *given, **more)
    label = f' aria-labelledby="{name}"' if f'id="{name}"' in body else ""
    return Section(name, f'<section class="closeloop {name} mathjax_ignore"{label}>{body}</section>')


_section = partial(rendered, "sections.html.j2")


def _spark(kpi: Kpi) -> Shown | None:
    weeks = len(kpi.history)
    alt = f"{kpi.label}: the last {weeks} weeks in their band of normal variation"
    return sparkline(kpi.history, alt) if weeks > 1 else None


def _pattern_chart(pattern: Pattern) -> Shown | None:
    if not pattern.history:
        return None
    chart = control_chart(pattern.history, words.label(pattern.metric), pattern.unit, pattern.onset)
    return shown(chart, pattern_alt(pattern))


def stage_chart(cause: Cause) -> Shown | None:
    """Draw the hours of each step; None where the metric has no steps."""
    if not cause.stages:
        return None
    most = max(cause.stages, key=lambda stage: stage.excess)
    alt = (
        f"Mean hours in each step, before and since {words.day(cause.onset)}: most was added in {most.name},"
        f" {words.number(most.excess, 1)} hours beyond what was added elsewhere."
    )
    return shown(milestone_split(cause.stages), alt)


def verdict_chart(verdict: Verdict) -> Shown | None:
    """Draw the weeks before and since a change; None where there are none."""
    return shown(before_after(verdict), verdict_alt(verdict)) if verdict.history else None


def _ranking(told: Sequence[Pattern]) -> Shown | None:
    """Rank the patterns of a unit that counts several: excess in different units cannot be compared."""
    units = [p.unit for p in told]
    several = [p for p in told if units.count(p.unit) > 1]
    if not several:
        return None
    most = max(several, key=lambda p: p.excess.value)
    alt = f"Excess of the patterns each week; the largest: {words.excess(most.excess, most.unit)}."
    return shown(ranking_chart(several), alt)
