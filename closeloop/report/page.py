"""The page: an executed notebook and its findings become one HTML file that needs nothing else."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any, cast

import mistune
import nbformat
from markupsafe import Markup, escape
from nbconvert.exporters.templateexporter import TemplateExporter
from nbformat import NotebookNode
from traitlets.config import Config

from closeloop import words
from closeloop.model import Findings
from closeloop.report.wording import TEMPLATES

OURS = re.compile(r'<(section|figure) class="closeloop[ "]')
HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
HIDDEN_TAGS = {"parameters", "injected-parameters", "analyst"}


def render(notebook: Path | str | NotebookNode, findings: Findings, title: str = "") -> str:
    """Make the page from an executed notebook: its prose, its sections and its figures; no code.

    Without a `title` the page is the weekly report of the findings' week.
    Raises ValueError when a cell of the notebook failed: half a report is worse than last week's.
    """
    node = notebook if isinstance(notebook, NotebookNode) else _read(Path(notebook))
    _refuse_failed_cells(node)
    exporter = TemplateExporter(
        template_name=TEMPLATES.name,
        extra_template_basedirs=[str(TEMPLATES.parent)],
        filters={"prose": prose, "ours": ours, "anchors": anchors, "day": words.day, "moment": words.moment},
        config=Config(TagRemovePreprocessor={"enabled": True, "remove_cell_tags": HIDDEN_TAGS}),
    )
    exporter.file_extension = ".html"
    heading = " ".join(title.split()) or f"Weekly report {findings.iso_week}"
    page, _ = exporter.from_notebook_node(node, {"findings": findings, "title": heading})
    return page


def prose(text: str) -> Markup:
    """Markdown as HTML: raw HTML is shown as text, no picture is fetched, the title of the page is enough."""
    return Markup(cast(str, _markdown(text)))


def ours(html: str | list[str]) -> Markup:
    """Let a section or a figure of closeloop through; of any other HTML nothing is left."""
    text = "".join(html)
    return Markup(text) if OURS.match(text) else Markup("")


def anchors(body: str) -> list[tuple[str, str]]:
    """Return the anchor and text of each second-level heading, for the list of contents."""
    return [(name, unescape(re.sub(r"<[^>]+>", "", text))) for name, text in HEADING.findall(body)]


class _Prose(mistune.HTMLRenderer):
    """A heading of the first level is left out, since the page has its title; pictures become their text."""

    def heading(self, text: str, level: int, **_: Any) -> str:
        return f"<h{level}>{text}</h{level}>\n" if level > 1 else ""

    def image(self, text: str, url: str, title: str | None = None) -> str:  # noqa: ARG002
        return str(escape(text))


_markdown = mistune.create_markdown(renderer=_Prose(escape=True), plugins=["table", "strikethrough"])


def _read(path: Path) -> NotebookNode:
    return cast(NotebookNode, nbformat.read(path, as_version=4))


def _refuse_failed_cells(node: NotebookNode) -> None:
    for number, cell in enumerate(node.cells, start=1):
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                raise ValueError(
                    f"cell {number} of the notebook failed with {output.ename}: {output.evalue};"
                    " mend it and run the notebook again, no page is made from a failed run"
                )
