"""The words of a check, for a terminal of 60 to 96 columns."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from closeloop import metrics, words
from closeloop.check.looking import AnyMetric, Checked, Given, Wanting
from closeloop.cube import MIN_TOTAL
from closeloop.model import TimeMetric
from closeloop.sources import reading
from closeloop.sources.accounts import Fault, FileCount
from closeloop.sources.levels import LEVELS, Level
from closeloop.tables import TABLES

WIDEST, NARROWEST = 96, 60
CODES_SHOWN = 5
DERIVED = {
    "parcel_facts.sent_at": "shipments.label_created_at or shipments.handed_over_at",
    "parcel_references.reference_cost": "the cost of like parcels in the first 12 weeks",
    "parcel_references.transit_due_at": "30 parcels of one service and zone, attempted in the first 12 weeks",
}
"""What columns of views are made of, where no table has a column of that name."""

NAMES = tuple(table.name for table in TABLES)


def lines(found: Checked) -> Iterator[str]:
    """Give the whole account, line by line."""
    source = found.source
    yield f"{source.title}: {_held(found)}"
    yield from _wrapped(f"Files in {source.folder}; times without an offset are read in {source.timezone}.")
    sections = (
        ("READ", _read(found)),
        ("TABLES", _tables(found)),
        ("MATCHED", _matched(found)),
        ("SET ASIDE", _set_aside(found)),
        ("LEVELS", _levels(found)),
        (f"METRICS ({sum(not one.thin for one in found.given)} of {len(metrics.EVERY)})", _given(found.given)),
        ("ONE MORE FILE", _files_to_come(found.files_to_come)),
        ("ONE MORE COLUMN", _columns_to_come(found.columns_to_come)),
        ("TO KNOW", _notes(found)),
    )
    for heading, body in sections:
        text = list(body)
        if text:
            yield ""
            yield heading
            yield from text


def _held(found: Checked) -> str:
    return f"level {' '.join(level.code for level in found.held)}" if found.held else "no level yet"


def _read(found: Checked) -> Iterator[str]:
    several = len({file.part for file in found.files}) > 1
    names = [f"{file.part}/{file.file}" if several else file.file for file in found.files]
    wide = max((len(name) for name in names), default=0)
    for name, file in zip(names, found.files, strict=True):
        looked_up = "; only looked up by the others" if file.only_looked_up else ""
        yield f"  {name:<{wide}}  {file.rows:>11,} {'row' if file.rows == 1 else 'rows'}{looked_up}"
        yield from _wrapped(_left_out(found, file), "      ") if file.left_out and not file.only_looked_up else ()
    for count in found.counts:
        if count.table == "unreadable lines" and count.rows_in:
            yield from _wrapped(f"and {count.rows_in:,} lines that are no rows of their file; see SET ASIDE")
    if any(file.left_out and not file.only_looked_up for file in found.files):
        yield from _wrapped("Left out: rows that no SELECT's WHERE takes, or that a GROUP BY folds into another row.")
    yield from (f"  {text}" for said in found.assumed for text in _wrapped(said, ""))


def _left_out(found: Checked, file: FileCount) -> str:
    by = ", ".join(f"{name}.sql" for name in _selects_of(found, file))
    return f"{file.left_out:,} left out by {by}; the first is row {file.first_left_out:,}"


def _selects_of(found: Checked, file: FileCount) -> Iterator[str]:
    """Yield the SELECTs that read a file."""
    for piece in (one for one in found.source.pieces if one.name == file.part):
        tables = [f.name for f in piece.files if file.file in {path.name for path in reading.paths_of(piece, f)}]
        for name, sql in piece.selects:
            if any(re.search(rf"\b{table}\b", sql) for table in tables):
                yield name


def _tables(found: Checked) -> Iterator[str]:
    days = {span.table: f"{span.first} to {span.last}" for span in found.spans}
    present = [count for count in found.counts if count.rows_in and count.table != "unreadable lines"]
    yield f"  {'':<16}{'rows':>11}{'used':>11}{'set aside':>11}"
    for one in present:
        row = f"  {one.table:<16}{one.rows_in:>11,}{one.rows_used:>11,}{one.rows_quarantined:>11,}"
        yield f"{row}  {days.get(one.table, '')}".rstrip()
    yield from _by_system(found)
    kinds = "; ".join(f"{what} {n:,}" for what, n in found.shape)
    yield from _wrapped(f"Among the shipments: {kinds}.") if kinds else ()


def _by_system(found: Checked) -> Iterator[str]:
    """Say which rows each of several systems gave, before they were joined."""
    given = [(part, count) for part, count in found.part_counts if count.rows_in and count.table in NAMES]
    for part, those in groupby(given if len({part for part, _ in given}) > 1 else (), key=lambda one: one[0]):
        told = "; ".join(f"{count.table} {count.rows_used:,} of {count.rows_in:,}" for _, count in those)
        yield from _wrapped(f"{part} gave {told}.", "  ", "      ")


def _matched(found: Checked) -> Iterator[str]:
    wide = max((len(match.what) for match in found.matches), default=0)
    for match in found.matches:
        yield f"  {match.what:<{wide}}  {_share(match.found, match.total):>7}  {match.found:,} of {match.total:,}"
        yield from _wrapped(f"not found: {', '.join(map(shown, match.examples))}", "      ") if match.examples else ()
        yield from [f"      that name none: {match.unnamed:,}"] if match.unnamed else []
    if any(table == "tracking_events" and used for table, used in _used(found)):
        yield from _codes(found)
    if found.reasons:
        yield from _wrapped(
            f"unknown return reasons: {_counted(found.reasons, 'returned items')}. They are kept, and belong to no"
            " class; to use them, add them to the list that source.yml names as return_reasons."
        )


def _counted(words: Sequence[tuple[str, int]], things: str) -> str:
    """Name the first of some words of the data, and on how many things they stand."""
    named = ", ".join(f"{shown(word)} on {n:,} {things}" for word, n in words[:CODES_SHOWN])
    return named + (f" and {len(words) - CODES_SHOWN} more" if len(words) > CODES_SHOWN else "")


def _used(found: Checked) -> list[tuple[str, int]]:
    return [(count.table, count.rows_used) for count in found.counts]


def _codes(found: Checked) -> Iterator[str]:
    if not found.codes:
        yield "  every tracking code is known"
        return
    yield from _wrapped(
        f"unknown tracking codes: {_counted(found.codes, 'scans')}. They are kept, and count neither as a step nor as"
        " an exception; to use them, add them to the vocabulary that source.yml names."
    )


def _set_aside(found: Checked) -> Iterator[str]:
    if not found.faults:
        yield "  nothing: every row is used"
    for fault in sorted(found.faults, key=lambda one: (one.harmless, -one.rows)):
        yield from _fault(fault)


def _fault(fault: Fault) -> Iterator[str]:
    rows = "row" if fault.rows == 1 else "rows"
    yield from _wrapped(f"{fault.rows:,} {rows} of {fault.table}: {_broken(fault)}")
    if not fault.harmless:
        yield from _examples(fault)
        yield from _wrapped(f"to mend: {fault.mend}", "      ")


def _examples(fault: Fault) -> Iterator[str]:
    wide = max(len(f"{one.file} row {one.row:,}") for one in fault.examples)
    for one in fault.examples:
        value = f"{fault.column} = {shown(one.value)}" if fault.column and one.value else shown(one.value)
        yield f"      {f'{one.file} row {one.row:,}':<{wide}}  {value if one.value else ''}".rstrip()


def _broken(fault: Fault) -> str:
    return fault.rule if not fault.column or fault.rule.startswith(fault.column) else f"{fault.column} {fault.rule}"


def _levels(found: Checked) -> Iterator[str]:
    for level in LEVELS:
        mark = "have" if level in found.held else "-"
        gives = f", {_share_given(found, level)}: {level.gives}" if level in found.held else ""
        yield from _wrapped(f"{level.code}  {mark:<4}  {level.named}{gives}", "  ", "            ")


def _share_given(found: Checked, level: Level) -> str:
    there = sum(one.metric.level == level.code and not one.thin for one in found.given)
    known = sum(metric.level == level.code for metric in metrics.EVERY)
    return f"{there} of {words.plural(known, 'metric')}" if known else "no metric of its own"


def _given(given: Sequence[Given]) -> Iterator[str]:
    by_level = sorted((one for one in given if not one.thin), key=lambda one: one.metric.level)
    for code, those in groupby(by_level, key=lambda one: one.metric.level):
        yield from _wrapped(f"{code}  {_labels(one.metric for one in those)}", "  ", "      ")
    thin = sorted((one for one in given if one.thin), key=_few)
    if thin:
        yield "  There, but not for the weekly report, which begins at 30 a week and needs some weeks:"
        for few, those in groupby(thin, key=_few):
            yield from _wrapped(f"{few}: {_labels(one.metric for one in those)}", "      ", "        ")


def _files_to_come(wanting: Iterable[Wanting]) -> Iterator[str]:
    for one in wanting:
        if one.level:
            yield from _wrapped(f"{one.level.code}  {one.level.files}", "  ", "      ")
            yield from _wrapped(f"would tell {one.level.gives}", "      ")
            yield from _wrapped(f"opens: {_labels(one.opens)}", "      ", "        ") if one.opens else ()


def _columns_to_come(wanting: Iterable[Wanting]) -> Iterator[str]:
    for one in wanting:
        yield from _wrapped(" and ".join(map(_meant, one.columns)), "  ", "      ")
        yield from _wrapped(f"opens: {_labels(one.opens)}", "      ", "        ")


def _meant(column: str) -> str:
    """Name a column of a table with its meaning; for one of a view, what it is made of."""
    if column in DERIVED:
        return DERIVED[column]
    table, _, name = column.partition(".")
    known = [(one.name, part.meaning) for one in TABLES for part in one.columns if part.name == name]
    for where, meaning in sorted(known, key=lambda one: one[0] != table):
        return f"{where}.{name} ({meaning})"
    return column


def _few(given: Given) -> str:
    if not given.weeks:
        return f"no row counts, for lack of {' and '.join(given.empty)}" if given.empty else "no row counts"
    if given.in_a_week < MIN_TOTAL:
        return f"about {given.in_a_week:,.0f} a week"
    return "one week only" if given.weeks == 1 else f"{given.weeks:,.0f} weeks only"


def _labels(those: Iterable[AnyMetric]) -> str:
    """A share and a time may have the same name; the time's unit tells them apart."""
    return "; ".join(f"{one.label} in {one.unit}" if isinstance(one, TimeMetric) else one.label for one in those)


def _notes(found: Checked) -> Iterator[str]:
    source = found.source
    for text in (*([source.caveat] if source.caveat else ()), *source.notes):
        yield from _wrapped(f"- {text}", "  ", "    ")
    for text in source.cannot_say:
        yield from _wrapped(f"- Cannot be told: {text}", "  ", "    ")


def _share(found: int, total: int) -> str:
    share = 100 * found / total
    return f"{min(share, 99.9) if found < total else share:.1f} %"


def shown(value: str) -> str:
    """Return a value from the data on one line, quoted, with nothing in it that a terminal would obey."""
    text = value if len(value) <= 48 else f"{value[:47]}…"
    return repr(text)


def _wrapped(text: str, first: str = "  ", rest: str = "") -> list[str]:
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest or first, break_on_hyphens=False)
