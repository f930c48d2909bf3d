"""Answers as HTML: a plain table that any reader can show, and sorting and searching where it is long."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import itables
from itables.javascript import generate_init_offline_itables_html
from markupsafe import Markup

from closeloop.workbench import shell

LONG = 15
"""Rows from which a table can be sorted and searched."""

MOST_ROWS = 500
"""Rows that a notebook keeps; the frame has all."""

SPARK_WIDTH, SPARK_HEIGHT = 96, 20


@dataclass(frozen=True)
class Column:
    """One column: its heading, its cells as texts, what it is sorted by, and whether bars tell the sizes."""

    label: str
    texts: Sequence[str]
    keys: Sequence[float | str] | None
    bar: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the cells are numbers, which stand on the right."""
        return self.keys is not None and any(isinstance(key, float) for key in self.keys)


@dataclass(frozen=True)
class Table:
    """What a table shows of `rows` rows: its columns, and a small line for each row, if any.

    A `whole` one is read from top to bottom: it is not cut into pages.
    """

    name: str
    columns: Sequence[Column]
    sparks: Sequence[Sequence[float]]
    spark_label: str
    rows: int
    whole: bool = False


def section(question: str, says: str, table: Table, then: Sequence[str]) -> str:
    """Return an answer as a piece of a notebook: question, sentence, table, and what can be asked next."""
    calls = Markup(" ").join(Markup("<code>{}</code>").format(call) for call in then)
    parts = [
        Markup('<section class="closeloop answer mathjax_ignore"><style>{}</style>').format(Markup(style())),
        Markup('<p class="question">{}</p><p class="says">{}</p>').format(question, says),
        _table(table) if table.rows else Markup(""),
        Markup('<p class="then">Go on with {}</p>').format(calls) if then else Markup(""),
        Markup("</section>"),
    ]
    return str(Markup("").join(parts))


@cache
def style() -> str:
    """Return the style sheet of answers."""
    return (resources.files("closeloop.workbench") / "answer.css").read_text(encoding="utf-8")


def _table(table: Table) -> Markup:
    shown = min(table.rows, MOST_ROWS)
    sparked = [Markup('<th scope="col">{}</th>').format(table.spark_label)] if table.sparks else []
    head = Markup("").join([*map(_head, table.columns), *sparked])
    widths = [_widths(column) if column.bar else None for column in table.columns]
    body = Markup("").join(_row(table, widths, row) for row in range(shown))
    long = table.rows > LONG and not table.whole
    parts = [
        Markup('<div class="scroll" role="region" tabindex="0" aria-label="{}">').format(table.name),
        Markup('<table class="{}">').format("closeloop-long" if long else ""),
        Markup("<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>").format(head, body),
        _cut(table.rows) if table.rows > MOST_ROWS else Markup(""),
        _sortable() if long else Markup(""),
    ]
    return Markup("").join(parts)


def _head(column: Column) -> Markup:
    return Markup('<th scope="col"{}>{}</th>').format(_kind(column), column.label)


def _row(table: Table, widths: Sequence[Sequence[float] | None], row: int) -> Markup:
    cells = [
        _cell(column, bars, row, row_head=i == 0)
        for i, (column, bars) in enumerate(zip(table.columns, widths, strict=True))
    ]
    drawn = [Markup("<td>{}</td>").format(_spark(table.sparks[row]))] if table.sparks else []
    return Markup("<tr>{}</tr>").format(Markup("").join([*cells, *drawn]))


def _cell(column: Column, bars: Sequence[float] | None, row: int, *, row_head: bool) -> Markup:
    key = Markup(' data-order="{}"').format(column.keys[row]) if column.keys else Markup("")
    bar = Markup(' style="--bar:{}%"').format(round(bars[row], 1)) if bars else Markup("")
    tag = Markup('th scope="row"') if row_head else Markup("td")
    opened = Markup("<{}{}{}{}>").format(tag, _kind(column), key, bar)
    return opened + Markup("{}</{}>").format(column.texts[row], tag[:2])


def _kind(column: Column) -> Markup:
    if column.is_number:
        return Markup(' class="number"')
    return Markup(' class="when"') if column.keys else Markup("")


def _widths(column: Column) -> list[float]:
    """Return how far the bar of each cell reaches, in percent of the longest; below zero there is none."""
    values = [key if isinstance(key, float) and math.isfinite(key) else 0.0 for key in column.keys or ()]
    most = max(values, default=0.0)
    return [100 * max(0.0, value) / most if most > 0 else 0.0 for value in values]


def _spark(values: Sequence[float]) -> Markup:
    """Draw a small line; gaps stay gaps, and the last value is a dot."""
    known = [(i, v) for i, v in enumerate(values) if math.isfinite(v)]
    if len(known) < 2:
        return Markup("")
    low, high = min(v for _, v in known), max(v for _, v in known)
    step, room = (SPARK_WIDTH - 6) / max(1, len(values) - 1), SPARK_HEIGHT - 6
    places = [(3 + i * step, 3 + room * (1 - (v - low) / ((high - low) or 1))) for i, v in known]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return Markup(
        '<svg class="spark" width="{}" height="{}" viewBox="0 0 {} {}" aria-hidden="true">'
        '<polyline points="{}"/><circle cx="{:.1f}" cy="{:.1f}" r="2.5"/></svg>'
    ).format(SPARK_WIDTH, SPARK_HEIGHT, SPARK_WIDTH, SPARK_HEIGHT, line, *places[-1])


def _cut(rows: int) -> Markup:
    return Markup('<p class="then">The first {:,} of {:,} rows; <code>.frame</code> has them all.</p>').format(
        MOST_ROWS, rows
    )


def _sortable() -> Markup:
    """Lay DataTables over the table: without scripts it stays a plain one. The library is sent once a notebook."""
    library = Markup(_library()) if shell.first_here("tables") else Markup("")
    return library + Markup(
        (resources.files("closeloop.workbench") / "sortable.html")
        .read_text(encoding="utf-8")
        .replace("VERSION", itables.__version__.replace(".", "_"))
        .replace("READY", f"itables-{itables.__version__}-ready")
    )


@cache
def _library() -> str:
    bundle = resources.files("itables") / "html" / "dt_bundle.js"
    html = generate_init_offline_itables_html(str(bundle))
    return html[: html.rindex("</script>") + len("</script>")]
