"""What a run learned, to and from `findings.json`: records in, the same records out."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from datetime import date
from pathlib import Path
from typing import Any, cast


def dumps(record: object) -> str:
    """Write a record (or a tuple of records) as JSON text that is the same for the same record."""
    return json.dumps(_plain(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def loads(kind: Any, text: str) -> Any:
    """Read back what `dumps` wrote. Raises ValueError when the text is not such a record."""
    try:
        return _typed(kind, json.loads(text))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"this is not a {getattr(kind, '__name__', kind)}: {error}; run `closeloop weekly` again"
        ) from error


def save(record: object, path: Path) -> Path:
    """Write a record beside its target, then move it there, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".part")
    draft.write_text(dumps(record), encoding="utf-8")
    return draft.replace(path)


def load(kind: Any, path: Path) -> Any:
    """Read a record from a file; the errors name the file."""
    try:
        return loads(kind, path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def _typed(kind: Any, data: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return None if data is None else _typed(next(a for a in arguments if a is not types.NoneType), data)
    if origin is tuple:
        return _typed_tuple(arguments, data)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _typed(hints[name], data[name]) for name in hints})
    if kind is date:
        return date.fromisoformat(data)
    return float("nan") if kind is float and data is None else data


def _typed_tuple(arguments: tuple[Any, ...], data: list[Any]) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_typed(arguments[0], item) for item in data)
    return tuple(_typed(kind, item) for kind, item in zip(arguments, data, strict=True))
