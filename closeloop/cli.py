"""The command line; `closeloop --help` lists its commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from closeloop import cli_ask, cli_check, cli_log, cli_report
from closeloop.cli_report import DATA, EXIT_CODES, SOURCE, absolute, shown


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


for command in (
    cli_check.check,
    cli_check.pull,
    cli_report.weekly,
    cli_report.mail,
    cli_report.reproduce,
    cli_log.log,
    cli_ask.metrics,
    cli_ask.compare,
    cli_ask.early,
):
    cli.add_command(command)


@cli.command()
@click.argument("pattern", metavar="WEEK/PATTERN")
@SOURCE
@DATA
def explore(pattern: str, source: str, data: str) -> None:
    """Make a notebook of your own for a pattern, such as 2026-W47/P3F2A."""
    from closeloop.report import explore as make

    week, _, name = pattern.partition("/")
    path = make.notebook_for(week, name, source, absolute(data))
    click.echo(f"{shown(path)}\nopen it with: jupyter lab {shown(path)}")


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(options: tuple[str, ...]) -> None:
    """Open JupyterLab on the notebooks; OPTIONS such as --port=8890 or --no-browser are JupyterLab's own.

    The notebooks that come with closeloop are saved without outputs; your own, in notebooks/mine, with all.
    """
    from closeloop import project

    os.chdir(project.root())
    start = "--LabApp.default_url=/lab/tree/notebooks/1_surface_patterns.ipynb"
    clean = "--FileContentsManager.pre_save_hook=closeloop.saving.without_outputs"
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", start, clean, *options])


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
