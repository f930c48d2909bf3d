"""Records of merchants -> the figures of the table, a row for each way."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.figures import Figure, share

Record = dict[str, Any]
YEAR = 52


def figures_of(records: Sequence[Record]) -> list[Figure]:
    """Return all figures; shares carry their counts, sums are per merchant and year."""
    found: list[Figure] = []
    for name in records[0]["ways"]:
        lived = [(record, record["ways"][name]) for record in records]
        found += _worth(lived, records, name)
        if name != "reacting only":
            found += [*_seen(lived, name), *_judged(lived, name), *_ledger(lived, name)]
    return found


def _a_year(records: Sequence[Record]) -> float:
    return YEAR / sum(record["weeks"] for record in records)


def _worth(lived: Sequence[tuple[Record, Record]], records: Sequence[Record], of: str) -> list[Figure]:
    harm = sum(sum(way["harm"]) for _, way in lived)
    least = sum(sum(record["ways"]["reacting only"]["harm"]) for record in records)
    return [
        Figure("cases of planted problems a year", harm * _a_year(records), "", of),
        Figure("of them spared", 1 - harm / least if least else float("nan"), "share", of),
    ]


def _seen(lived: Sequence[tuple[Record, Record]], of: str) -> list[Figure]:
    planted = sum(len(record["problems"]) for record, _ in lived)
    weeks = [week for _, way in lived for week in way["found"].values()]
    named = [both for _, way in lived for both in way["named"].values()]
    made = [change for _, way in lived for change in way["changes"]]
    return [
        share("problems found", len(weeks), planted, of),
        Figure("weeks to find, median", statistics.median(weeks) if weeks else float("nan"), "", of),
        share("right slice, of those looked into", sum(both[0] for both in named), len(named), of),
        share("right origin, of those looked into", sum(both[1] for both in named), len(named), of),
        share(
            "shown patterns that are false", sum(w["false"] for _, w in lived), sum(w["shown"] for _, w in lived), of
        ),
        share("changes made that were wrong", sum(not change["right"] for change in made), len(made), of),
    ]


def _judged(lived: Sequence[tuple[Record, Record]], of: str) -> list[Figure]:
    made = [change for _, way in lived for change in way["changes"] if change["verdict"]]
    right, wrong = [c for c in made if c["right"]], [c for c in made if not c["right"]]
    closed = sum(c["verdict"] == "improved" for c in right)
    return [
        Figure("gaps closed a year, a merchant", closed * _a_year([record for record, _ in lived]), "", of),
        share("right changes called improved", closed, len(right), of),
        share("right changes called worsened", sum(c["verdict"] == "worsened" for c in right), len(right), of),
        share("wrong changes called improved", sum(c["verdict"] == "improved" for c in wrong), len(wrong), of),
        share("wrong changes called worsened", sum(c["verdict"] == "worsened" for c in wrong), len(wrong), of),
        share("verdicts withheld", sum(c["verdict"] not in ("improved", "worsened") for c in made), len(made), of),
    ]


def _ledger(lived: Sequence[tuple[Record, Record]], of: str) -> list[Figure]:
    every = [entry for _, way in lived for entry in way["ledger"]]
    money = [entry for entry in every if entry["metric"] == "cost_index"]
    cases = [entry for entry in every if entry["metric"] != "cost_index"]
    held = sum(entry["low"] <= entry["truth"] <= entry["high"] for entry in every)
    return [
        _over("ledger over truth, cases", cases, of),
        *([_over("ledger over truth, dollars", money, of)] if money else []),
        share("ledger intervals that hold the truth", held, len(every), of),
    ]


def _over(name: str, entries: Sequence[Record], of: str) -> Figure:
    truth = sum(entry["truth"] for entry in entries)
    said = sum(entry["said"] for entry in entries)
    return Figure(name, said / truth if truth > 0 else float("nan"), "ratio", of, n=len(entries))


def in_a_line(record: Record) -> str:
    """Say what one merchant's year was, for whoever watches the run."""
    told = [f"{len(record['problems'])} problems"]
    for name, way in record["ways"].items():
        closed = sum(change["right"] and change["verdict"] == "improved" for change in way.get("changes", ()))
        told.append(f"{name}: {sum(way['harm']):,.0f} cases, {len(way.get('changes', ()))} changes, {closed} closed")
    return "; ".join(told)
