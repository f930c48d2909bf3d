"""The command line; `closeloop --help` lists its commands."""

from __future__ import annotations

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
@click.argument("name", metavar="[WEEK/]ID")
@click.option("--no-open", is_flag=True, help="Only make the notebook, for machines.")
@SOURCE
@DATA
def explore(name: str, no_open: bool, source: str, data: str) -> None:
    """Make a notebook of your own for a pattern or a change, run its evidence and open it in JupyterLab.

    For example 2026-W47/PDFC0 or 2026-W47/C1; 2026-W47/P3 is the third pattern of the report, and an id alone is
    looked for in the newest week. A notebook that you have changed is opened as it is.
    """
    from closeloop import lab
    from closeloop.report import explore as own

    week, _, wanted = name.rpartition("/")
    path = own.notebook_for(wanted, own.Asked(source, week, absolute(data)))
    click.echo(shown(path))
    if not no_open:
        lab.open_lab(path)


@cli.command("lab", context_settings={"ignore_unknown_options": True})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab_(options: tuple[str, ...]) -> None:
    """Open JupyterLab on a start page with this week's patterns.

    OPTIONS such as --port=8890 or --no-browser are JupyterLab's own. The notebooks that come with closeloop are saved
    without outputs; your own, in notebooks/mine, with all.
    """
    from closeloop import lab

    lab.open_lab(lab.start_page(), options)


def main() -> None:
    """Run the command line; known errors are one plain message and a documented exit code."""
    from closeloop.report import NotebookError, steady

    steady.settle()
    try:
        cli(standalone_mode=True)
    except ValueError as error:
        click.echo(f"closeloop: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        if not error.filename:
            raise
        click.echo(f"closeloop: {error.filename}: {error.strerror}; mend that, and try again", err=True)
        sys.exit(1)
    except NotebookError as error:
        click.echo(f"closeloop: {error}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
