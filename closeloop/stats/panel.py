"""Did it work? One change, shipped on a date for some units, judged against its own past and the units left alone."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from closeloop.stats.panel_answer import Answer, answer_of
from closeloop.stats.panel_blocks import Blocks, Columns, read_blocks, with_pattern
from closeloop.stats.panel_checks import Checks, jumped, run_checks
from closeloop.stats.panel_levels import panel_of, telling
from closeloop.stats.panel_model import Array, Fit, fit
from closeloop.stats.panel_words import reasons
from closeloop.stats.review_plan import errors_ahead, unit_rows
from closeloop.stats.spending import look_levels

Decision = Literal["improved", "worsened", "no clear change", "too early", "not comparable"]
Better = Literal["lower", "higher"]

ALPHA = 0.05
LEVELS = (0.5, ALPHA / 2, 1 - ALPHA / 2)
FEWEST_BEFORE = 4  # blocks before the change, without which nothing is said
TYPICAL = 0.20  # sd of the log effects of changes like this one, for the shrunken size
METHOD = "panel of logs or log odds, generalised least squares, noise integrated over a grid; 95 % intervals"


class Interval(NamedTuple):
    """A value and the interval that holds the truth with 95 % confidence."""

    value: float
    low: float
    high: float


NOTHING = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Change:
    """What was changed, when, and what would count as a success."""

    shipped: pd.Timestamp
    better: Better = "lower"
    review: pd.Timestamp | None = None
    worth: float = 0.05

    def __post_init__(self) -> None:
        if self.better not in ("lower", "higher"):
            raise ValueError(f"better is {self.better!r}; it must be 'lower' or 'higher'")
        if not 0 <= self.worth < 1:
            raise ValueError(f"worth is {self.worth}; it is a relative change and must be at least 0 and below 1")
        if self.review is not None and self.review <= self.shipped:
            raise ValueError(f"review {self.review:%Y-%m-%d} must come after the ship date {self.shipped:%Y-%m-%d}")


@dataclass(frozen=True)
class BeforeAfter:
    """What a change did.  Effects are relative: -0.2 is a fifth fewer than would have been.

    `effect`, `log_ratio`, `avoided` and `p` come from one distribution: p is below .05 exactly when the intervals
    leave out no change.  `avoided` counts events (or summed value) per `per`.  `level` is what p must come below at
    this look; it is .05 unless looks before a review date have to be paid for.  `naive` is the plain change, `mix`
    the part of it that the strata explain, `shrunken` the effect to add up in a ledger of many changes, `thin` the
    controls with too few events to be compared with.
    """

    effect: Interval
    log_ratio: Interval
    p: float
    avoided: Interval
    per: str
    unit: str
    shrunken: float
    naive: float
    mix: float
    decision: Decision
    level: float
    review_date: pd.Timestamp | None
    worth: float
    blocks_before: int
    blocks_after: int
    checks: Checks | None
    volume_jumps: tuple[str, ...]
    reasons: tuple[str, ...]
    method: str = METHOD
    second_half: pd.Timestamp | None = None
    thin: tuple[str, ...] = ()

    @property
    def fades(self) -> bool:
        """Whether the effect clearly got smaller from the first half of the time after to the second."""
        found = None if self.checks is None else self.checks.halves
        return found is not None and found.turn_p < ALPHA and found.turn * self.log_ratio.value < 0

    @property
    def low(self) -> float:
        """Lower end of the relative effect."""
        return self.effect.low

    @property
    def high(self) -> float:
        """Upper end of the relative effect."""
        return self.effect.high


def before_after(  # noqa: PLR0913 - the shop window: every word a merchant needs, by name
    daily: pd.DataFrame,
    *,
    shipped: Any,
    treated: Any,
    on: str = "date",
    unit: str = "segment",
    count: str | None = None,
    value: str | None = None,
    squares: str | None = None,
    exposure: str | None = None,
    strata: str | None = None,
    controls: list[Any] | None = None,
    better: Better = "lower",
    review: Any = None,
    worth: float = 0.05,
    since: Any = None,
) -> BeforeAfter:
    """Judge one change from a long frame with one row per unit and day, week, month, quarter or year.

    A rate is `count` over `exposure`; a count has no `exposure`; a mean is the sum `value` over `exposure` values,
    with the sum of their `squares` if known.  `treated` is one unit or a list, taken together; `controls` are units
    the change left alone (default: all others; an empty list: none).  `strata` holds the mix of the exposure fixed.
    `review` is the planned review date: looks before it are paid for.  `worth` is the smallest relative effect that
    matters.  `since` is the first day of the pattern that the change is aimed at, where the time before holds other
    weeks too: the treated unit then has a level of its own from that day on, and is held against it; where no whole
    week lies before that day, all the time before is the pattern's.  Had the pattern ended by itself, that would
    count as the change's doing.  Dates are days or the first day of their period; a missing day stays missing.

    Raises ValueError when the frame cannot be read or the units contradict each other.
    """
    columns = Columns(on, unit, count, value, squares, exposure, strata)
    end = None if review is None else pd.Timestamp(str(review))
    change = Change(pd.Timestamp(str(shipped)), better, end, worth)
    blocks = read_blocks(daily, columns, change.shipped, unit_rows(daily, unit, treated, controls))
    blocks = with_pattern(blocks, None if since is None else pd.Timestamp(str(since)))
    before, after = int((~blocks.after).sum()), int(blocks.after.sum())
    seen = (blocks.exposure[0] > 0) & ~blocks.after
    if seen.sum() < FEWEST_BEFORE or not ((blocks.exposure[0] > 0) & blocks.after).any():
        return unanswered(blocks, change, before, after)
    return judged(blocks, columns, change)


def unanswered(blocks: Blocks, change: Change, before: int, after: int) -> BeforeAfter:
    """The result when there is too little to say anything."""
    short = before < FEWEST_BEFORE
    decision: Decision = "not comparable" if short else "too early"
    reason = (
        f"Only {before} whole {blocks.word}s before the change; at least {FEWEST_BEFORE} are needed."
        if short
        else f"No whole {blocks.word} has passed since {change.shipped.day} {change.shipped:%b %Y}."
    )
    return BeforeAfter(
        effect=NOTHING,
        log_ratio=NOTHING,
        p=np.nan,
        avoided=NOTHING,
        per=blocks.period,
        unit=blocks.word,
        shrunken=np.nan,
        naive=np.nan,
        mix=np.nan,
        decision=decision,
        level=ALPHA,
        review_date=change.review,
        worth=change.worth,
        blocks_before=before,
        blocks_after=after,
        checks=None,
        volume_jumps=(),
        reasons=(reason,),
    )


def judged(blocks: Blocks, columns: Columns, change: Change) -> BeforeAfter:
    """Put numbers, checks and decision together."""
    blocks, thin = telling(blocks, columns)
    found = fit(panel_of(blocks, columns))
    checks = run_checks(found)
    answer = answer_of(blocks, columns, found).widened(checks.widening)
    effect = Interval(*(answer.relative(answer.shift(q)) for q in LEVELS))
    p, level = answer.p_value(), level_of_look(blocks, change, found)
    early = change.review is not None and blocks.end < change.review
    decision = decide(effect.value, p < level, early, change.better)
    seen = blocks.exposure[0] > 0
    result = BeforeAfter(
        effect=effect,
        log_ratio=Interval(*np.log1p(effect).tolist()),
        p=p,
        avoided=Interval(*(answer.avoided(q) for q in LEVELS)),
        per="week" if blocks.period.endswith("days") else blocks.period,
        unit=blocks.word,
        shrunken=shrunken(answer),
        naive=change_of_mean(blocks.total[0], blocks.exposure[0], blocks),
        mix=change_of_mean(blocks.expected[0], blocks.exposure[0], blocks),
        decision=decision,
        level=level,
        review_date=change.review,
        worth=change.worth,
        blocks_before=int((~blocks.after & seen).sum()),
        blocks_after=int((blocks.after & seen).sum()),
        checks=checks,
        volume_jumps=jumped(blocks.exposure, blocks.after, blocks.controls),
        reasons=(),
        second_half=blocks.starts[blocks.after][int(blocks.after.sum()) // 2],
        thin=thin,
    )
    return replace(result, reasons=tuple(reasons(result)))


def decide(effect: float, significant: bool, early: bool, better: Better) -> Decision:
    """The verdict: a clear result may come early, an unclear one waits for the review date."""
    if not significant:
        return "too early" if early else "no clear change"
    return "improved" if (effect < 0) == (better == "lower") else "worsened"


def level_of_look(blocks: Blocks, change: Change, found: Fit) -> float:
    """What p must come below now, if every block up to the review date is looked at.

    Most information is in after few blocks, for the blocks before limit it: spending by it alone would leave little
    for the review.  So alpha is spent by the mean of information and time.
    """
    if change.review is None:
        return ALPHA
    length = (blocks.end - blocks.starts[-1]).days
    looks = max(1, (change.review - change.shipped).days // length)
    error = errors_ahead(found, looks)
    information = np.maximum.accumulate(error[-1] ** 2 / error**2).clip(max=1.0)
    have = min(int(blocks.after.sum()), looks)
    clock = (information + np.arange(1, looks + 1) / looks) / 2
    return float(look_levels(information, ALPHA, clock)[have - 1])


def shrunken(answer: Answer) -> float:
    """Relative effect drawn towards none, since clear results are the lucky ones (Gelman and Carlin 2014)."""
    shift = answer.shift(0.5)
    variance = float(answer.weight @ (answer.sd**2 + (answer.mean - shift) ** 2))
    return answer.relative(shift * TYPICAL**2 / (TYPICAL**2 + variance))


def change_of_mean(total: Array, exposure: Array, blocks: Blocks) -> float:
    """Relative change of total over exposure from before to after."""
    after = blocks.after
    return float(total[after].sum() / exposure[after].sum() / (total[~after].sum() / exposure[~after].sum()) - 1)
