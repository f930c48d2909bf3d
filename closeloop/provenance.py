"""Where the numbers of a week come from, enough to make the same ones again."""

from __future__ import annotations

import platform
from datetime import date
from importlib import metadata
from pathlib import Path
from zoneinfo import ZoneInfo

import closeloop
from closeloop import cube, project, weeks
from closeloop.model import Provenance
from closeloop.sources import prepared
from closeloop.sources.source import Source

PACKAGES = (
    "duckdb",
    "numpy",
    "pandas",
    "scipy",
    "statsmodels",
    "matplotlib",
    "seaborn",
    "nbconvert",
    "papermill",
)


def of(source: Source, week: date, log: Path, tests_made: int) -> Provenance:
    """Return the hashes of a week's inputs and log, its parameters, and the versions of the code."""
    written = ((log.name, project.digest(log)),) if log.is_file() else ()
    versions = [("python", platform.python_version()), *((p, metadata.version(p)) for p in PACKAGES)]
    return Provenance(
        source=source.name,
        as_of=cube.as_of(week).replace(tzinfo=ZoneInfo(source.timezone)).isoformat(),
        inputs=(*prepared.input_hashes(source), *written),
        params=(("source", source.name), ("week", weeks.iso(week))),
        code=f"closeloop {closeloop.__version__} ({project.code_digest()[:12]})",
        packages=tuple(versions),
        tests_made=tests_made,
    )
