"""The command that says what a merchant's files hold and can tell."""

# ruff: noqa: PLC0415  (--help and errors must not wait for pandas)

from __future__ import annotations

import sys
from pathlib import Path

import click

from closeloop.cli_report import DATA, EXIT_CODES, SOURCE, absolute


@click.command(epilog=EXIT_CODES)
@SOURCE
def pull(source: str) -> None:
    """Read the tables of the source's live database into its folder, before a check or a report."""
    from closeloop import project
    from closeloop.sources import live
    from closeloop.sources import source as sources

    for path, rows in live.pull(sources.read(project.root() / source)):
        click.echo(f"{path.name}  {rows:,} rows")


@click.command(epilog=EXIT_CODES)
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@SOURCE
@DATA
def check(folder: Path | None, source: str, data: str) -> None:
    """Say what was read, matched and set aside, what the files can tell, and what one more file would add.

    FOLDER is a source's folder; or one with files and no source.yml: then say which systems they come from, and
    which source.yml would read them.
    """
    from closeloop import project
    from closeloop.check import lines, look

    where = folder or project.root() / source
    if folder and not (folder / "source.yml").is_file():
        _recognise(folder)
        return
    found = look(where, Path(absolute(data)) if data else None)
    for line in lines(found):
        click.echo(line)
    if not found.usable:
        click.echo(f"closeloop: {found.source.folder}: there is not one usable order; see above", err=True)
        sys.exit(1)


def _recognise(folder: Path) -> None:
    from closeloop import project
    from closeloop.check import recognise, told

    systems = project.root() / "params" / "sources"
    for line in told(folder, recognise(folder, systems), systems):
        click.echo(line)
