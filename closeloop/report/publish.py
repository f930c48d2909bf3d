"""Puts reports into the folder of reports, and takes the oldest out again: whole or not at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from closeloop.report import manifest

WEEK = re.compile(r"\d{4}-W\d{2}")
LEFTOVER = re.compile(r"\.(\d{4}-W\d{2})\.(part|old|gone)")
"""What a killed run leaves: a draft, the report it was replacing, or one it was removing."""


def publish(draft: Path, target: Path) -> Path:
    """Put the new report in place of the old with two renames, so that no reader sees half of one."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    draft.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def recover(reports: Path) -> None:
    """Clear away what a killed run left; a report that it had just set aside comes back.

    Call it only while holding the lock of the folder: another run's draft looks the same.
    """
    for path in sorted(reports.glob(".*")):
        found = LEFTOVER.fullmatch(path.name)
        if not found or path.is_symlink() or not path.is_dir():
            continue
        whole = reports / found[1]
        if found[2] == "old" and not whole.exists():
            path.rename(whole)
        else:
            shutil.rmtree(path)


def reports_of(reports: Path, source: str) -> list[Path]:
    """Return the folders of the reports made from a source, the oldest week first."""
    return [path for path in folders(reports) if (made := manifest.read(path)) and made.source == source]


def folders(reports: Path) -> list[Path]:
    """Return the folders that are named like a week, the oldest first."""
    found = reports.iterdir() if reports.is_dir() else ()
    return sorted(path for path in found if WEEK.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def keep_newest(reports: Path, source: str, keep: int) -> tuple[list[Path], list[Path]]:
    """Remove the oldest reports of a source until `keep` are left: (removed, spared).

    Spared is what is old enough but holds a file, or a change to one, that closeloop did not make.
    Raises ValueError when `keep` is less than one.
    """
    if keep < 1:
        raise ValueError(f"keep {keep}: give the number of reports to keep, at least 1")
    old = reports_of(reports, source)[:-keep]
    removed = [path for path in old if _is_ours(path)]
    for path in removed:
        gone = path.with_name(f".{path.name}.gone")
        shutil.rmtree(gone, ignore_errors=True)
        shutil.rmtree(path.rename(gone))
    return removed, [path for path in old if path not in removed]


def _is_ours(folder: Path) -> bool:
    made = manifest.read(folder)
    if made is None:
        return False
    known = {name for name, _ in made.files} | {manifest.FILE}
    return {path.name for path in folder.iterdir()} <= known and manifest.is_whole(folder, made)
