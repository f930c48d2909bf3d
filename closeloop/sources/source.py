"""Reads a source folder: `source.yml` and one SELECT per canonical table, or several sources combined."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import yaml

from closeloop import tables

FORMATS = ("csv", "json", "parquet", "jsonl", "tsv", "xlsx")
MOST_TICKET_COST = 1_000_000
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class SourceFile:
    """One file of a source, or all files of one pattern such as `orders_*.csv`; several have a line of `path` each.

    `may_lack` are the columns that are read as empty where the file has none of that name; `records` is the
    list within a JSON envelope that holds the rows; `sheet` is the sheet of a workbook, the first if left out;
    `known_by` are columns or keys by which such a file is told from others. A Parquet file is read `as_text` where
    the SELECTs were written for a CSV file.
    """

    name: str
    path: str
    format: str
    optional: bool = False
    records: str = ""
    may_lack: tuple[str, ...] = ()
    sheet: str = ""
    known_by: tuple[str, ...] = ()
    as_text: bool = False

    @property
    def is_json(self) -> bool:
        """Whether its rows are JSON objects, in one column `item`."""
        return self.format in ("json", "jsonl")


@dataclass(frozen=True)
class Source:
    """A merchant's data: where the files are, in which zone they tell the time, and how to read them.

    A merchant whose files come from several systems has one part for each; the parts have the files and SELECTs.
    `ticket_cost` is what it costs the merchant to answer one ticket, in its currency.
    """

    name: str
    title: str
    folder: Path
    files: tuple[SourceFile, ...]
    selects: tuple[tuple[str, str], ...]
    timezone: str
    currency: str
    vocabulary: str = ""
    return_reasons: str = ""
    time_formats: tuple[str, ...] = ()
    working_days: tuple[str, ...] = WEEKDAYS[:5]
    holidays: tuple[date, ...] = ()
    cutoff: int | None = None
    ticket_cost: float = 0
    cannot_say: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    caveat: str = ""
    made_by: str = ""
    pull: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parts: tuple[Source, ...] = field(default=())

    @property
    def pieces(self) -> tuple[Source, ...]:
        """The sources that have files of their own: the parts, else the source itself."""
        return self.parts or (self,)

    @property
    def vocabularies(self) -> tuple[str, ...]:
        """The files that say what each system's tracking codes mean, each once."""
        return tuple(dict.fromkeys(one.vocabulary for one in (self, *self.parts) if one.vocabulary))

    @property
    def reason_lists(self) -> tuple[str, ...]:
        """The files that say what each system's return reasons mean, each once."""
        return tuple(dict.fromkeys(one.return_reasons for one in (self, *self.parts) if one.return_reasons))


def read(where: Path, data: Path | None = None) -> Source:
    """Read the source folder `where`; `data` overrides the folder in which its files are looked for.

    Raises ValueError naming the file, the key, and how to mend it.
    """
    path = where / "source.yml"
    settings = _settings(path)
    merchant = _combined(path, settings, data) if "combine" in settings else _plain(path, settings, data)
    if not any(name == "orders" for piece in merchant.pieces for name, _ in piece.selects):
        raise ValueError(f"{where}: orders.sql is missing; every source gives at least the orders, or is combined")
    return merchant


def _plain(path: Path, settings: dict[str, Any], data: Path | None) -> Source:
    where = path.parent
    _check_keys(path, settings, frozenset({"title", "files", "timezone", "currency"}))
    given = _given(where, settings)
    own = (where / str(given.pop("folder", "."))).resolve()
    folder = data or own
    files = _files(path, given.pop("files"))
    return Source(name=where.resolve().name, folder=folder, files=files, selects=_selects(where), **given)


def _given(where: Path, settings: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    for name in ("vocabulary", "return_reasons"):
        if given.get(name):
            codes = (where / given[name]).resolve()
            if not codes.is_file():
                raise ValueError(
                    f"{where / 'source.yml'}: {name}: there is no file {given[name]}, seen from that folder"
                )
            given[name] = str(codes)
    return given


def _combined(path: Path, settings: dict[str, Any], data: Path | None) -> Source:
    where, entries = path.parent, settings.pop("combine")
    _check_keys(path, settings, frozenset({"title", "timezone", "currency"}))
    if not isinstance(entries, list):
        raise ValueError(f"{path}: combine: write '- ../shopify_csv' for each source")
    given = _given(where, settings)
    own = (where / str(given.pop("folder", "."))).resolve()
    folder = data or own
    parts = tuple(_part(path, entry, folder, settings) for entry in cast("list[Any]", entries))
    for name in ("notes", "cannot_say"):
        given[name] = (*given.get(name, ()), *(text for part in parts for text in getattr(part, name)))
    return Source(name=where.resolve().name, folder=folder, files=(), selects=(), parts=parts, **given)


def _part(path: Path, entry: Any, folder: Path, merchant: dict[str, Any]) -> Source:
    """Read one source of a combination; what it leaves open (zone, currency) is the merchant's."""
    spec: dict[str, Any] = {"source": entry} if isinstance(entry, str) else dict(entry)
    where = (path.parent / str(spec.pop("source", ""))).resolve()
    if unknown := sorted(set(spec) - {"folder", "files", "timezone", "time_formats"}):
        raise ValueError(
            f"{path}: combine: unknown key {unknown[0]!r}; known: source, folder, files, timezone, time_formats"
        )
    own, named = where / "source.yml", spec.pop("files", {})
    data = folder / str(spec.pop("folder", where.name))
    settings = {"timezone": merchant["timezone"], "currency": merchant["currency"], **_settings(own), **spec}
    settings.pop("folder", None)
    for name, file in named.items():
        entry = settings["files"].get(name)
        if entry is None:
            raise ValueError(
                f"{path}: combine: {where.name} has no file {name!r}; it has {', '.join(settings['files'])}"
            )
        settings["files"][name] = _renamed(entry, file)
    return _plain(own, settings, data)


def _renamed(entry: Any, file: Any) -> dict[str, Any]:
    """Return a system's file under another path, or several; a Parquet file may stand where CSV was meant."""
    spoken: dict[str, Any] = dict(entry) if isinstance(entry, dict) else {"path": entry}
    names = [str(one) for one in (cast("list[Any]", file) if isinstance(file, list) else [file])]
    texts = names[0].endswith(".parquet") and not str(spoken["path"]).endswith(".parquet")
    return {**spoken, "path": "\n".join(names), **({"as_text": True} if texts else {})}


def template(where: Path) -> tuple[SourceFile, ...]:
    """Return the files that one system of a combination reads. Raises ValueError as `read` does."""
    path = where / "source.yml"
    return _files(path, _settings(path).get("files", {}))


def is_merchant(where: Path) -> bool:
    """Whether a source folder can be read by itself: it gives orders, and says its zone and currency."""
    return (where / "orders.sql").is_file() and {"timezone", "currency"} <= set(_settings(where / "source.yml"))


def _settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"{path.parent}: there is no source.yml; see 'Use your own data' in README.md")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: this is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: write one 'key: value' a line, such as 'timezone: Europe/Berlin'")
    return cast("dict[str, Any]", settings)


def _check_keys(path: Path, settings: dict[str, Any], required: frozenset[str]) -> None:
    known = {part.name for part in fields(Source)} - {"name", "selects", "parts"} | {"combine"}
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(sorted(known))}"
            raise ValueError(f"{path}: unknown key {key!r}{hint}")
    missing = required - set(settings)
    if missing:
        raise ValueError(f"{path}: missing {', '.join(sorted(missing))}")
    _check_values(path, settings)


def _check_values(path: Path, settings: dict[str, Any]) -> None:
    try:
        ZoneInfo(str(settings["timezone"]))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{path}: timezone {settings['timezone']!r} is not an IANA zone") from error
    cutoff = settings.get("cutoff", 0)
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or not 0 <= cutoff <= 23:
        raise ValueError(f"{path}: cutoff {cutoff!r}; write the hour after which orders wait a day, such as 14")
    price = settings.get("ticket_cost", 0)
    if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < MOST_TICKET_COST:
        raise ValueError(f"{path}: ticket_cost {price!r}; write what one ticket costs to answer, such as 12.50")
    if not isinstance(settings.get("files", {}), dict):
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
        if name in {table.name for table in tables.TABLES}:
            raise ValueError(f"{path}: files.{name}: a checked table has that name; call the file shop_{name}")
        found.append(_file(path, name, kind, spec))
    return tuple(found)


def _file(path: Path, name: str, kind: str, spec: dict[str, Any]) -> SourceFile:
    known = {part.name for part in fields(SourceFile)} - {"name"}
    if unknown := sorted(set(spec) - known):
        raise ValueError(f"{path}: files.{name}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    lacking, telling = (tuple(spec.get(key, ())) for key in ("may_lack", "known_by"))
    optional, texts = bool(spec.get("optional", False)), [str(spec.get(key, "")) for key in ("records", "sheet")]
    as_text = bool(spec.get("as_text", False))
    return SourceFile(name, str(spec["path"]), kind, optional, texts[0], lacking, texts[1], telling, as_text)


def _selects(where: Path) -> tuple[tuple[str, str], ...]:
    known = [table.name for table in tables.TABLES]
    for path in sorted(where.glob("*.sql")):
        if path.stem not in known:
            raise ValueError(f"{path}: no canonical table is called {path.stem!r}; known: {', '.join(known)}")
    present = [(name, where / f"{name}.sql") for name in known]
    return tuple((name, path.read_text(encoding="utf-8")) for name, path in present if path.is_file())
