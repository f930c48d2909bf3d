"""The explorer: a view of the week by metric, slice, split and period, for those who code and those who do not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from closeloop.explorer.opened import Opened
    from closeloop.explorer.view import View
    from closeloop.explorer.widget import Explorer, LogForm


class Explorable:
    """What an opened week offers to look around in it; `Loop` is one."""

    def view(self, metric: str, where: str = "everything", by: str = "", start: str = "", end: str = "") -> View:
        """Show a metric in a slice, split by a dimension, over the weeks from `start` to `end`.

        The period is held against the eight weeks before it; without `start` it is the last four final weeks.
        Raises ValueError when the data has no such metric, slice or week, and says what it has.
        """
        from closeloop.explorer import view as views  # noqa: PLC0415  (only who looks around waits for the charts)
        from closeloop.metrics import by_id  # noqa: PLC0415
        from closeloop.model import Slice  # noqa: PLC0415

        opened = cast("Opened", self)
        cube = views.holding(opened, opened.cube, by_id(metric))
        first = views.latest(cube, metric)
        asked = views.State(metric, Slice.parse(where), by, first.start, first.end)
        return views.measure(opened, cube, asked.brushed(_day(start) or first.start, _day(end) or first.end))

    def explore(self, what: str = "") -> Explorer:
        """Open the explorer on a pattern such as `PDFC0`, a change, a metric, or the week's first pattern."""
        from closeloop.explorer.widget import Explorer  # noqa: PLC0415

        return Explorer(cast("Opened", self), what)

    def log_form(self, pattern: str = "") -> LogForm:
        """Open the improvement log to add, amend and close changes; a pattern drafts one."""
        from closeloop.explorer.widget import LogForm  # noqa: PLC0415

        return LogForm(cast("Opened", self), pattern)


def _day(text: str) -> date | None:
    """Return the Monday of the week of a day."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a day; write it as 2026-10-05") from error
    return day - timedelta(days=day.weekday())
