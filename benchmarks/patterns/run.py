"""Are planted problems found, in the right slice, with the right origin, and nothing else?

    python benchmarks/patterns/run.py --merchants 40 --seed 1000

Every other merchant has no problem, only a decoy. One line per merchant, then the table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks import figures
from benchmarks.patterns.merchants import ORDERS_PER_WEEK, Case, merchant
from closeloop import simulate
from closeloop.loop import Loop, open_week
from closeloop.model import Pattern, Slice


class Outcome(NamedTuple):
    """What the report of one merchant's last week said of its planted problem."""

    planted: bool
    found: bool
    right_slice: bool
    right_origin: bool
    weeks_to_find: float
    onset_error: float
    shown: int
    false: int


def open_merchant(seed: int, planted: bool, folder: Path, orders: int) -> tuple[Loop, Case | None, str, date]:
    """Simulate a merchant, write its exports, and open its last week."""
    scenario, case, name = merchant(seed, planted)
    scenario = replace(scenario, orders_per_week=orders)
    simulate.write_exports(simulate.simulate(scenario), folder / "data")
    loop = open_week("params/sources/demo", "", str(folder / "data"), str(folder / "out"))
    return loop, case, name, scenario.start + timedelta(weeks=scenario.weeks)


def is_about(pattern: Pattern, case: Case) -> bool:
    """A pattern belongs to the problem when its metric can show it and its slice could hold it."""
    return pattern.metric in case[2] and pattern.slice.overlaps(Slice.of(case[3].items()))


def judge(loop: Loop, case: Case | None, end: date) -> Outcome:
    """Compare the shown patterns with the truth."""
    shown = loop.patterns.patterns
    mine = [p for p in shown if case and is_about(p, case)]
    if not case or not mine:
        return Outcome(
            bool(case), False, False, False, float("nan"), float("nan"), len(shown), len(shown) - len(mine)
        )
    truth, start = Slice.of(case[3].items()), end - timedelta(weeks=case[5])
    best = min(mine, key=lambda p: (p.slice != truth, p.p))
    cause = next(c for c in loop.causes if c.pattern == best.id)
    same = best.slice == truth or (truth.contains(best.slice) and len(best.slice.where) == len(truth.where) + 1)
    first = best.first_seen or best.week
    return Outcome(
        True, True, same, cause.origin == case[1], (first - start).days / 7, (best.onset - start).days / 7,
        len(shown), len(shown) - len(mine),
    )  # fmt: skip


def outcomes(seeds: Iterable[int], orders: int) -> Iterable[Outcome]:
    """Judge one merchant per seed, printing each."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            loop, case, name, end = open_merchant(seed, seed % 2 == 0, Path(folder), orders)
            outcome = judge(loop, case, end)
            shown = "; ".join(f"{p.metric}: {p.slice} since {p.onset}" for p in loop.patterns.patterns)
            seconds = time.process_time() - started
            print(
                f"{seed} {case[0] if case else 'nothing'} + {name} {case[3] if case else ''} -> {shown or 'silence'}"
            )
            print(f"    {outcome} {seconds:.0f} CPU s", flush=True)
            yield outcome


def measured(every: list[Outcome]) -> tuple[figures.Figure, ...]:
    """Count what was found and what was false."""
    planted, found = [o for o in every if o.planted], [o for o in every if o.found]
    nulls, n = [o for o in every if not o.planted], len(found)
    return (
        figures.share("planted problems found", n, len(planted)),
        figures.share("found within two weeks", sum(o.weeks_to_find <= 2 for o in found), len(planted)),
        figures.share("right slice, of the found", sum(o.right_slice for o in found), n),
        figures.share("right origin, of the found", sum(o.right_origin for o in found), n),
        figures.share("onset within a week, of the found", sum(abs(o.onset_error) <= 1 for o in found), n),
        figures.share("shown patterns that are false", sum(o.false for o in every), sum(o.shown for o in every)),
        figures.share("merchants without a problem, silent", sum(not o.shown for o in nulls), len(nulls)),
    )


def main() -> None:
    """Run and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--merchants", type=int, default=40)
    options.add_argument("--seed", type=int, default=1000)
    options.add_argument("--orders", type=int, default=ORDERS_PER_WEEK, help="orders a week")
    figures.add_option(options)
    given = options.parse_args()
    last = given.seed + given.merchants - 1
    found = measured(list(outcomes(range(given.seed, last + 1), given.orders)))
    print(f"\n{figures.table(found)}")
    figures.save(given.figures, found, f"{given.seed} to {last}")


if __name__ == "__main__":
    main()
