import os
import shutil
from dataclasses import replace
from functools import cache

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import sync_playwright

from closeloop import findings
from closeloop.report import archive, manifest, page, publish, run, sections

from . import weekly_sample
from .findings_sample import SAMPLE
from .mailbox import Mailbox, serving
from .unattended_runs import placed
from .weekly_sample import WEEK

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


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory):
    return weekly_sample.data(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    return weekly_sample.report(tmp_path_factory.getbasetemp())


@pytest.fixture
def box():
    return Mailbox()


@pytest.fixture
def port(box):
    with serving(box) as server:
        yield server.port


@pytest.fixture
def reports(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder


@pytest.fixture
def maker(monkeypatch, report):
    """A run that costs nothing: it publishes a copy of the report, and notes which week it was asked for."""
    asked = []

    def weekly(request, say, made_from=None):
        say("notebook 1 of 1: a copy")
        asked.append(request.week)
        draft = placed(report, request.reports, f".{request.week}.part")
        findings.save(replace(manifest.read(draft), week=request.week), draft / manifest.FILE)
        made = publish.publish(draft, request.reports / request.week)
        archive.write(request.reports)
        return made

    monkeypatch.setattr(run, "weekly", weekly)
    return asked


@pytest.fixture
def newest(monkeypatch, report):
    """Say which week is the newest complete one, without reading any data."""

    def be(week):
        made = manifest.read(report)
        monkeypatch.setattr(run, "origin", lambda request: replace(made, week=request.week or week, files=()))

    be(WEEK)
    return be
