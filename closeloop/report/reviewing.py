"""A pattern's review, one question at a time: findings in, the answer to one question out."""

from __future__ import annotations

from closeloop import words
from closeloop.charts import Shown
from closeloop.model import Cause, Findings, Pattern
from closeloop.report.sections import Section, rendered, stage_chart

Told = tuple[Cause, Pattern | None, Shown | None]


def answer(findings: Findings) -> Section:
    """Name the candidate, and how the belief is shared out among all origins."""
    return _section("answer", findings)


def step(findings: Findings) -> Section:
    """Show the hours of each step, before and since, here and elsewhere."""
    return _section("step", findings)


def evidence(findings: Findings) -> Section:
    """Set what speaks for the candidate beside what speaks against it."""
    return _section("evidence", findings)


def onset(findings: Findings) -> Section:
    """Say since when, and what else changed about then."""
    return _section("onset", findings)


def earlier(findings: Findings) -> Section:
    """Say which alert would have seen it first, beside today's, and write it as an automation takes it."""
    return _section("earlier", findings)


def proposal(findings: Findings) -> Section:
    """Propose one change, say how it would be judged, and how it gets into the log."""
    return _section("proposal", findings)


def _section(name: str, findings: Findings) -> Section:
    words.speak_of(findings.currency)
    known = {p.id: p for p in (*findings.patterns, *findings.resolved)}
    told: list[Told] = [
        (c, known.get(c.pattern), stage_chart(c) if name == "step" else None) for c in findings.causes
    ]
    return rendered("review.html.j2", name, findings, told)
