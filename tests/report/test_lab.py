"""A reader's way in a real browser: from the start page of `closeloop lab` to a logged change, and in Voila."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from closeloop import changes, findings, project, segments
from closeloop.loop import Loop
from closeloop.report import explore, manifest

from .mailbox import free_port

pytestmark = pytest.mark.browser

ROOT = project.root()
SOURCE = "params/sources/demo"
TOKEN = "a-token-of-this-test"
PATIENCE_MS = 180_000
PLACES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
VIEW = ".closeloop-explorer"


@pytest.fixture(scope="module")
def home(demo: Loop, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, with last week's report in it."""
    folder = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "params", folder / "params")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("mine", ".*"))
    (folder / ".closeloop").symlink_to(cache)
    report = folder / "reports" / "2026-W47"
    report.mkdir(parents=True)
    findings.save(demo.findings, report / "findings.json")
    (report / "page.html").write_text("<h1>The report</h1>", encoding="utf-8")
    manifest.seal(manifest.describe(demo, SOURCE, str(demo.source.folder)), report)
    opened = f'open_week("{SOURCE}", "2026-W47", {json.dumps(str(demo.source.folder))})'
    code = f"from closeloop.workbench import open_week\n{opened}.explore('slow_transit')"
    cells = [nbformat.v4.new_code_cell(code)]
    look = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": explore.KERNEL})
    explore.write(folder / "notebooks" / "mine" / "look.ipynb", look)
    return folder


@pytest.fixture(scope="module")
def server(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`closeloop lab` on that checkout: the address of the server."""
    own = tmp_path_factory.mktemp("jupyter")
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "closeloop.cli", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.allow_root=True", f"--IdentityProvider.token={TOKEN}"]
    with (own / "log.txt").open("w") as log:
        env = {**os.environ, **{name: str(own / name.lower()) for name in PLACES}}
        running = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
        try:
            _wait_for(f"{address}/api/status?token={TOKEN}", running, own / "log.txt")
            yield address
        finally:
            running.terminate()
            running.wait(30)


def _wait_for(address: str, running: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert running.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(log.read_text(encoding="utf-8"))


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A tab 1280 wide that hears every error, and every question to another machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    made = context.new_page()
    made.set_default_timeout(PATIENCE_MS)
    made.heard = []
    made.on("console", lambda message: made.heard.append(message.text) if message.type == "error" else None)
    made.on("pageerror", lambda error: made.heard.append(str(error)))
    made.on("request", lambda one: made.heard.append(one.url) if _is_outside(one.url) else None)
    yield made
    context.close()


def _is_outside(address: str) -> bool:
    return address.startswith(("http", "ws")) and not address.split("://", 1)[1].startswith("127.0.0.1:")


def pressed(tab: Any, selector: str) -> None:
    """Go to a control with Tab, as a reader without a mouse does, and press it."""
    for _ in range(60):
        if tab.evaluate("s => document.activeElement.matches(s)", selector):
            break
        tab.keyboard.press("Tab")
    else:
        pytest.fail(f"no way to {selector} with the keyboard")
    tab.keyboard.press("Enter")


def shot(tab: Any, name: str) -> None:
    """Keep a picture to be looked at, where CLOSELOOP_SHOTS names a folder."""
    if folder := os.environ.get("CLOSELOOP_SHOTS"):
        tab.screenshot(path=str(Path(folder) / f"{name}.png"))


def opened_and_run(tab: Any, server: str, pattern: str) -> Any:
    """Follow the start page's link to a pattern's notebook, run all of it, and return its panel."""
    tab.goto(f"{server}/?token={TOKEN}")
    tab.locator('.jp-RenderedMarkdown h2:has-text("What stands out")').wait_for()
    shot(tab, "1-start")
    tab.locator(f'a:text-is("{pattern}")').click()
    own = tab.locator(f'.jp-NotebookPanel:has-text("Pattern {pattern}")')
    own.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached")
    tab.wait_for_selector('text="Python 3 (ipykernel) | Idle"')  # of the notebook in front
    own.locator("h1").first.click()
    tab.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    tab.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    own.locator(VIEW).first.locator("figure svg").first.wait_for()
    own.locator(VIEW).nth(1).locator("form").wait_for()
    own.locator(VIEW).first.scroll_into_view_if_needed()
    shot(tab, "2-explore")
    return own


def narrowed(tab: Any, view: Any) -> None:
    """Give up the region, split by it, and press the worst one: all with the keyboard but for the list."""
    view.locator("select[data-do=metric]").focus()
    pressed(tab, f"{VIEW} button[data-do=widen][data-dim=region]")
    view.locator("button[data-dim=region]").wait_for(state="detached")
    view.locator("select[data-do=split]").select_option("region")
    view.locator("section.parts").wait_for()
    pressed(tab, f'{VIEW} button[data-value="West South Central"]')
    view.locator('button[data-do=widen]:has-text("West South Central")').wait_for()
    assert view.locator("h3").inner_text() == "Slow transit, FedEx Ground into West South Central"


def brushed(tab: Any, view: Any) -> None:
    """Drag over three weeks of the chart."""
    weeks = view.locator("[data-week]")
    weeks.nth(30).scroll_into_view_if_needed()
    first, last = weeks.nth(30).bounding_box(), weeks.nth(32).bounding_box()
    tab.mouse.move(first["x"] + 3, first["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(last["x"] + 3, last["y"] + 20, steps=4)
    tab.mouse.up()
    start = weeks.nth(30).get_attribute("data-week")
    view.locator(f"select[data-name=start] option[value='{start}'][selected]").wait_for(state="attached")
    assert view.locator("i.chosen").count() == 3


def filtered_and_copied(tab: Any, view: Any, home: Path) -> None:
    """Save the view as a filter, with a name whose letters are commands to a notebook, and ask for its code."""
    pressed(tab, f"{VIEW} button[data-value=filter]")
    view.locator("input[name=name]").focus()
    tab.keyboard.type("add_dd_slow")
    tab.keyboard.press("Enter")
    view.locator("text=now stands wherever a slice does").wait_for()
    saved = {one.name: one.sql for one in segments.read(home / "params" / "segments")}
    assert "'West South Central'" in saved["add_dd_slow"]
    pressed(tab, f"{VIEW} button[data-value=code]")
    code = view.locator("pre code").inner_text()
    assert 'loop.view("slow_transit", "region = West South Central & service = FedEx Ground"' in code
    shot(tab, "3-split-and-code")


def logged(tab: Any, form: Any) -> None:
    """Send the form with too little in it, then with enough."""
    form.scroll_into_view_if_needed()
    form.locator("button[type=submit]").click()
    form.locator("[aria-invalid]").first.wait_for()
    assert form.locator("#fault-owner").inner_text() == "is empty; every change needs it"
    shot(tab, "4-form-with-faults")
    given = {
        "owner": "ann", "shipped_on": "2026-12-21", "review_date": "2027-03-01", "comparison": "state",
        "scope": "service = FedEx Ground & region = West South Central & state = TX",
    }  # fmt: skip
    for name, text in given.items():
        form.locator(f"[name={name}]").fill(text)
    form.locator("button[type=submit]").click()
    form.locator("text=is in the log").wait_for()
    shot(tab, "5-logged")


def test_from_the_start_page_to_a_logged_change(server: str, tab: Any, home: Path, demo: Loop) -> None:
    pattern = next(p for p in demo.patterns.patterns if p.metric == "slow_transit")
    own = opened_and_run(tab, server, pattern.id)
    cells, view, form = own.locator(".jp-Cell").count(), own.locator(VIEW).first, own.locator(VIEW).nth(1)
    narrowed(tab, view)
    brushed(tab, view)
    filtered_and_copied(tab, view, home)
    assert own.locator(".jp-Cell").count() == cells
    assert form.locator("textarea[name=pattern]").input_value() == pattern.id
    logged(tab, form)
    change = changes.read(home / SOURCE / "improvement_log.csv")[-1]
    assert (change.owner, change.pattern) == ("ann", pattern.id)
    broken = Axe().run(tab, context=VIEW).response["violations"]
    assert not [(one["id"], node["html"][:120]) for one in broken for node in one["nodes"]]
    assert tab.heard == []


def test_the_explorer_works_in_voila_without_a_network(server: str, tab: Any) -> None:
    tab.context.route(_is_outside, lambda route: route.abort())  # Voila's own page asks for icons and for MathJax
    tab.goto(f"{server}/voila/render/notebooks/mine/look.ipynb?token={TOKEN}")
    tab.wait_for_selector(f"{VIEW} figure svg")
    tab.locator("select[data-do=split]").focus()
    tab.keyboard.press("ArrowDown")
    tab.wait_for_selector("section.parts")
    shot(tab, "6-voila")
    pressed(tab, f"{VIEW} button[data-do=narrow]")
    tab.wait_for_selector("button[data-do=widen]")
    own = [heard for heard in tab.heard if not _is_outside(heard) and "Failed to load resource" not in heard]
    assert own == []
