"""The cube to and from one file, so that the notebooks of a run need to build it once."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np

from closeloop import metrics
from closeloop.cube import Cube, Series, as_of
from closeloop.model import Slice


def save(cube: Cube, path: Path) -> None:
    """Write the cube; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = {
        "missing": cube.missing,
        "series": [
            {"metric": s.metric.id, "slices": [w.where for w in s.slices], "weeks": [w.isoformat() for w in s.weeks]}
            for s in cube.series
        ],
    }
    arrays = {
        f"{name}{i}": getattr(s, name)
        for i, s in enumerate(cube.series)
        for name in ("bad", "squares", "total", "final")
    }
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        np.savez(file, head=np.array(json.dumps(head)), **arrays)
    draft.replace(path)


def load(path: Path, week: date) -> Cube:
    """Read a cube back."""
    with np.load(path, allow_pickle=False) as stored:
        head = json.loads(str(stored["head"]))
        series = tuple(
            Series(
                metrics.by_id(one["metric"]),
                tuple(Slice(tuple((dim, value) for dim, value in where)) for where in one["slices"]),
                tuple(date.fromisoformat(text) for text in one["weeks"]),
                stored[f"bad{i}"],
                stored[f"squares{i}"],
                stored[f"total{i}"],
                stored[f"final{i}"],
            )
            for i, one in enumerate(head["series"])
        )
    return Cube(as_of(week), week, series, tuple((name, why) for name, why in head["missing"]))
