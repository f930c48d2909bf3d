"""The review of the changes, one question at a time: findings in, the answer to one question out."""

from __future__ import annotations

from closeloop import words
from closeloop.charts import Shown
from closeloop.model import Findings, Pattern, Verdict
from closeloop.report.sections import Section, rendered, verdict_chart

Told = tuple[Verdict, Pattern | None, Shown | None]

VERBS = {
    "improved": "Keep it",
    "worsened": "Revert it",
    "no clear change": "Extend or revert it",
    "too early": "Wait",
    "not comparable": "Judge by hand",
}
"""What to do with a change, in a word."""


def seen(findings: Findings) -> Section:
    """Say what was seen before each change, and why it was thought to be so."""
    return _section("seen", findings)


def changed(findings: Findings) -> Section:
    """Say what was changed: one thing, where, when, by whom, and what was hoped for."""
    return _section("changed", findings)


def happened(findings: Findings) -> Section:
    """Show the weeks before and since, and the effect against what would have been."""
    return _section("happened", findings)


def sure(findings: Findings) -> Section:
    """Say how sure each verdict is: its interval, and every check that speaks for or against it."""
    return _section("sure", findings)


def following(findings: Findings) -> Section:
    """Say what to do next with each change: keep, revert, extend or wait."""
    return _section("following", findings)


def _section(name: str, findings: Findings) -> Section:
    words.speak_of(findings.currency)
    known = {p.id: p for p in (*findings.patterns, *findings.resolved)}
    told: list[Told] = [
        (v, known.get(v.change.pattern), verdict_chart(v) if name == "happened" else None) for v in findings.verdicts
    ]
    return rendered("verify.html.j2", name, findings, told, VERBS)
