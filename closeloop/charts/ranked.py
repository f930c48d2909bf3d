"""Patterns beside each other, by what they cost."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from closeloop import words
from closeloop.charts.drawing import ACROSS, ORANGE, SOFT, WIDTH
from closeloop.model import Pattern
from closeloop.pictures import Drawing


def ranking(patterns: Sequence[Pattern]) -> Drawing:
    """Draw the excess a week of each pattern with its interval, one panel for each unit.

    Raises ValueError when there is no pattern to draw.
    """
    if not patterns:
        raise ValueError("ranking: no patterns were given; say in words that nothing stands out")
    units = sorted({p.unit for p in patterns}, key=lambda unit: (-sum(p.unit == unit for p in patterns), unit))
    groups = [sorted((p for p in patterns if p.unit == u), key=lambda p: -p.excess.value) for u in units]
    with mpl.rc_context(ACROSS):
        figure = Figure(figsize=(WIDTH, 0.3 + sum(0.85 + 0.55 * len(group) for group in groups)))
        panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[1.2 + len(group) for group in groups])
        for axes, group in zip(panels[:, 0], groups, strict=True):
            _excess_panel(axes, group)
        figure.tight_layout(pad=0.4, h_pad=1.0)
    rows = tuple((p.id, str(p.slice), words.excess(p.excess, p.unit)) for group in groups for p in group)
    return Drawing(figure, ("Pattern", "Where", "Excess"), rows)


def _excess_panel(axes: Axes, group: Sequence[Pattern]) -> None:
    frame = pd.DataFrame({"name": [p.id for p in group], "excess": [p.excess.value for p in group]})
    sns.pointplot(frame, x="excess", y="name", color=ORANGE, linestyle="none", markers="D", ax=axes)
    for row, pattern in enumerate(group):
        axes.plot([pattern.excess.low, pattern.excess.high], [row, row], color=ORANGE, lw=2)
        place = words.shortened(str(pattern.slice), 52)
        axes.annotate(place, (0, row), (4, 9), textcoords="offset points", fontsize=10.5, va="bottom")
    axes.axvline(0, color=SOFT, lw=1)
    axes.set(
        title=words.shortened(f"Excess {group[0].unit} a week", 48),
        xlabel="",
        ylabel="",
        ylim=(len(group) - 0.5, -0.75),
    )
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: words.number(value))
