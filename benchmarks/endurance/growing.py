"""A merchant whose exports grow by one file a table each week, and whose log grows by a change every other week."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import yaml

from closeloop import changes, simulate
from closeloop.slices import Slice

ROOT = Path(__file__).parent.parent.parent
WORDS = ROOT / "params" / "vocabulary"
FIRST, WARM_UP, WEEKS = date(2023, 8, 7), 20, 156
"""The first Monday of the data; weeks before the first run; three years of runs."""

FILES = {
    "shopify_orders": ("shopify", '"Created at"[:10]'),
    "shipstation_shipments": ("shipstation", "strptime(\"Date - Label Create Date\", '%m/%d/%Y %I:%M:%S %p')"),
    "tracker_events": ("tracker", "recorded_at[:10]"),
    "returns": ("rma", "requested_at[:10]"),
}
"""Each export by its name in the source, and the day on which a row came to be known."""

SCOPES = tuple(f"channel = {name}" for name in ("amazon", "ebay", "web", "walmart", "wholesale portal"))


def write(folder: Path, orders: float, seed: int) -> None:
    """Write three years of exports in weekly files, the simulated problems of each autumn in them."""
    (folder / "weekly").mkdir()
    scenario = simulate.Scenario(FIRST, WARM_UP + WEEKS, orders, seed, problems=_problems())
    simulate.write_exports(simulate.simulate(scenario), folder / "all")
    with duckdb.connect() as con:
        for name, (_, day) in FILES.items():
            rows = f"read_csv('{folder}/all/{name}.csv', all_varchar = true)"
            con.execute(
                f"COPY (SELECT *, date_trunc('week', ({day})::DATE)::DATE AS monday FROM {rows})"
                f" TO '{folder}/weekly/{name}' (FORMAT csv, PARTITION_BY (monday), HEADER)"
            )
    shutil.copyfile(folder / "all" / "products.csv", _data(folder) / "products.csv")


def _data(folder: Path) -> Path:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    return data


def _problems() -> tuple[simulate.Problem, ...]:
    found: list[simulate.Problem] = []
    for n in range(12):
        start = FIRST + timedelta(weeks=WARM_UP + 13 * n)
        where = simulate.where(channel="web") if n % 2 else simulate.where(warehouse="NV")
        effect = simulate.Effect("delay", where, start, start + timedelta(weeks=8), 20.0, "ready_to_label")
        found.append(
            simulate.Problem(
                f"P{n}", "problem", "waits", "", where, start, effect.end, 20.0, "h", "workflow", "", (effect,)
            )
        )
    return tuple(found)


def source(folder: Path) -> Path:
    """Write a source folder that reads every weekly file there is."""
    made = folder / "source"
    shutil.copytree(ROOT / "params" / "sources" / "demo", made, ignore=shutil.ignore_patterns("improvement_log*"))
    settings = yaml.safe_load((made / "source.yml").read_text(encoding="utf-8"))
    settings |= {
        "title": "A growing merchant", "folder": str(_data(folder)),
        "vocabulary": str(WORDS / "easypost.csv"), "return_reasons": str(WORDS / "return_reasons.csv"),
        "holidays": [],
        "files": {"catalogue": "products.csv", **{name: f"{file}_*.csv" for file, (name, _) in FILES.items()}},
    }  # fmt: skip
    del settings["made_by"]
    (made / "source.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return made


def add_week(folder: Path, number: int) -> date:
    """Let the files of one more week arrive, and all before the first run with the first; return its Monday."""
    first = 0 if number == 0 else WARM_UP + number
    for n in range(first, WARM_UP + number + 1):
        monday = FIRST + timedelta(weeks=n)
        for name in FILES:
            [*parts] = sorted((folder / "weekly" / name / f"monday={monday}").glob("*.csv"))
            for i, part in enumerate(parts):
                shutil.copyfile(part, _data(folder) / f"{name}_{monday}_{i}.csv")
    return FIRST + timedelta(weeks=WARM_UP + number)


def log_week(log: Path, monday: date, number: int) -> None:
    """Log a change every other week, and close what is due."""
    today = monday + timedelta(days=7)
    for change in changes.due(changes.read(log), today):
        verdict = ("improved", "no clear change")[int(change.id.strip("C")) % 2]
        cells = {"verdict": verdict, "decided_on": today.isoformat(), "estimate": "-0.2 (-0.3 to -0.1)"}
        changes.close(log, change.id, cells, changes.Signed("owner", today))
    if number % 2:
        return
    changes.add(log, {
        "pattern": "planted", "root_cause": "workflow: planted", "change_shipped": f"change {number}",
        "metric": "ready_to_label", "review_date": str(today + timedelta(weeks=6)),
        "scope": str(Slice.parse(SCOPES[number // 2 % len(SCOPES)])), "kind": "filter_update",
        "shipped_on": str(today + timedelta(days=1)), "written_on": str(today), "owner": "owner",
    })  # fmt: skip
