"""The answers: what was planted, in a file that the analysis never reads."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from closeloop.simulate.scenario import Problem, Scenario


def truths(scenario: Scenario) -> dict[str, Any]:
    """Calendar and planted truths as plain values; an `end` is the first day no longer touched."""
    return {
        "start": scenario.start.isoformat(),
        "weeks": scenario.weeks,
        "orders_per_week": scenario.orders_per_week,
        "seed": scenario.seed,
        "timezone": scenario.timezone,
        "exported_at": scenario.exported_at.isoformat(sep=" "),
        "problems": [described(problem, scenario) for problem in scenario.problems],
    }


def described(problem: Problem, scenario: Scenario) -> dict[str, Any]:
    """One planted truth, with the ids of its decoys."""
    row = asdict(problem)
    row["slice"] = slice_of(row.pop("where"))
    for effect in row["effects"]:
        effect["slice"] = slice_of(effect.pop("where"))
    row["decoys"] = [other.id for other in scenario.problems if other.decoy_of == problem.id]
    return row


def slice_of(pairs: Any) -> dict[str, list[str]]:
    """A slice as a mapping from dimension to values."""
    return {dim: list(values) for dim, values in pairs}


def write_truths(scenario: Scenario, path: Path) -> None:
    """Write the answers as JSON."""
    text = json.dumps(truths(scenario), indent=2, default=date.isoformat)
    path.write_text(text + "\n", encoding="utf-8")
