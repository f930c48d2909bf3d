"""What the findings of a week put into the log: the first draft of a change, and the verdict that closes it."""

from __future__ import annotations

from closeloop.changes.rows import estimate_cell
from closeloop.model import Cause, Pattern, Verdict


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
    found = {"root_cause": f"{cause.origin}: {cause.sentence}"}
    if not (remedy := cause.remedy):
        return found | {"change_shipped": cause.proposal.rstrip(".")}
    return found | {
        "change_shipped": remedy.what,
        "kind": remedy.kind,
        "scope": str(remedy.scope),
        "metric": remedy.metric,
        "comparison": remedy.comparison,
        "placebo_metric": remedy.placebo_metric,
        "expected_effect": remedy.expected_effect,
    }


def outcome_of(verdict: Verdict) -> dict[str, str]:
    """Give the columns that close a change as a report judged it."""
    effect = {"estimate": estimate_cell(verdict.effect)} if verdict.effect else {}
    return {"verdict": verdict.decision, **effect}
