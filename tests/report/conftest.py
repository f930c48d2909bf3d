import os
import shutil
from functools import cache

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import sync_playwright

from closeloop import findings
from closeloop.report import page, sections

from .findings_sample import SAMPLE

SECTIONS = (
    "bottom_line", "decisions", "scorecard", "patterns", "changes", "ledger", "upcoming", "quality", "glossary",
    "provenance",
)  # fmt: skip


@cache
def section(name, learned):
    """A section, drawn once for all tests."""
    return getattr(sections, name)(learned)


def written_notebook(learned):
    """A notebook as papermill leaves it, its outputs filled in without a kernel."""
    new = nbformat.v4
    cells = [new.new_markdown_cell("# Weekly report\n\nWritten from the data of *one week*.")]
    for name in SECTIONS:
        html = section(name, learned).html
        output = new.new_output("execute_result", {"text/html": html, "text/plain": "Section"}, execution_count=1)
        cells.append(new.new_code_cell(f"sections.{name}(learned)", outputs=[output]))
    return new.new_notebook(cells=cells)


@pytest.fixture(scope="session")
def page_of():
    """Render the page of findings."""
    return cache(lambda learned, title="Weekly report": page.render(written_notebook(learned), learned, title))


@pytest.fixture(scope="session")
def run_notebook(tmp_path_factory):
    """A notebook that a kernel has run, with all that must not reach a page among its outputs."""
    folder = tmp_path_factory.mktemp("run")
    findings.save(SAMPLE, folder / "findings.json")
    new = nbformat.v4
    calls = [new.new_code_cell(f"sections.{name}(learned)") for name in SECTIONS]
    tagged = [
        new.new_code_cell(source, metadata={"tags": [tag]})
        for tag, source in (
            ("parameters", "week = 'UNTOUCHED'\ncharts.sparkline(kpi.history, 'SECRET CHART')"),
            ("injected-parameters", "week = '2026-W47'\ncharts.sparkline(kpi.history, 'SECRET CHART')"),
        )
    ]
    cells = [
        new.new_markdown_cell(
            "# The notebook's own title\n\n## A question\n\nProse with a <script>alert(1)</script> "
            "![a picture](https://example.com/p.png) and [a trap](javascript:alert(1))."
        ),
        new.new_code_cell(
            "from pathlib import Path\nimport sys\nimport pandas as pd\nfrom IPython.display import HTML\n"
            "from closeloop import charts, findings\nfrom closeloop.model import Findings\n"
            "from closeloop.report import sections\n"
            "learned = findings.load(Findings, Path('findings.json'))\nkpi = learned.kpis[0]"
        ),
        *tagged,
        new.new_code_cell("print('STDOUT TEXT'); print('STDERR TEXT', file=sys.stderr)\n'PLAIN TEXT'"),
        new.new_code_cell("pd.DataFrame({'FRAME COLUMN': [1]})"),
        new.new_code_cell("HTML('<p>FOREIGN HTML</p><script>alert(1)</script>')"),
        new.new_code_cell("charts.shown(charts.ranking(learned.patterns), 'RANKING CHART')"),
        *calls,
    ]
    notebook = new.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return notebook


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("Chromium is missing, and CI must have it: apt-get install chromium")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open HTML in a tab of the given width; `tab.heard` is what the console and the network saw."""
    tabs = []

    def open_(html, width=390, scheme="light"):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        tab = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
        tab.heard = []
        tab.on("console", lambda message: tab.heard.append(message.text))
        tab.on("pageerror", lambda error: tab.heard.append(str(error)))
        tab.on("dialog", lambda dialog: (tab.heard.append(dialog.message), dialog.dismiss()))
        tab.on("request", lambda request: tab.heard.append(request.url) if request.url != path.as_uri() else None)
        tab.goto(path.as_uri())
        tabs.append(tab)
        return tab

    yield open_
    for tab in tabs:
        tab.close()
