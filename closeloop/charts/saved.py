"""The chart of the ledger: what all changes together have saved, week by week."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MonthLocator, WeekdayLocator
from matplotlib.figure import Figure

from closeloop import words
from closeloop.charts.drawing import BLUE, SOFT, STYLE, WIDTH
from closeloop.model import Saving
from closeloop.pictures import Drawing

HEIGHT = 2.4


def saved(saving: Saving) -> Drawing:
    """Draw what had been saved by the end of each week, with its 95 % interval.

    Raises ValueError when nothing has been saved in any week yet.
    """
    if not saving.history:
        raise ValueError(f"saved: the changes of {saving.metric} have no final week yet; leave the chart out")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        _draw(figure.add_subplot(), saving)
    rows = ((words.day(p.week), *(words.number(v) for v in (p.value, p.low, p.high))) for p in saving.history)
    return Drawing(figure, ("Week of", "Saved so far", "At least", "At most"), tuple(rows))


def _draw(axes: Axes, saving: Saving) -> None:
    weeks = [p.week for p in saving.history]
    axes.fill_between(weeks, [p.low for p in saving.history], [p.high for p in saving.history], color=SOFT, alpha=0.5)  # pyright: ignore[reportArgumentType]
    axes.plot(weeks, [p.value for p in saving.history], color=BLUE, marker="o")  # pyright: ignore[reportArgumentType]
    axes.axhline(0, color=SOFT, linewidth=1)
    long = len(weeks) > 9
    axes.xaxis.set_major_locator(MonthLocator() if long else WeekdayLocator(byweekday=0, interval=2))
    axes.xaxis.set_major_formatter(DateFormatter("%b %Y" if long else "%d %b"))
    axes.set_title(words.shortened(f"{words.label(saving.metric)}: saved so far", 44))


def saved_alt(saving: Saving) -> str:
    """Say in words what the chart shows."""
    total = words.avoided(saving.so_far, saving.unit)
    return f"{words.label(saving.metric)}, saved so far, week by week: {total} by the last week."
