"""What all charts share: size, colours, style, and a title above the legend."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 5.6
INK, BLUE, ORANGE, BAND, SOFT = "#1f2933", "#0b5c8a", "#b8400e", "#dfe5ea", "#9fb3c1"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 12.5,
    "axes.titlesize": 13.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.grid.axis": "y",
    "grid.color": "#edf0f3",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "figure.facecolor": "white",
}

ACROSS: dict[Any, Any] = {**STYLE, "axes.grid.axis": "x"}


def axes_of(height: float) -> Axes:
    """Return empty axes as wide as the page and so many inches high."""
    return Figure(figsize=(WIDTH, height), layout="constrained").add_subplot()


def figure_of(axes: Axes) -> Figure:
    """Return the figure that the axes are in."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    return figure


def entitle(axes: Axes, title: str, columns: int) -> None:
    """Set the title over the legend, which stands in rows of `columns` above the plot."""
    handles, labels = axes.get_legend_handles_labels()
    drawn = [(h, text) for h, text in zip(handles, labels, strict=True) if not _empty(h)]
    axes.set_title(title, pad=11 + 18 * -(-len(drawn) // columns))
    axes.legend(
        *zip(*drawn, strict=True),
        loc="lower left",
        bbox_to_anchor=(-0.015, 0.985),
        ncols=columns,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.4,
        borderpad=0.2,
    )


def _empty(handle: Any) -> bool:
    return hasattr(handle, "get_xdata") and len(handle.get_xdata()) == 0
