"""Reads a source folder: `source.yml` and one SELECT per canonical table."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import yaml

from closeloop import tables

FORMATS = ("csv", "json", "parquet")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: its name in the SELECTs, its path in the folder, its format."""

    name: str
    path: str
    format: str
    optional: bool = False


@dataclass(frozen=True)
class Source:
    """A merchant's data: where the files are, in which zone they tell the time, and how to read them."""

    name: str
    title: str
    folder: Path
    files: tuple[SourceFile, ...]
    selects: tuple[tuple[str, str], ...]
    timezone: str
    currency: str
    vocabulary: str = ""
    time_formats: tuple[str, ...] = ()
    working_days: tuple[str, ...] = WEEKDAYS[:5]
    holidays: tuple[date, ...] = ()
    cannot_say: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    caveat: str = ""
    made_by: str = ""


def read(where: Path, data: Path | None = None) -> Source:
    """Read the source folder `where`; `data` overrides the folder in which its files are looked for.

    Raises ValueError naming the file, the key, and how to mend it.
    """
    path = where / "source.yml"
    if not path.is_file():
        raise ValueError(f"{where}: there is no source.yml; see 'Use your own data' in README.md")
    settings = _settings(path)
    _check_keys(path, settings)
    folder = data or (where / str(settings.get("folder", "."))).resolve()
    settings.pop("folder", None)
    if settings.get("vocabulary"):
        settings["vocabulary"] = str((where / settings["vocabulary"]).resolve())
    files = _files(path, settings.pop("files"))
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    return Source(
        name=where.resolve().name,
        folder=folder,
        files=files,
        selects=_selects(where),
        **given,
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: this is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: write one 'key: value' a line, such as 'timezone: Europe/Berlin'")
    return cast("dict[str, Any]", settings)


def _check_keys(path: Path, settings: dict[str, Any]) -> None:
    known = {field.name for field in fields(Source)} - {"name", "selects"}
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(sorted(known))}"
            raise ValueError(f"{path}: unknown key {key!r}{hint}")
    missing = {"title", "files", "timezone", "currency"} - set(settings)
    if missing:
        raise ValueError(f"{path}: missing {', '.join(sorted(missing))}")
    _check_values(path, settings)


def _check_values(path: Path, settings: dict[str, Any]) -> None:
    try:
        ZoneInfo(str(settings["timezone"]))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{path}: timezone {settings['timezone']!r} is not an IANA zone") from error
    if not isinstance(settings["files"], dict):
        raise ValueError(f"{path}: files: write 'name: path' for each file, such as 'shopify: orders.csv'")
    for day in settings.get("working_days", ()):
        if day not in WEEKDAYS:
            raise ValueError(f"{path}: working_days has {day!r}; allowed: {', '.join(WEEKDAYS)}")


def _files(path: Path, entries: dict[str, Any]) -> tuple[SourceFile, ...]:
    found: list[SourceFile] = []
    for name, entry in entries.items():
        spec = {"path": entry} if isinstance(entry, str) else dict(entry)
        if not spec.get("path"):
            raise ValueError(f"{path}: files.{name}: give its path")
        kind = str(spec.get("format") or Path(spec["path"]).suffix.lstrip("."))
        if kind not in FORMATS:
            raise ValueError(f"{path}: files.{name}: format {kind!r}; allowed: {', '.join(FORMATS)}")
        if not name.isidentifier():
            raise ValueError(f"{path}: files.{name}: a name is letters, digits and _")
        found.append(SourceFile(name, spec["path"], kind, bool(spec.get("optional", False))))
    return tuple(found)


def _selects(where: Path) -> tuple[tuple[str, str], ...]:
    known = [table.name for table in tables.TABLES]
    for path in sorted(where.glob("*.sql")):
        if path.stem not in known:
            raise ValueError(f"{path}: no canonical table is called {path.stem!r}; known: {', '.join(known)}")
    present = [(name, where / f"{name}.sql") for name in known]
    selects = tuple((name, path.read_text(encoding="utf-8")) for name, path in present if path.is_file())
    if not any(name == "orders" for name, _ in selects):
        raise ValueError(f"{where}: orders.sql is missing; every source gives at least the orders")
    return selects
