"""How large are page and mail of a week, and what does axe-core find wrong with them in Chromium?

    PYTHONPATH=. python benchmarks/page/run.py --weeks 40 --orders 5000

The demo merchant's newest week is made with `closeloop weekly`. The page is looked at light and dark, on a desktop
and on a phone, with everything unfolded; the mail on a phone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from email import message_from_bytes, policy
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, sync_playwright

from benchmarks import figures
from closeloop import simulate

ROOT = Path(__file__).parent.parent.parent
WEEK = "2026-W47"
LOOKS = (
    ("desktop, light", 1280, "light"),
    ("desktop, dark", 1280, "dark"),
    ("phone, light", 390, "light"),
    ("phone, dark", 390, "dark"),
)
UNFOLD = "document.querySelectorAll('details').forEach(e => e.open = true)"


def made(folder: Path, weeks: int, orders: int) -> Path:
    """Make the demo merchant's newest week; return the folder of the report."""
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(weeks, orders, 7)), folder / "data")
    command = [sys.executable, "-m", "closeloop.cli", "weekly", "--week", WEEK]
    words = ["--data", str(folder / "data"), "--out", str(folder / "reports")]
    subprocess.run([*command, *words], cwd=ROOT, check=True, capture_output=True)
    return folder / "reports" / WEEK


def mail_of(report: Path) -> str:
    """Return the mail's HTML without its pictures."""
    message = message_from_bytes((report / "mail.eml").read_bytes(), policy=policy.default)
    body = message.get_body(("html",))
    return body.get_content() if body else ""


def breaches(browser: Browser, html: str, width: int, scheme: str) -> int:
    """Count the places in which a rule of WCAG 2.2 A and AA, or of good practice, is broken."""
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    tab.set_content(html)
    tab.evaluate(UNFOLD)
    found = Axe().run(tab).response["violations"]
    tab.close()
    return sum(len(one["nodes"]) for one in found)


def measured(report: Path, browser: Browser) -> list[figures.Figure]:
    """Return sizes, and breaches by look."""
    page, mail = (report / "page.html").read_text(encoding="utf-8"), mail_of(report)
    sizes = {
        "page.html": len(page.encode()),
        "mail, HTML": len(mail.encode()),
        "mail.eml": (report / "mail.eml").stat().st_size,
    }
    found = [figures.Figure("KB", size / 1000, "", name) for name, size in sizes.items()]
    for name, width, scheme in LOOKS:
        found.append(
            figures.Figure("broken rules (axe-core)", breaches(browser, page, width, scheme), "", f"page, {name}")
        )
    return [
        *found,
        figures.Figure("broken rules (axe-core)", breaches(browser, mail, 390, "light"), "", "mail, phone"),
    ]


def main() -> None:
    """Make the report, look at it, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--weeks", type=int, default=40)
    options.add_argument("--orders", type=int, default=5000, help="orders a week")
    options.add_argument("--report", type=Path, help="look at this report instead of making one")
    options.add_argument("--chromium", default=os.environ.get("CHROMIUM", "/usr/bin/chromium"))
    figures.add_option(options)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as player:
        report = given.report or made(Path(folder), given.weeks, given.orders)
        browser = player.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        found = measured(report, browser)
        browser.close()
    print(figures.table(found))
    figures.save(given.figures, found, "7")


if __name__ == "__main__":
    main()
