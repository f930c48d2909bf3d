"""How long does it take from `make lab` to the first chart, and from a press to the next one?

    PYTHONPATH=. python benchmarks/lab/run.py --weeks 40 --orders 5000

`closeloop lab` is started in a checkout of its own, on a demo merchant whose report was never made; Chromium opens
the explorer's notebook, runs its cells, splits by a dimension and presses a part. Seconds are those on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import sync_playwright

from benchmarks import figures
from closeloop import simulate

ROOT = Path(__file__).parent.parent.parent
TOKEN = "benchmark"
PLACES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
PATIENCE_MS = 600_000
VIEW = ".closeloop-explorer"


def checkout(folder: Path, weeks: int, orders: int) -> Path:
    """Make a checkout with the explorer's notebook on a merchant of its own."""
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(weeks, orders, 7)), folder / "data")
    home = folder / "home"
    for name in ("params", "notebooks"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("mine", ".*"))
    week = json.dumps(["params/sources/demo", "2026-W47", str(folder / "data")])[1:-1]
    code = f"from closeloop.workbench import open_week\n\nloop = open_week({week})\nloop.explore('slow_transit')"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=kernel)
    (home / "notebooks" / "mine").mkdir()
    nbformat.write(made, home / "notebooks" / "mine" / "look.ipynb")
    return home


@contextmanager
def lab(home: Path) -> Generator[str, None, None]:
    """Run `closeloop lab` on a checkout: its address, once it answers."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "closeloop.cli", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--ServerApp.allow_root=True", f"--IdentityProvider.token={TOKEN}"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(home / ".jupyter" / name) for name in PLACES}}
    with subprocess.Popen(
        command, cwd=home, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            _await(f"http://127.0.0.1:{port}/api/status?token={TOKEN}")
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def _await(address: str) -> None:
    for _ in range(3000):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("JupyterLab does not answer")


def looked(tab: Any, address: str, start: float) -> list[figures.Figure]:
    """Go the way of a reader, and note the seconds since `start`, then those of each press."""
    found = [figures.Figure("clock", time.monotonic() - start, "s", "server answers")]
    tab.goto(f"{address}/lab/tree/notebooks/mine/look.ipynb?token={TOKEN}")
    tab.wait_for_selector('text="Python 3 (ipykernel) | Idle"')
    tab.locator(".jp-CodeCell .cm-content").first.click()  # what the menu runs is the notebook in front
    found.append(figures.Figure("clock", time.monotonic() - start, "s", "notebook is open, its kernel idle"))
    tab.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    tab.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    tab.locator(f"{VIEW} figure svg").first.wait_for()
    found.append(figures.Figure("clock", time.monotonic() - start, "s", "first chart"))
    begun = time.monotonic()
    tab.locator(f"{VIEW} select[data-do=split]").select_option("service")
    tab.locator(f"{VIEW} section.parts").wait_for()
    found.append(figures.Figure("clock", time.monotonic() - begun, "s", "a split"))
    begun = time.monotonic()
    tab.locator(f"{VIEW} button[data-do=narrow]").first.click()
    tab.locator(f"{VIEW} button[data-do=widen]").wait_for()
    return [*found, figures.Figure("clock", time.monotonic() - begun, "s", "a part pressed")]


def main() -> None:
    """Start, look, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--weeks", type=int, default=40)
    options.add_argument("--orders", type=int, default=5000, help="orders a week")
    options.add_argument("--chromium", default=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    figures.add_option(options)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as player:
        home = checkout(Path(folder), given.weeks, given.orders)
        browser = player.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 1000})
        tab.set_default_timeout(PATIENCE_MS)
        start = time.monotonic()
        with lab(home) as address:
            found = looked(tab, address, start)
        browser.close()
    print(figures.table(found))
    figures.save(given.figures, found, "7")


if __name__ == "__main__":
    main()
