"""One week of one merchant, opened: what the notebooks call, a line per cell."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

import closeloop
from closeloop import causes, changes, cube, cube_file, facts, findings, impact, metrics, patterns, project, summary
from closeloop.model import Cause, Change, Findings, Kpi, Metric, Provenance, Quality, Verdict
from closeloop.sources import prepared, source

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
LOG = "improvement_log.csv"
THIN_INTAKE = 0.3
"""A week with less than this share of the usual orders is not a complete week of trading."""


@dataclass(frozen=True)
class Loop:
    """A merchant's facts and cube as of one week, with its improvement log."""

    source: source.Source
    week: date
    store: duckdb.DuckDBPyConnection
    changes: tuple[Change, ...]
    log: Path
    out: Path

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The facts as they were known when the week's report was due; made when first asked for."""
        facts.build(self.store, self.source, cube.as_of(self.week))
        return self.store

    @cached_property
    def cube(self) -> cube.Cube:
        """Every metric by slice and week."""
        path = self.out / "cube.npz"
        if not path.is_file():
            cube_file.save(cube.build(self.con, self.week, self._looked_at), path)
        return cube_file.load(path, self.week)

    @cached_property
    def scorecard(self) -> tuple[Kpi, ...]:
        """The headline metrics of the week."""
        return self._once("scorecard.json", tuple[Kpi, ...], lambda: summary.kpis(self.cube))

    @cached_property
    def patterns(self) -> patterns.Found:
        """What stands out this week; read from the run's folder when this run has looked already."""
        return self._once("patterns.json", patterns.Found, lambda: patterns.find(self.con, self.cube))

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """One candidate cause per pattern."""
        return self._once(
            "causes.json",
            tuple[Cause, ...],
            lambda: tuple(causes.review(self.con, self.cube, p) for p in self.patterns.patterns),
        )

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What each shipped change did, the newest review first."""
        shipped = changes.shipped(self.changes, self.week + timedelta(days=6))
        known = sorted(shipped, key=lambda change: change.review_date, reverse=True)
        return self._once(
            "verdicts.json",
            tuple[Verdict, ...],
            lambda: tuple(impact.judge(self.con, self.cube, change) for change in known),
        )

    @cached_property
    def quality(self) -> Quality:
        """What was read and set aside, and what this data can and cannot say."""
        counts, quarantined = prepared.counts(self.store), prepared.quarantined(self.store)
        return self._once(
            "quality.json",
            Quality,
            lambda: summary.quality(self.con, self.source, self.cube, counts, quarantined),
        )

    @cached_property
    def seen(self) -> Findings:
        """What the scan of the week shows, before anyone asks why."""
        return Findings(
            merchant=self.source.title,
            week=self.week,
            bottom_line=(),
            kpis=self.scorecard,
            patterns=self.patterns.patterns,
            resolved=self.patterns.resolved,
            causes=(),
            verdicts=(),
            upcoming=changes.upcoming(self.changes, self.week + timedelta(days=6)),
            decisions=(),
            quality=self.quality,
            provenance=self.provenance,
            glossary=tuple((m.label, f"{m.question} {m.definition}.") for m in map(metrics.by_id, self._measured())),
        )

    @cached_property
    def explained(self) -> Findings:
        """The same with a candidate cause for each pattern."""
        return replace(self.seen, causes=self.causes)

    def about(self, pattern: str) -> Findings:
        """The same for one pattern, or for all when none is named."""
        if not pattern:
            return self.explained
        return replace(
            self.explained,
            patterns=tuple(p for p in self.explained.patterns if p.id == pattern),
            resolved=(),
            causes=tuple(c for c in self.explained.causes if c.pattern == pattern),
        )

    @cached_property
    def verified(self) -> Findings:
        """The same with a verdict on each change that has shipped."""
        return replace(self.explained, verdicts=self.verdicts)

    @cached_property
    def findings(self) -> Findings:
        """Everything that this week taught, for the page and the mail."""
        found, causes_, verdicts = self.patterns, self.causes, self.verdicts
        return replace(
            self.verified,
            bottom_line=summary.bottom_line(self.source, self.scorecard, found, causes_, verdicts),
            decisions=summary.decisions(self.week, found, causes_, verdicts),
        )

    def save(self) -> None:
        """Leave the findings in the run's folder, where page and mail are made from them."""
        findings.save(self.findings, self.out / "findings.json")

    @cached_property
    def provenance(self) -> Provenance:
        """Hashes and versions, enough to make the same numbers again."""
        log = ((self.log.name, project.digest(self.log)),) if self.log.is_file() else ()
        versions = [("python", platform.python_version()), *((p, metadata.version(p)) for p in PACKAGES)]
        return Provenance(
            source=self.source.name,
            as_of=cube.as_of(self.week).replace(tzinfo=ZoneInfo(self.source.timezone)).isoformat(),
            inputs=(*prepared.input_hashes(self.source), *log),
            params=(("source", self.source.name), ("week", iso_week(self.week))),
            code=f"closeloop {closeloop.__version__} ({project.code_digest()[:12]})",
            packages=tuple(versions),
            tests_made=self.patterns.tests_made,
        )

    @property
    def _looked_at(self) -> tuple[Metric, ...]:
        """The metrics of every week, and those that a change in the log is judged by."""
        named = {name for change in self.changes for name in (change.metric, change.placebo_metric)}
        return tuple(one for one in metrics.METRICS if one in metrics.WEEKLY or one.id in named)

    def _measured(self) -> tuple[str, ...]:
        return tuple(kpi.metric for kpi in self.scorecard)

    def _once(self, name: str, kind: Any, make: Callable[[], Any]) -> Any:
        """Read what an earlier notebook of this run left in the run's folder, else make and leave it."""
        path = self.out / name
        if path.is_file():
            return findings.load(kind, path)
        made = make()
        findings.save(made, path)
        return made


def open_week(source_folder: str, week: str = "", data: str = "", out: str = "") -> Loop:
    """Open one week of a merchant: `week` such as 2026-W47, or "" for the newest complete one.

    `source_folder` and `out` are relative to the checkout; without `out` nothing that a report has
    is touched. Raises ValueError when the source cannot be read or has no such week.
    """
    where = project.root() / source_folder
    merchant = read_source(where, Path(data) if data else None)
    con = duckdb.connect(config={"threads": 1})  # sums of floats differ from run to run with more
    path = prepared.prepare(merchant, project.cache())
    prepared.attach(con, path)
    monday = parse_week(week) if week else newest_week(con, merchant)
    _check_week(con, merchant, monday)
    log = where / LOG
    scratch = project.cache() / "runs" / f"{path.stem}-{iso_week(monday)}-{_run_key(merchant, log)}"
    return Loop(merchant, monday, con, changes.read(log), log, Path(out) if out else scratch)


def _run_key(merchant: source.Source, log: Path) -> str:
    """Name a run by what can change its result beside the data: the code, the settings, the log, the words."""
    words = [Path(vocabulary) for vocabulary in merchant.vocabularies]
    past = log.with_name("improvement_log.history.csv")
    files = [path for path in (log.with_name("source.yml"), log, past, *words) if path.is_file()]
    return project.digest(*files)[:8] + project.code_digest()[:8]


def read_source(where: Path, data: Path | None = None) -> source.Source:
    """Read a source folder; the demo merchant's files are written first where they are missing."""
    merchant = source.read(where, data)
    if merchant.made_by == "demo" and not data:
        _write_demo(merchant.folder)
    return merchant


def _write_demo(folder: Path) -> None:
    """Write the demo merchant, whole or not at all, unless this code has written it before."""
    from closeloop import simulate  # only the demo needs the simulator

    code = project.digest(*sorted((project.PACKAGE / "simulate").glob("*.py")))
    stamp = folder / "answers" / "written_by.txt"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == code:
        return
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    simulate.write_exports(simulate.simulate(simulate.DEMO), draft)
    (draft / stamp.relative_to(folder)).write_text(code, encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def newest_week(con: duckdb.DuckDBPyConnection, merchant: source.Source) -> date:
    """Return the newest week that the files hold whole, at the usual pace of orders."""
    weeks = _weeks(con, merchant)
    usual = sorted(count for _, count in weeks)[len(weeks) // 2] if weeks else 0
    known_until = _known_until(con, merchant)
    whole = [week for week, n in weeks if n >= THIN_INTAKE * usual and week + timedelta(days=7) <= known_until]
    if not whole:
        raise ValueError(f"{merchant.folder}: the orders do not fill one whole week yet")
    return whole[-1]


def _weeks(con: duckdb.DuckDBPyConnection, merchant: source.Source) -> list[tuple[date, int]]:
    con.execute(f"SET TimeZone = '{merchant.timezone}'")
    return con.execute(
        "SELECT date_trunc('week', ordered_at::TIMESTAMP)::DATE AS week, count(*) FROM store.orders"
        " GROUP BY 1 ORDER BY 1"
    ).fetchall()


def _known_until(con: duckdb.DuckDBPyConnection, merchant: source.Source) -> date:
    """Return the day on which the newest order, label or scan was recorded."""
    con.execute(f"SET TimeZone = '{merchant.timezone}'")
    row = con.execute(
        """
        SELECT greatest((SELECT max(ordered_at) FROM store.orders), (SELECT max(born_at) FROM store.shipments),
                        (SELECT max(recorded_at) FROM store.tracking_events))::TIMESTAMP::DATE
        """
    ).fetchone()
    if not row or row[0] is None:
        raise ValueError(f"{merchant.folder}: there is not one usable order; see `closeloop check`")
    return row[0]


def _check_week(con: duckdb.DuckDBPyConnection, merchant: source.Source, week: date) -> None:
    weeks = _weeks(con, merchant)
    if not weeks[0][0] <= week <= weeks[-1][0]:
        first, last = iso_week(weeks[0][0]), iso_week(weeks[-1][0])
        raise ValueError(f"week {iso_week(week)}: the orders run from {first} to {last}")


def iso_week(week: date) -> str:
    """Write a week's Monday as `2026-W47`."""
    year, number, _ = week.isocalendar()
    return f"{year}-W{number:02d}"


def parse_week(text: str) -> date:
    """Return the Monday of `2026-W47`. Raises ValueError for anything else."""
    year, _, number = text.partition("-W")
    try:
        return date.fromisocalendar(int(year), int(number), 1)
    except ValueError as error:
        raise ValueError(f"week {text!r}: write an ISO week that exists, such as 2026-W47") from error
