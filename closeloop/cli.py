"""The command line: `closeloop demo | check | weekly | explore | log | lab`."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import click

EXIT_CODES = """
Exit codes: 0 all is well; 1 bad input, named in the message; 2 wrong use of a command;
3 a notebook failed, and the last report was left as it is.
"""

DEMO = "params/sources/demo"


@click.group(epilog=EXIT_CODES)
@click.version_option(package_name="closeloop")
def cli() -> None:
    """Find a pattern of post-purchase exceptions, ship one change, verify that it worked."""


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--weeks", default=40, show_default=True, help="Complete weeks to simulate.")
@click.option("--orders-per-week", default=5000, show_default=True, help="Orders in an ordinary week.")
@click.option("--seed", default=7, show_default=True, help="The same seed gives the same files.")
def demo(folder: Path, weeks: int, orders_per_week: int, seed: int) -> None:
    """Write the demo merchant's export files into FOLDER."""
    from closeloop import simulate

    scenario = simulate.demo_scenario(weeks, orders_per_week, seed)
    simulate.write_exports(simulate.simulate(scenario), folder)
    for path in sorted(folder.rglob("*.*")):
        click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


SOURCE = click.option("--source", default=DEMO, show_default=True, help="Folder of the source.")
DATA = click.option("--data", default="", help="Folder of its files, if not the one in source.yml.")
WEEK = click.option("--week", default="", help="ISO week such as 2026-W47; the newest complete one if left out.")


@cli.command()
@SOURCE
@DATA
@WEEK
@click.option("--out", default="reports", show_default=True, help="Folder of the reports, one folder a week.")
def weekly(source: str, data: str, week: str, out: str) -> None:
    """Make a week's report: four notebooks, page.html, mail.eml and findings.json."""
    from closeloop import project
    from closeloop.report import run

    say = Progress()
    reports = project.root() / out
    target = run.weekly(run.Request(source, week, _absolute(data), reports), say)
    say(f"done: {_shown(target / 'page.html')}")
    _print_bottom_line(target)


class Progress:
    """Says each step on stderr with the seconds since the start, plainly enough for a log."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Say one step."""
        click.echo(f"[{time.monotonic() - self._start:5.1f} s] {text}", err=True)


def _print_bottom_line(target: Path) -> None:
    from closeloop import findings
    from closeloop.model import Findings

    learned = findings.load(Findings, target / "findings.json")
    click.echo(f"\n{learned.merchant}, {learned.iso_week}")
    for line in learned.bottom_line:
        click.echo(f"- {line}")


def _absolute(folder: str) -> str:
    return str(Path(folder).resolve()) if folder else ""


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@cli.command()
@SOURCE
@DATA
def check(source: str, data: str) -> None:
    """Say what was read, matched and set aside, and what the files can tell."""
    from closeloop.loop import open_week

    loop = open_week(source, "", _absolute(data))
    quality = loop.quality
    click.echo(f"{loop.source.title}: level {quality.level}")
    for count in quality.counts:
        click.echo(
            f"  {count.table}: {count.rows_in:,} rows, {count.rows_used:,} used, {count.rows_quarantined:,} set aside"
        )
    for row in quality.quarantined:
        where = f"{row.file} row {row.row}, {row.column or row.table}"
        click.echo(f"  set aside {row.count:,}: {where} = {row.value!r} {row.rule}; {row.mend}")
    for heading, lines in (
        ("can tell", quality.can_say),
        ("cannot tell", quality.cannot_say),
        ("note", quality.notes),
    ):
        for line in lines:
            click.echo(f"  {heading}: {line}")


@cli.command()
@click.argument("pattern", metavar="WEEK/PATTERN")
@SOURCE
@DATA
def explore(pattern: str, source: str, data: str) -> None:
    """Make a notebook of your own for a pattern, such as 2026-W47/P3F2A."""
    from closeloop.report import explore as make

    week, _, name = pattern.partition("/")
    path = make.notebook_for(week, name, source, _absolute(data))
    click.echo(f"{_shown(path)}\nopen it with: jupyter lab {_shown(path)}")


@cli.group()
def log() -> None:
    """Read the improvement log."""


@log.command("list")
@SOURCE
def log_list(source: str) -> None:
    """List all changes, oldest first."""
    _print_changes(source, "")


@log.command()
@SOURCE
@WEEK
def due(source: str, week: str) -> None:
    """List the changes whose review is due by the end of a week."""
    _print_changes(source, week or _this_week())


def _this_week() -> str:
    from datetime import date

    from closeloop.loop import iso_week

    return iso_week(date.today() - timedelta(days=7))


def _print_changes(source: str, week: str) -> None:
    from closeloop import changes, project
    from closeloop.loop import LOG, parse_week

    path = project.root() / source / LOG
    last = parse_week(week) + timedelta(days=6) if week else None
    rows = [c for c in changes.read(path) if last is None or c.review_date <= last]
    for change in sorted(rows, key=lambda c: (c.review_date, c.id)):
        click.echo(
            f"{change.id}  review {change.review_date}  {change.metric}  {change.scope}  {change.change_shipped}"
        )
        for flag in change.flags:
            click.echo(f"    {flag}")
    if not rows:
        click.echo(f"{path.name}: no change {'is due' if week else 'is logged'}")


@cli.command()
@click.option("--port", default=8888, show_default=True)
def lab(port: int) -> None:
    """Open JupyterLab on the notebooks."""
    from closeloop import project

    os.chdir(project.root())
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--port={port}", "notebooks"])


def main() -> None:
    """Run the command line; known errors are one plain message and a documented exit code."""
    from closeloop.report import NotebookError

    try:
        cli(standalone_mode=True)
    except ValueError as error:
        click.echo(f"closeloop: {error}", err=True)
        sys.exit(1)
    except NotebookError as error:
        click.echo(f"closeloop: {error}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
