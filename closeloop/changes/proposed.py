"""What the findings of a week put into the log: the first draft of a change, and the verdict that closes it."""

from __future__ import annotations

from closeloop.changes.rows import estimate_cell
from closeloop.model import Cause, ChangeKind, Pattern, Verdict

KINDS: dict[str, ChangeKind] = {
    "Automation condition": "automation_condition",
    "Carrier allocation": "carrier_allocation",
    "Filter update": "filter_update",
    "Communication template": "communication_template",
    "Packaging or listing instruction": "packaging_or_labeling",
}
"""How a proposal begins that is of a kind."""


def from_pattern(pattern: Pattern, cause: Cause | None) -> dict[str, str]:
    """Draft the columns that a pattern settles: what, why, where, since when, and the proposal with its kind.

    The pattern goes in by its id, by which the report finds it again; its sentence goes into the notes.
    """
    year, week, _ = pattern.week.isocalendar()
    drafted = {
        "pattern": pattern.id,
        "metric": pattern.metric,
        "scope": str(pattern.slice),
        "since": pattern.onset.isoformat(),
        "notes": f"{year}-W{week:02d}: {pattern.sentence}",
    }
    return drafted | (_explained(cause) if cause else {})


def _explained(cause: Cause) -> dict[str, str]:
    named, _, what = cause.proposal.partition(": ")
    found = {"root_cause": f"{cause.origin}: {cause.sentence}", "change_shipped": what or cause.proposal}
    return found | ({"kind": KINDS[named]} if named in KINDS else {})


def outcome_of(verdict: Verdict) -> dict[str, str]:
    """Give the columns that close a change as a report judged it."""
    effect = {"estimate": estimate_cell(verdict.effect)} if verdict.effect else {}
    return {"verdict": verdict.decision, **effect}
