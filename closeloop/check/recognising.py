"""Files in a folder that has no source.yml: of which system each is, by its columns, and the settings to write."""

from __future__ import annotations

import codecs
import csv
import glob
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from closeloop.check.wording import shown
from closeloop.sources import source
from closeloop.sources.source import SourceFile

HEAD = 65_536
"""Bytes at the beginning of a file by which it is told."""

TEXTS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
"""Endings of tables as text, with what usually stands between their columns."""

RECORDS = (".json", ".jsonl")


@dataclass(frozen=True)
class Recognised:
    """One file, and the system and the name in its `files` under which it can be read; both empty if unknown."""

    path: Path
    columns: tuple[str, ...]
    system: str = ""
    file: SourceFile | None = None


def recognise(folder: Path, systems: Path) -> tuple[Recognised, ...]:
    """Tell of which system each CSV, TSV or JSON file of a folder is. Raises ValueError if there is none."""
    known = [
        (where.name, file)
        for where in sorted(systems.iterdir())
        if (where / "source.yml").is_file()
        for file in source.template(where)
        if file.known_by
    ]
    paths = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in {*TEXTS, *RECORDS}]
    if not paths:
        raise ValueError(f"{folder}: neither a source.yml nor a .csv, .tsv or .json file is there")
    return tuple(_recognised(path, known) for path in paths)


def _recognised(path: Path, known: list[tuple[str, SourceFile]]) -> Recognised:
    is_json = path.suffix.lower() in RECORDS
    columns = _keys(path) if is_json else _header(path)
    fitting = [one for one in known if one[1].is_json == is_json and set(one[1].known_by) <= set(columns)]
    if not fitting:
        return Recognised(path, columns)
    system, file = max(fitting, key=lambda one: len(one[1].known_by))
    return Recognised(path, columns, system, file)


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
    yield "Write this as params/sources/yourshop/source.yml, put in your time zone and currency, and run"
    yield "closeloop check --source params/sources/yourshop"
    yield from ("", "title: Your shop", "timezone: the zone of times without an offset, such as America/New_York")
    yield from ("currency: such as USD", f"folder: {_quoted(str(folder.resolve()))}", "combine:")
    for name, files in by_system.items():
        yield f"  - {{source: ../{name}, folder: .{_paths(files)}}}"


def _some(columns: tuple[str, ...]) -> str:
    return f"the columns {', '.join(map(shown, columns[:6]))}" if columns else "no columns"


def _paths(files: list[Recognised]) -> str:
    """Name the files of a system, since its own patterns could find those of others; one pattern for each kind."""
    named: dict[str, list[str]] = defaultdict(list)
    for one in files:
        if one.file:
            named[one.file.name].append(one.path.name)
    told = ", ".join(f"{name}: {_quoted(_pattern(paths))}" for name, paths in named.items())
    return f", files: {{{told}}}"


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
