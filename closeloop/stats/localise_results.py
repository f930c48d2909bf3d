"""What a localisation is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Where = dict[str, object]


@dataclass(frozen=True)
class Search:
    """How to search.

    Parameters
    ----------
    alpha
        Chance, for a cube in which nothing happened, that any segment at all is named.
    depth
        Most dimensions that a segment may fix.
    support
        Fewest events, observed or expected, of a segment worth testing.
    most
        Most segments to name.
    relative
        Whether a move of everything together is of no interest: only segments that moved unlike the rest
        are named, be it that they alone moved or that they alone did not.

    """

    alpha: float = 0.05
    depth: int = 3
    support: float = 8.0
    most: int = 12
    relative: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1 or self.depth < 1 or self.most < 1:
            raise ValueError(f"{self}: alpha must be in (0, 1], depth and most at least 1")


class Moments(NamedTuple):
    """Columns of a leaf table that hold the number of values, their sum, and their sum of squares."""

    size: str
    total: str
    squares: str


@dataclass(frozen=True)
class Changed:
    """One segment that changed on its own, given all others that are named.

    `expected` is what the segment would have shown had it moved like the rest; `excess` is what it showed
    beyond that, in events (for means: in units of the sum), with a 95 % interval.  `p` is adjusted for
    every segment looked at.  `evidence` is the deviance gained, less twice the log of the number of rivals
    and one for each dimension; it ranks segments of all depths.  `share` is the part of all movement, up
    or down, that this segment accounts for.  `same_leaves` cover exactly the same
    rows and cannot be told apart by any data of this kind; `equally_good` differ, but explain the data as
    well, within a factor 3 of the likelihood.
    """

    where: Where
    observed: float
    expected: float
    excess: float
    excess_low: float
    excess_high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    p: float
    evidence: float
    share: float
    same_leaves: tuple[Where, ...]
    equally_good: tuple[Where, ...]


@dataclass(frozen=True)
class Localised:
    """The segments, strongest first, and what they leave: totals, common level, number of tests.

    `unexplained` is the part of observed - expected that no named segment accounts for; `level` the
    factor by which everything outside the named segments moved together.
    """

    segments: tuple[Changed, ...]
    observed: float
    expected: float
    unexplained: float
    level: float
    tested: int
