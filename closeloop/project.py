"""Where things are: the checkout's folders, found from any folder inside it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PACKAGE = Path(__file__).parent


HOME = "CLOSELOOP_HOME"
"""Names the checkout to what runs elsewhere, such as a notebook that a scheduler copies into a folder of its own."""


def root() -> Path:
    """Return the nearest folder upwards with `params/` and `notebooks/`, else CLOSELOOP_HOME, else this folder."""
    here = Path.cwd()
    named = [Path(os.environ[HOME]).resolve()] if os.environ.get(HOME) else []
    for folder in (here, *here.parents, *named):
        if (folder / "params").is_dir() and (folder / "notebooks").is_dir():
            return folder
    return here


def cache() -> Path:
    """Return the folder for what can be made again at any time."""
    return root() / ".closeloop"


def forget(paths: Iterable[Path], keep: int) -> None:
    """Remove files and folders of the cache that were not used for longest, until `keep` are left.

    What another program holds open where the system forbids to remove it stays until the next time.
    """
    used: list[tuple[float, Path]] = []
    for path in paths:
        with suppress(OSError):  # another program may just have removed it
            used.append((path.stat().st_mtime, path))
    for _, path in sorted(used, reverse=True)[keep:]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def digest(*paths: Path) -> str:
    """Return one SHA-256 over the contents of files, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def code_digest() -> str:
    """Return one SHA-256 over the package's own code, templates and SQL."""
    files = sorted(p for p in PACKAGE.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return digest(*files)
