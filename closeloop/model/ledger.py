"""What all verified changes together have saved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from closeloop.model.estimate import Estimate, Point


@dataclass(frozen=True)
class Saving:
    """What the changes of one metric spare: per week now, and since the first of them, with 95 % intervals.

    `faded` are the changes whose effect got smaller, `shared` those that could not be told from another one in the
    same scope and count once with it. `history` is what had been saved by the end of each week.
    """

    metric: str
    unit: str
    changes: tuple[str, ...]
    weekly: Estimate
    so_far: Estimate
    faded: tuple[str, ...]
    shared: tuple[str, ...]
    history: tuple[Point, ...]


@dataclass(frozen=True)
class Ledger:
    """The compound result of the loop as of a day, and its pace.

    `gaps_closed` counts changes verified as improved over the last `weeks` weeks, 52 at most; `pace` is what 50 a
    year would have been by then; `weeks_in_a_row` how long no review has been left lying.
    """

    as_of: date
    savings: tuple[Saving, ...]
    gaps_closed: int
    pace: float
    weeks: int
    weeks_in_a_row: int
    due: tuple[str, ...]
    sentences: tuple[str, ...]
