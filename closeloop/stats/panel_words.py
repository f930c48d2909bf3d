"""The before/after result in plain sentences: what moved, how sure, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from closeloop.percent import chance, percent, signed, spread

if TYPE_CHECKING:
    from closeloop.stats.panel import BeforeAfter

FEW_BLOCKS = 8  # before the change
CLEAR = 0.05  # p value below which a check speaks up


def reasons(result: BeforeAfter) -> Iterator[str]:
    """Every sentence that belongs to the verdict, most important first."""
    yield main_sentence(result)
    yield from about_size(result)
    yield from about_lasting(result)
    yield from about_timing(result)
    yield from about_comparison(result)


def main_sentence(result: BeforeAfter) -> str:
    """Effect, interval and p in one line."""
    effect = result.effect
    return (
        f"{result.decision.capitalize()}: {spread(*effect)} against what would have been, "
        f"{chance(result.p)}, {result.blocks_before} {result.unit}s before "
        f"and {result.blocks_after} after."
    )


def about_size(result: BeforeAfter) -> Iterator[str]:
    """Whether the size matters, and what a plain comparison would have said."""
    effect, worth = result.effect, result.worth
    if max(abs(effect.low), abs(effect.high)) < worth:
        yield f"Any effect is smaller than the {percent(worth)} that would matter."
    elif result.decision == "no clear change":
        yield f"Neither shown nor ruled out: anything from {signed(effect.low)} to {signed(effect.high)}."
    if abs(result.mix) >= 0.02:
        yield f"The mix alone moved the plain figure by {signed(result.mix)}; that is taken out."
    if abs(np.log1p(max(result.naive, -0.99)) - result.log_ratio.value) > 0.05:
        yield (
            f"A plain before/after comparison would have said {signed(result.naive)}; here, what moved everybody, "
            "trends, mix and the return from a bad spell are taken out."
        )


def about_lasting(result: BeforeAfter) -> Iterator[str]:
    """Whether the effect fades or grows."""
    if result.checks is None or not result.checks.halves.turn_p < CLEAR:
        return
    found = result.checks.halves
    how = "It fades" if result.fades else "It is not the same throughout"
    yield (
        f"{how}: {spread(*np.expm1(found[:3]))} "
        f"in the second half of the time since, {chance(found.turn_p)} against the first."
    )


def about_timing(result: BeforeAfter) -> Iterator[str]:
    """Looks before the review date, and short histories."""
    if result.level < 0.049:
        yield (
            f"Who looks before the review date must see more: p below {result.level:.2g} at this look, so that all "
            "looks together cry wolf in 5 % at most."
        )
    if result.decision == "too early" and result.review_date is not None:
        yield f"The answer is due on {result.review_date.day} {result.review_date:%b %Y}."
    if result.blocks_before < FEW_BLOCKS:
        yield f"Only {result.blocks_before} {result.unit}s before: the interval leans on the comparison units."


def about_comparison(result: BeforeAfter) -> Iterator[str]:
    """What the checks found."""
    checks = result.checks
    if result.thin:
        yield f"{', '.join(result.thin)} had next to nothing to compare with, and is left out."
    if checks is None:
        return
    if checks.pretrend_p < 0.10:
        yield (
            f"It was already moving by {signed(checks.pretrend, 1)} a {result.unit} before the change "
            f"({chance(checks.pretrend_p)}), and may have gone on; the interval allows for that."
        )
    if checks.placebo_p and min(checks.placebo_p) < CLEAR / len(checks.placebo_p):
        yield "The same test finds a change at an earlier date, when nothing was changed."
    if checks.widening > 1.02:
        moved, many = sum(abs(z) > 1.96 for z in checks.control_z), len(checks.control_z)
        what = f"{moved} of {many} comparisons clearly moved too" if moved else "The comparisons moved somewhat too"
        yield f"{what}, with no change of their own: the interval is {checks.widening:.2f} times as wide for it."
    low, high = np.expm1(checks.without_one)
    if np.log1p(high) - np.log1p(low) > 0.10:
        yield f"It depends on the comparison: {signed(low)} to {signed(high)} as one or another is left out."
    if result.volume_jumps:
        yield f"Volume moved in {', '.join(result.volume_jumps)}: not a clean comparison."
