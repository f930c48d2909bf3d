"""Named segments, saved as files: parts of the parcels, orders or lines, told by conditions in groups.

A segment becomes a dimension of its own, `segment_<name>`, that says yes or no for each row. So it stands
wherever a slice does: `segment_heavy_far = yes & carrier = UPS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

PREFIX = "segment_"
NAME = re.compile(r"[a-z][a-z0-9_]*")

TESTS = {
    "is": "{field}::VARCHAR IN ({values})",
    "is_not": "({field} IS NULL OR {field}::VARCHAR NOT IN ({values}))",
    "contains": "contains(lower({field}::VARCHAR), lower({values}))",
    "starts_with": "starts_with(lower({field}::VARCHAR), lower({values}))",
    "over": "{field} > {values}",
    "under": "{field} < {values}",
}
"""What a condition can ask, and the SQL that asks it; an empty field fails every test but `is_not`."""

NUMERIC = ("over", "under")
LISTS = ("is", "is_not")

Match = Literal["all", "any"]


@dataclass(frozen=True)
class Condition:
    """One test of one column: `zone is 7 or 8`, `weight_g over 4500`."""

    field: str
    test: str
    values: tuple[str | float, ...]

    @property
    def sql(self) -> str:
        """The condition as SQL, its values quoted."""
        return TESTS[self.test].format(field=self.field, values=", ".join(map(_literal, self.values)))


@dataclass(frozen=True)
class Group:
    """Conditions of which all must hold, or any."""

    match: Match
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Segment:
    """A saved filter: groups of conditions, of which all must hold, or any."""

    name: str
    title: str
    match: Match
    groups: tuple[Group, ...]

    @property
    def dim(self) -> str:
        """The dimension under which the segment stands in a slice."""
        return PREFIX + self.name

    @property
    def fields(self) -> frozenset[str]:
        """The columns that the segment asks for."""
        return frozenset(condition.field for group in self.groups for condition in group.conditions)

    @property
    def sql(self) -> str:
        """`yes` or `no` for a row that has the segment's fields."""
        return f"CASE WHEN {self.condition} THEN 'yes' ELSE 'no' END"

    @property
    def condition(self) -> str:
        """The groups as one SQL condition."""
        return _joined(self.match, (f"({_joined(g.match, (c.sql for c in g.conditions))})" for g in self.groups))


def _joined(match: Match, parts: Iterable[str]) -> str:
    return (" AND " if match == "all" else " OR ").join(parts)


def is_dimension(name: str) -> bool:
    """Whether a dimension is that of a segment, saved or not."""
    return bool(NAME.fullmatch(name)) and name.startswith(PREFIX)


def _literal(value: str | float) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def read(folder: Path) -> tuple[Segment, ...]:
    """Read every `*.yml` of a folder as a segment named like its file; a folder that is not there has none.

    Raises ValueError that names the file, what is wrong in it and how to mend it.
    """
    return tuple(read_one(path) for path in sorted(folder.glob("*.yml")))


def marked(query: str, columns: Iterable[str], segments: Iterable[Segment]) -> str:
    """Add to a query a column for each segment whose fields it has."""
    known = set(columns)
    added = [f"{one.sql} AS {one.dim}" for one in segments if one.fields <= known and one.dim not in known]
    return f"SELECT *, {', '.join(added)} FROM (\n{query}\n)" if added else query


def read_one(path: Path) -> Segment:
    """Read one file of conditions in groups. Raises ValueError as `read` does."""
    if not NAME.fullmatch(path.stem):
        raise ValueError(f"{path}: name the file with small letters, digits and _, such as heavy_far.yml")
    try:
        told: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(told, dict) or not _entries(cast("dict[str, Any]", told).get("groups")):
        raise ValueError(f"{path}: write a title and `groups`, a list of groups of conditions")
    known = cast("dict[str, Any]", told)
    groups = tuple(_group(path, number, one) for number, one in enumerate(known["groups"], 1))
    return Segment(path.stem, str(known.get("title", path.stem)), _match(path, known), groups)


def _entries(value: object) -> bool:
    return isinstance(value, list) and bool(cast("list[object]", value))


def _match(path: Path, told: dict[str, Any]) -> Match:
    match = told.get("match", "all")
    if match not in ("all", "any"):
        raise ValueError(f"{path}: match is {match!r}; write all or any")
    return match


def _group(path: Path, number: int, told: object) -> Group:
    if not isinstance(told, dict) or not _entries(cast("dict[str, Any]", told).get("conditions")):
        raise ValueError(f"{path}: group {number} needs `conditions`, a list such as - {{field: zone, is: [7, 8]}}")
    known = cast("dict[str, Any]", told)
    return Group(_match(path, known), tuple(_condition(path, number, one) for one in known["conditions"]))


def _condition(path: Path, number: int, told: object) -> Condition:
    one = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    tests = [name for name in one if name != "field"]
    field = str(one.get("field", ""))
    if not NAME.fullmatch(field) or len(tests) != 1 or tests[0] not in TESTS:
        raise ValueError(
            f"{path}: group {number} has {told!r}; a condition is {{field: <column>, <test>: <value>}} with one test"
            f" of {', '.join(TESTS)}"
        )
    return Condition(field, tests[0], _values(path, number, tests[0], one[tests[0]]))


def _values(path: Path, number: int, test: str, told: object) -> tuple[str | float, ...]:
    values: list[object] = cast("list[object]", told) if isinstance(told, list) else [told]
    if not values or (len(values) > 1 and test not in LISTS):
        raise ValueError(f"{path}: group {number}: `{test}` takes one value, not {told!r}")
    if test not in NUMERIC:
        return tuple(str(value) for value in values)
    if isinstance(values[0], bool) or not isinstance(values[0], int | float):
        raise ValueError(f"{path}: group {number}: `{test}` takes a number, not {values[0]!r}")
    return (float(values[0]),)
