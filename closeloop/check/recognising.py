"""Files in a folder that has no source.yml: of which system each is, by its columns, and the settings to write."""

from __future__ import annotations

import codecs
import csv
import glob
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from closeloop.check.wording import shown
from closeloop.sources import source, workbook
from closeloop.sources.source import SourceFile

HEAD = 65_536
"""Bytes at the beginning of a file by which it is told."""

TEXTS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Endings of tables as text, with what usually stands between their columns."""

RECORDS = (".json", ".jsonl")

EXCEL, PARQUET = ".xlsx", ".parquet"

KINDS = (*TEXTS, *RECORDS, EXCEL, PARQUET)


@dataclass(frozen=True)
class Recognised:
    """One file, and the system and the name in its `files` under which it can be read; both empty if unknown."""

    path: Path
    columns: tuple[str, ...]
    system: str = ""
    file: SourceFile | None = None


def recognise(folder: Path, systems: Path) -> tuple[Recognised, ...]:
    """Tell of which system each CSV, TSV, JSON, Excel or Parquet file of a folder is.

    Raises ValueError if there is none, or if a workbook or Parquet file is damaged.
    """
    known = [
        (where.name, file)
        for where in sorted(systems.iterdir())
        if (where / "source.yml").is_file()
        for file in source.template(where)
        if file.known_by
    ]
    paths = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in KINDS]
    if not paths:
        raise ValueError(f"{folder}: neither a source.yml nor a {', '.join(KINDS[:-1])} or {KINDS[-1]} file is there")
    return tuple(_recognised(path, known) for path in paths)


def _recognised(path: Path, known: list[tuple[str, SourceFile]]) -> Recognised:
    columns = _columns(path)
    fitting = [one for one in known if _readable(path, one[1]) and set(one[1].known_by) <= set(columns)]
    if not fitting:
        return Recognised(path, columns)
    system, file = max(fitting, key=lambda one: len(one[1].known_by))
    return Recognised(path, columns, system, file)


def _readable(path: Path, file: SourceFile) -> bool:
    """Whether a system reads such a file: for CSV files any table will do, whatever holds it."""
    kind = path.suffix.lower()
    if file.is_json:
        return kind in RECORDS
    return kind == PARQUET if file.format == PARQUET.removeprefix(".") else kind not in RECORDS


def _columns(path: Path) -> tuple[str, ...]:
    match path.suffix.lower():
        case kind if kind in RECORDS:
            return _keys(path)
        case ".xlsx":
            return workbook.header(path)
        case ".parquet":
            return _stored(path)
        case _:
            return _header(path)


def _stored(path: Path) -> tuple[str, ...]:
    try:
        return tuple(str(name) for name in pq.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{path}: cannot be read as parquet; export it again: {' '.join(str(error).split())}"
        ) from error


def _head(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(HEAD)
    wide = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return head.decode("utf-16" if wide else "utf-8-sig", errors="replace").replace("\0", "")


def _header(path: Path) -> tuple[str, ...]:
    line = next(iter(_head(path).splitlines()), "")
    between = max((TEXTS[path.suffix.lower()], ",", "\t", ";"), key=line.count)
    return tuple(name.strip() for name in next(csv.reader([line], delimiter=between), []))


def _keys(path: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r'"([^"\\]{1,80})"\s*:', _head(path))))


def told(folder: Path, found: tuple[Recognised, ...], systems: Path) -> Iterator[str]:
    """Say what each file is, and which source.yml reads those that were recognised."""
    for one in found:
        named = f"{one.system} ({one.file.name})" if one.file else f"not recognised; it has {_some(one.columns)}"
        yield f"  {shown(one.path.name)}: {named}"
    by_system: dict[str, list[Recognised]] = defaultdict(list)
    for one in found:
        if one.system:
            by_system[one.system].append(one)
    if not by_system:
        yield "None of them is of a known system: docs/sources.md shows how to add one, with one SELECT per table."
        return
    if not any((systems / name / "orders.sql").is_file() for name in by_system):
        yield "None of them holds orders, which every merchant needs: add the shop's export."
    if whole := _merchant(by_system, systems):
        yield f"params/sources/{whole} reads them as they are:"
        yield f"closeloop check --source params/sources/{whole} --data {shlex.quote(str(folder))}"
        return
    yield "Write this as params/sources/yourshop/source.yml, put in your time zone and currency, and run"
    yield "closeloop check --source params/sources/yourshop"
    yield from ("", "title: Your shop", "timezone: the zone of times without an offset, such as America/New_York")
    yield from ("currency: such as USD", f"folder: {_quoted(str(folder.resolve()))}", "combine:")
    for name, files in by_system.items():
        yield f"  - {{source: ../{name}, folder: .{_paths(files, {one.path.name for one in found})}}}"


def _merchant(by_system: dict[str, list[Recognised]], systems: Path) -> str:
    """Return the system that is a merchant of its own, with a zone and with patterns that find each of the files."""
    if len(by_system) > 1:
        return ""
    ((name, files),) = by_system.items()
    named = all(one.file and one.path.match(one.file.path) for one in files)
    return name if named and source.is_merchant(systems / name) else ""


def _some(columns: tuple[str, ...]) -> str:
    return f"the columns {', '.join(map(shown, columns[:6]))}" if columns else "no columns"


def _paths(files: list[Recognised], every: set[str]) -> str:
    """Name the files of a system, since its own patterns could find those of others."""
    named: dict[str, list[str]] = defaultdict(list)
    for one in files:
        if one.file:
            named[one.file.name].append(one.path.name)
    told = ", ".join(f"{name}: {_named(names, every - set(names))}" for name, names in named.items())
    return f", files: {{{told}}}"


def _named(names: list[str], others: set[str]) -> str:
    """Return one pattern for some names, or all of them where it would name others, too."""
    pattern = _pattern(names)
    if len(names) > 1 and any(fnmatchcase(other, pattern) for other in others):
        return f"[{', '.join(_quoted(glob.escape(name)) for name in names)}]"
    return _quoted(pattern)


def _pattern(names: list[str]) -> str:
    """Return one pattern for some names: what they begin with, and their ending."""
    if len(names) == 1:
        return glob.escape(names[0])
    begins = next(
        names[0][:n] for n in range(len(names[0]), -1, -1) if all(x.startswith(names[0][:n]) for x in names)
    )
    return f"{glob.escape(begins)}*{Path(names[0]).suffix}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
