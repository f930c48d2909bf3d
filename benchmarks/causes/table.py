"""The figures of records that `run.py` wrote: shares with their counts, and how far weights can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Record = dict[str, Any]

EDGES = (0.5, 0.7, 0.85, 1.01)
"""Bounds of the groups of weights that are compared with how often they were right."""


def table(records: Sequence[Record]) -> str:
    """Draw the table of figures, the calibration of the weights, and what was wrong."""
    found = [r for r in records if r["found"]]
    decided = [r for r in found if r["said_origin"] != "undecided"]
    rows = (
        ("planted causes found", len(found), len(records)),
        ("right slice, of the found", sum(r["right_slice"] for r in found), len(found)),
        ("right origin, of those decided", sum(r["said_origin"] == r["origin"] for r in decided), len(decided)),
        ("undecided, of the found", len(found) - len(decided), len(found)),
        ("first day within 3 days, of the found", sum(abs(r["onset_error"]) <= 3 for r in found), len(found)),
        ("first day in its 95 % interval", sum(r["onset_covered"] for r in found), len(found)),
        ("decoy blamed, of all merchants", sum(_blamed(r) for r in records), len(records)),
        ("shown patterns that are neither", sum(r["false"] for r in records), sum(r["shown"] for r in records)),
    )
    lines = ["| figure | value |", "|---|---|", *(f"| {name} | {_share(a, b)} |" for name, a, b in rows), ""]
    return "\n".join([*lines, *_calibration(found), "", *(_wrong(r) for r in records if _is_wrong(r))])


def _blamed(record: Record) -> bool:
    return bool(record["decoy_blamed"] or record.get("decoy_origin_blamed"))


def _calibration(found: Sequence[Record]) -> list[str]:
    """Compare every weight given to an origin with how often it was that one."""
    pairs = [(w, o == r["origin"]) for r in found for o, w in r["weights"].items() if o != "undecided"]
    told = [(max(r["weights"].values()), r["said_origin"] == r["origin"]) for r in found
            if r["said_origin"] != "undecided"]  # fmt: skip
    lines = ["| weight of the named origin | n | mean weight | right |", "|---|---|---|---|"]
    for low, high in pairwise(EDGES):
        group = [(w, right) for w, right in told if low <= w < high]
        if group:
            mean, right = (sum(float(pair[i]) for pair in group) / len(group) for i in (0, 1))
            lines.append(f"| {low:.2f} to {min(high, 1):.2f} | {len(group)} | {mean:.2f} | {right:.2f} |")
    brier = sum((w - right) ** 2 for w, right in pairs) / max(1, len(pairs))
    return [*lines, "", f"Brier score of all weights: {brier:.3f}"]


def _is_wrong(record: Record) -> bool:
    return not record["found"] or not record["right_slice"] or record["said_origin"] != record["origin"] or (
        abs(record["onset_error"]) > 3 or _blamed(record)
    )  # fmt: skip


def _wrong(record: Record) -> str:
    where = " & ".join(f"{dim} = {value}" for dim, value in record.get("slice", []))
    said = f"{record.get('metric')}: {where}, {record.get('said_origin')}, {record.get('onset_error')} days off"
    blamed = "; decoy blamed" if _blamed(record) else ""
    return f"- {record['seed']} {record['kind']} ({record['origin']}) + {record['decoy']}: {said}{blamed}"


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({100 * part / max(1, whole):.0f} %)"
