"""One picture: what the planted problems cost each week, with each way of working."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")
from matplotlib.figure import Figure

COLOURS = {"reacting only": "#8a8a8a", "naive tests": "#b8651b", "closeloop": "#1f5fa8"}

LINE = 0.06
"""The height of a label, of the picture's: two that end alike stand one above the other."""


def draw(records: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the cases of planted problems a week, the mean of all merchants, as a small SVG."""
    mpl.rcParams.update({"svg.hashsalt": "closeloop", "svg.fonttype": "none", "font.size": 10})
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = figure.subplots()
    weeks = len(records[0]["ways"]["closeloop"]["harm"])
    ends = dict[str, float]()
    for name, colour in COLOURS.items():
        mean = np.mean([record["ways"][name]["harm"] for record in records], axis=0)
        smooth = np.convolve(mean, np.ones(3) / 3, mode="valid")
        axes.plot(np.arange(2, weeks), smooth, color=colour, lw=2)
        ends[name] = float(smooth[-1])
    axes.set(xlabel="week", ylabel="cases a week", ylim=(0, None), xlim=(1, weeks + 8))
    at = -np.inf
    for name in sorted(ends, key=lambda one: ends[one]):
        at = max(ends[name], at + LINE * axes.get_ylim()[1])
        axes.annotate(name, (weeks - 0.7, at), color=COLOURS[name], va="center")
    axes.set_title(f"Cases that planted problems cause, mean of {len(records)} merchants (three weeks)", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})
