"""What is asked about a change, column by column: for the command's options and the form alike."""

from __future__ import annotations

from typing import get_args

from closeloop.changes.rows import FINAL
from closeloop.model import ChangeKind

FIELDS = {
    "pattern": "What was seen: a pattern's id such as P0404, or words.",
    "root_cause": "Why, as far as the evidence goes.",
    "change_shipped": "The one thing that changes.",
    "metric": "The metric it is judged by, such as ready_to_label.",
    "scope": "Where it acts: 'channel = web & region = Pacific', or everything.",
    "kind": f"One of: {', '.join(get_args(ChangeKind))}.",
    "shipped_on": "Day on which it ships, such as 2026-10-05.",
    "written_on": "Day on which it is written down; today if left out.",
    "owner": "Who answers for it.",
    "review_date": "Day of the review; worked out from the data if left out.",
    "since": "First day of the pattern.",
    "settling_days": "Days after shipping that do not count.",
    "comparison": "Dimension of the scope whose other values it is held against.",
    "placebo_metric": "A metric that must not move.",
    "expected_effect": "What you expect, in words.",
    "notes": "Anything else.",
}

OUTCOME = {
    "verdict": f"One of: {', '.join(FINAL)}.",
    "decided_on": "Day of the decision; today if left out.",
    "estimate": "Relative effect and 95 % interval: '-0.21 (-0.3 to -0.11)'.",
}
