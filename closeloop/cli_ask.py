"""Questions to the data: `closeloop metrics | compare | early`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from closeloop.cli_report import DATA, SOURCE, absolute

if TYPE_CHECKING:
    from closeloop.rates import Sides

HEADINGS = {
    "cost": "cost", "p50": "half within", "p90": "9 in 10 within", "on_time": "on time", "exceptions": "exceptions",
}  # fmt: skip


@click.command()
@click.option("--markdown", is_flag=True, help="Print the whole glossary, as in docs/metrics.md.")
def metrics(markdown: bool) -> None:
    """List every metric: what it asks, and from which level of data it can be had."""
    from closeloop import glossary
    from closeloop.metrics import EVERY

    if markdown:
        click.echo(glossary.markdown())
        return
    for one in sorted(EVERY, key=lambda known: known.level):
        click.echo(f"{one.level}  {one.id:<28} {one.estimator:<14} {one.question}")


@click.command()
@SOURCE
@DATA
@click.option("--day", default="", help="A day such as 2026-10-29; without it, the newest that the files reach into.")
def early(source: str, data: str, day: str) -> None:
    """Say what stands out in the seven days up to the evening before, without waiting for Monday's report."""
    from closeloop import early as scan
    from closeloop import facts, weeks
    from closeloop.loop import open_week

    loop = open_week(source, "", absolute(data))
    morning = weeks.parse_day(day) if day else weeks.known_until(loop.store, loop.source)
    facts.build(loop.store, loop.source, weeks.at_six(morning), loop.segments)
    found = scan.alarms(loop.store, morning)
    for pattern in found:
        click.echo(f"{pattern.sentence} Since {pattern.onset:%a %d %b}.")
    if not found:
        click.echo(f"{loop.source.title}: nothing new stands out on {morning:%a %d %b %Y}")


@click.command()
@click.argument("dim", type=click.Choice(["carrier", "service", "warehouse", "package_type"]))
@click.argument("reference")
@SOURCE
@DATA
@click.option("--where", default="everything", help="A slice, such as 'region = Pacific & weight_band = 2-5 lb'.")
@click.option("--week", default="", help="An ISO week such as 2026-W47; without it, the newest complete one.")
def compare(dim: str, reference: str, source: str, data: str, where: str, week: str) -> None:
    """Compare every carrier or service with REFERENCE on like-for-like parcels.

    What would the parcels of REFERENCE have cost and taken with the others? For example:
    closeloop compare service "FedEx Ground" --where "region = Pacific"
    """
    from closeloop import rates
    from closeloop.loop import open_week
    from closeloop.model import Slice

    loop = open_week(source, week, absolute(data))
    options = rates.compare(loop.con, dim, reference, Slice.parse(where))
    click.echo(f"{loop.source.title}: {dim} = {reference} against the others, {where}, last {rates.WEEKS} weeks")
    for option in options:
        click.echo(f"\n{option.name}: {option.matched:.0%} of the parcels have a like there ({option.n:,} parcels)")
        for name, sides in option.measures.items():
            click.echo(f"  {HEADINGS[name]:<15} {_line(name, sides, loop.source.currency)}")
        click.echo("  on the frontier: nothing is both cheaper and faster" if option.on_frontier else
                   "  beaten: another is at least as cheap and as fast")  # fmt: skip
    if not options:
        click.echo("nothing else carried parcels like these")


def _line(name: str, sides: Sides, currency: str) -> str:
    own, other, gap = sides
    if name == "cost":
        unit, scale, digits = f" {currency}", 1, 2
    elif name in ("p50", "p90"):
        unit, scale, digits = " days", 1, 2
    else:
        unit, scale, digits = " %", 100, 1
    told = [f"{scale * value:.{digits}f}" for value in (own.value, other.value)]
    low, value, high = (f"{scale * value:+.{digits}f}" for value in (gap.low, gap.value, gap.high))
    return f"{told[0]:>7} -> {told[1]:>7}{unit}   {value} ({low} to {high})"
