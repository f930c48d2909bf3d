"""The figures of records that `run.py` wrote: shares with their counts, and how far weights can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.figures import Figure, share
from benchmarks.patterns.calibration import named, reliability
from benchmarks.patterns.records import Record


def details(records: Sequence[Record]) -> str:
    """Draw the counts of each kind, the calibration of the weights, and what was wrong."""
    wrong = [_wrong(r) for r in records if _is_wrong(r)]
    parts = (_kinds(records), _calibration([r for r in records if r["found"]]), wrong)
    return "\n\n".join("\n".join(lines) for lines in parts)


def measured(records: Sequence[Record]) -> tuple[Figure, ...]:
    """Count what was found, what was right, and what was false."""
    planted, nulls = [r for r in records if not r["null"]], [r for r in records if r["null"]]
    found = [r for r in planted if r["found"]]
    asked = [r for r in found if r["said_origin"]]
    decided = [r for r in asked if r["said_origin"] != "undecided"]
    worth = [r for r in planted if r["worth"]]
    n, weeks = len(found), median([r["weeks_since_known"] for r in found] or [0.0])
    return (
        share("planted problems found", n, len(planted)),
        share("found within two weeks of when they could be measured", _count(found, _in_time), len(planted)),
        share("those worth acting on, found", _count(worth, lambda r: r["found"]), len(worth)),
        share(
            "those worth acting on, found within two weeks",
            _count(worth, lambda r: r["found"] and _in_time(r)),
            len(worth),
        ),
        Figure("weeks from then to the first report, median", weeks, "weeks", n=n),
        share("right slice, of the found", _count(found, lambda r: r["right_slice"]), n),
        share(
            "right origin, of those decided", _count(decided, lambda r: r["said_origin"] == r["origin"]), len(decided)
        ),
        share("undecided, of the found", len(asked) - len(decided), len(asked)),
        share("first day within 3 days, of the found", _count(found, lambda r: abs(r["onset_error"]) <= 3), n),
        share("first day in its 95 % interval", _count(found, lambda r: r["onset_covered"]), n),
        share("decoy blamed, of the planted", _count(planted, _blamed), len(planted)),
        share("shown patterns that are false", sum(r["false"] for r in records), sum(r["shown"] for r in records)),
        share(
            "of which exceptions that a storm of the simulation caused",
            sum(r.get("storms", 0) for r in records),
            sum(r["false"] for r in records),
        ),
        share(
            "shown patterns about a decoy that really made it worse",
            sum(r["decoy_is_real"] for r in records),
            sum(r["shown"] for r in records),
        ),
        share("merchants without a problem, silent", _count(nulls, lambda r: not r["shown"]), len(nulls)),
    )


def _kinds(records: Sequence[Record]) -> list[str]:
    lines = [
        "| kind | n | found | in two weeks | right slice | right origin | false |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(r["kind"] for r in sorted(records, key=lambda r: str(r["kind"]))):
        mine = [r for r in records if r["kind"] == kind]
        found = [r for r in mine if r["found"]]
        right = _count(found, lambda r: r["said_origin"] == r["origin"])
        cells = (len(found), _count(found, _in_time), _count(found, lambda r: r["right_slice"]), right)
        false = sum(r["false"] for r in mine)
        lines.append(f"| {kind} | {len(mine)} | {' | '.join(str(cell) for cell in cells)} | {false} |")
    return lines


def _count(records: Sequence[Record], holds: Callable[[Record], bool]) -> int:
    return sum(bool(holds(r)) for r in records)


def _in_time(record: Record) -> bool:
    return record["weeks_since_known"] <= 2


def _blamed(record: Record) -> bool:
    return bool(record["decoy_blamed"] or record.get("decoy_origin_blamed"))


def _calibration(found: Sequence[Record]) -> list[str]:
    """Compare every weight given to an origin with how often it was that one."""
    pairs = [(w, o == r["origin"]) for r in found for o, w in r["weights"].items() if o != "undecided"]
    brier = sum((w - right) ** 2 for w, right in pairs) / max(1, len(pairs))
    return [reliability(named(found)), "", f"Brier score of all weights: {brier:.3f}"]


def _is_wrong(record: Record) -> bool:
    if record["false"] or record["null"]:
        return bool(record["false"])
    return not record["found"] or not record["right_slice"] or record["said_origin"] != record["origin"] or (
        abs(record["onset_error"]) > 3 or _blamed(record)
    )  # fmt: skip


def _wrong(record: Record) -> str:
    where = " & ".join(f"{dim} = {value}" for dim, value in record.get("slice", []))
    said = f"{record.get('metric')}: {where}, {record.get('said_origin')}, {record.get('onset_error')} days off"
    blamed = "; decoy blamed" if _blamed(record) else ""
    others = f"; besides {', '.join(record['others'])}" if record["others"] else ""
    return f"- {record['seed']} {record['kind']} ({record['origin']}): {said}{blamed}{others}"
