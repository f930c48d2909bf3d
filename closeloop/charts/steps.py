"""Where the hours go: each step from order to delivery, before and since."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from closeloop import words
from closeloop.charts.drawing import ACROSS, BLUE, SOFT, axes_of, entitle, figure_of
from closeloop.model import Stage
from closeloop.pictures import Drawing

STAGE_COLUMNS = ("Step", "Before", "Since", "Elsewhere before", "Elsewhere since", "Added beyond elsewhere")


def milestone_split(stages: Sequence[Stage]) -> Drawing:
    """Draw the mean hours of each step in the slice, before and since, with the hours added beyond elsewhere.

    Raises ValueError when there is no step to draw.
    """
    if not stages:
        raise ValueError("milestone_split: no stages were given; a cause without stages has no such chart")
    frame = pd.DataFrame(
        [(str(row), when, hours) for row, s in enumerate(stages) for when, hours in _hours(s)],
        columns=["stage", "when", "hours"],
    )
    with mpl.rc_context(ACROSS):
        axes = axes_of(0.95 + 0.62 * len(stages))
        palette = {"before": SOFT, "since": BLUE}
        sns.barplot(frame, x="hours", y="stage", hue="when", palette=palette, errorbar=None, ax=axes)
        _stage_labels(axes, stages)
        axes.set(ylabel="")
        axes.set_xlabel("hours (+ or −: added beyond elsewhere)", loc="left", fontsize=11)
        axes.tick_params(axis="y", length=0)
        axes.set_yticks(range(len(stages)), [_step_name(stage) for stage in stages])
        entitle(axes, "Mean hours in each step", columns=2)
    return Drawing(figure_of(axes), STAGE_COLUMNS, tuple(_stage_row(stage) for stage in stages))


def _step_name(stage: Stage) -> str:
    return textwrap.fill(words.shortened(stage.name, 34), 17)


def _hours(stage: Stage) -> tuple[tuple[str, float], ...]:
    return (("before", stage.before), ("since", stage.since))


def _stage_labels(axes: Axes, stages: Sequence[Stage]) -> None:
    longest = max(max(stage.before, stage.since) for stage in stages) or 1.0
    largest = max(stage.excess for stage in stages)
    for row, stage in enumerate(stages):
        text = f"{'+' if stage.excess > 0 else ''}{words.number(stage.excess, 1)}{words.SPACE}h"
        weight = "bold" if stage.excess == largest > 0 else "normal"
        place = max(stage.before, stage.since) + 0.02 * longest
        axes.text(place, row, text, va="center", fontsize=11, fontweight=weight)
    axes.set_xlim(0, longest * 1.3)


def _stage_row(stage: Stage) -> tuple[str, ...]:
    hours = (stage.before, stage.since, stage.elsewhere_before, stage.elsewhere_since, stage.excess)
    return (stage.name, *(words.measured(value, "hours") for value in hours))
