"""Drawings as people get them: inline SVG with a text alternative on pages, a small PNG in mail."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from PIL import Image

PNG_COLOURS = 32
STROKES = 'stroke-linejoin="round" stroke-linecap="butt"'
NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure and the numbers behind it, as a table of texts."""

    figure: Figure
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Shown:
    """A drawing as HTML: `svg` alone, or, as a notebook shows it, a figure with its data table."""

    alt: str
    svg: Markup
    table: Markup

    def __html__(self) -> str:
        return f'<figure class="closeloop">{self.svg}{self.table}</figure>'

    def __repr__(self) -> str:
        return self.alt

    def _repr_html_(self) -> str:
        return self.__html__().replace('"closeloop"', '"closeloop mathjax_ignore"', 1)  # $5 to $9 is no formula


def shown(drawing: Drawing | Figure, alt: str) -> Shown:
    """Make a drawing fit for a page; `alt` states in words what it shows.

    Raises ValueError when `alt` is empty, for then a reader who cannot see the chart gets nothing.
    """
    if not alt.strip():
        raise ValueError("shown: alt is empty; say in one sentence what the chart shows")
    drawn = drawing if isinstance(drawing, Drawing) else Drawing(drawing)
    return Shown(alt, _svg(drawn.figure, alt), _table(drawn, alt))


def png(drawing: Drawing | Figure, width_px: int, scale: int = 2) -> bytes:
    """Draw as a PNG to be shown `width_px` wide, with `scale` times the pixels and few colours."""
    figure = drawing.figure if isinstance(drawing, Drawing) else drawing
    raw, small = io.BytesIO(), io.BytesIO()
    resolution = width_px * scale / float(figure.get_size_inches()[0])
    figure.savefig(raw, format="png", dpi=resolution, facecolor="white", metadata={"Software": None})
    picture = Image.open(raw).convert("RGB").quantize(PNG_COLOURS, dither=Image.Dither.NONE)
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def _svg(figure: Figure, alt: str) -> Markup:
    text = io.StringIO()
    salt = hashlib.sha256(alt.encode()).hexdigest()
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata=NO_METADATA)
    return Markup(
        _lean(text.getvalue()).replace("<svg ", f'<svg {STROKES} role="img" aria-label="{escape(alt)}" ', 1)
    )


def _lean(svg: str) -> str:
    """Leave out what only files need: prolog, metadata, comments, and in tags what `_lean_tag` names."""
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _lean_tag(tag.group()), svg)
    return re.sub(r">\s*\n\s*<", "><", svg).strip()


def _lean_tag(tag: str) -> str:
    """Leave out name spaces, names of groups, fixed sizes, the font (the page's is used) and far decimals."""
    tag = re.sub(r' xmlns(:xlink)?="[^"]*"| version="1.1"|(?<=<g) id="[^"]*"', "", tag)
    tag = re.sub(r' transform="rotate\(-0 [^"]*"|font-family: [^;"]*; ', "", tag)
    tag = re.sub(r'(?<=<svg )width="[^"]*" height="[^"]*" |(?<= )xlink:(?=href)', "", tag)
    tag = re.sub(r"(?<=\d)\.(\d)\d+", r".\1", tag)
    return re.sub(r"\s+", " ", tag)


def _table(drawing: Drawing, alt: str) -> Markup:
    if not drawing.rows:
        return Markup("")
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in drawing.columns)
    body = Markup("").join(_row(row) for row in drawing.rows)
    return Markup(
        '<details class="data"><summary>Data behind this chart</summary>'
        '<div class="scroll" role="region" tabindex="0" aria-label="Data: {}">'
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>"
    ).format(alt, head, body)


def _row(cells: tuple[str, ...]) -> Markup:
    rest = Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells[1:])
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(cells[0], rest)
