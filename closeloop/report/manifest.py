"""The manifest of a report: what it was made from and what it holds, file by file, as SHA-256."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from closeloop import findings, project, weeks
from closeloop.loop import ALERT, Loop
from closeloop.sources import prepared

FILE = "manifest.json"
Digests = tuple[tuple[str, str], ...]
"""(name, SHA-256 or version) pairs."""


@dataclass(frozen=True)
class Manifest:
    """What makes a report what it is; two equal manifests are two equal reports."""

    source: str
    data: str
    week: str
    inputs: Digests
    settings: Digests
    code: Digests
    packages: Digests
    files: Digests = ()

    def same_origin(self, other: Manifest) -> bool:
        """Whether both were made from the same data, settings, code and packages."""
        return replace(self, files=()) == replace(other, files=())


def describe(loop: Loop, source: str, data: str) -> Manifest:
    """Describe what a report of an opened week is made from, before it is made."""
    log = [loop.log] if loop.log.is_file() else []
    return Manifest(
        source=source,
        data=data,
        week=weeks.iso(loop.week),
        inputs=(*prepared.input_hashes(loop.source), *((p.name, project.digest(p)) for p in log)),
        settings=_digests(_settings(loop), project.root()),
        code=_digests(_code(), project.PACKAGE.parent),
        packages=_versions(),
    )


def seal(made_from: Manifest, folder: Path) -> Path:
    """Write the manifest of a finished report beside its files, with the SHA-256 of each of them."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != FILE)
    return findings.save(replace(made_from, files=_digests(files, folder)), folder / FILE)


def read(folder: Path) -> Manifest | None:
    """Return the manifest of a report, or None where there is none that this version can read."""
    path = folder / FILE
    try:
        return findings.load(Manifest, path) if path.is_file() else None
    except ValueError:
        return None


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file that the manifest names is there with the bytes it had."""
    return all((folder / name).is_file() and project.digest(folder / name) == sha for name, sha in manifest.files)


def differences(before: Manifest, now: Manifest) -> tuple[str, ...]:
    """Say what differs between two origins, a line each: inputs, settings, code, packages."""
    said = [
        f"{name}: {old!r} then, {new!r} now"
        for name, old, new in (
            ("source", before.source, now.source),
            ("data", before.data, now.data),
            ("week", before.week, now.week),
        )
        if old != new
    ]
    for kind in ("inputs", "settings", "code", "packages"):
        said += _changed(kind, dict(getattr(before, kind)), dict(getattr(now, kind)))
    return tuple(said)


def _changed(kind: str, before: dict[str, str], now: dict[str, str]) -> list[str]:
    one = {"inputs": "input", "settings": "setting", "code": "code", "packages": "package"}[kind]
    names = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    return [f"{one} {name}: {_told(before.get(name))} then, {_told(now.get(name))} now" for name in names]


def _told(value: str | None) -> str:
    return "absent" if value is None else value[:12] if re.fullmatch("[0-9a-f]{64}", value) else value


def _settings(loop: Loop) -> list[Path]:
    root = project.root()
    words = [Path(name) for name in (*loop.source.vocabularies, *loop.source.reason_lists)]
    beside = [loop.log.with_name(name) for name in ("source.yml", ALERT)]
    own = [*beside, *sorted(loop.log.parent.glob("*.sql")), *words]
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    return [*own, *notebooks, *(root / "params" / f"{path.stem}.yml" for path in notebooks)]


def _code() -> list[Path]:
    return sorted(p for p in project.PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def _digests(paths: list[Path], folder: Path) -> Digests:
    return tuple((_name(path, folder), project.digest(path)) for path in paths if path.is_file())


def _name(path: Path, folder: Path) -> str:
    resolved, base = path.resolve(), folder.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else path.name


def _versions() -> Digests:
    """The Python that runs and each package that closeloop names as a dependency."""
    named = {re.split(r"[^A-Za-z0-9._-]", text)[0] for text in metadata.requires("closeloop") or ()}
    return (("python", platform.python_version()), *((name, metadata.version(name)) for name in sorted(named)))
