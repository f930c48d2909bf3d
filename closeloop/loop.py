"""One week of one merchant, opened: what the notebooks call, a line per cell."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from closeloop import (
    alerts,
    causes,
    changes,
    crossed,
    cube,
    cube_file,
    days_off,
    facts,
    feed_alarms,
    findings,
    gaps,
    hotspots,
    impact,
    ledger,
    metrics,
    mix,
    patterns,
    project,
    provenance,
    summary,
    triggers,
    weeks,
)
from closeloop.explorer import Explorable
from closeloop.model import Alarm, Cause, Change, Findings, Kpi, Ledger, Metric, Provenance, Quality, Slice, Verdict
from closeloop.segments import Segment
from closeloop.segments import read as read_segments
from closeloop.sources import prepared, source
from closeloop.words import speak_of

LOG, ALERT = "improvement_log.csv", "alert.yml"

RUNS_KEPT = 20
"""Scratch folders of opened weeks that stay: there is one more for each change of data, log or code."""


@dataclass(frozen=True)
class Loop(Explorable):
    """A merchant's facts and cube as of one week, with its improvement log."""

    source: source.Source
    week: date
    store: duckdb.DuckDBPyConnection
    changes: tuple[Change, ...]
    log: Path
    out: Path
    folder: Path
    """The source's folder, with its source.yml."""

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The facts as they were known when the week's report was due; made when first asked for."""
        facts.build(self.store, self.source, cube.as_of(self.week), self.segments)
        return self.store

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The saved segments of `params/segments/`, each a dimension of its own."""
        return read_segments(project.root() / "params" / "segments")

    def forget_filters(self) -> None:
        """Read the saved filters anew when next asked for, and the facts that they mark."""
        for name in ("segments", "con"):
            self.__dict__.pop(name, None)

    @cached_property
    def cube(self) -> cube.Cube:
        """Every metric by slice and week."""
        path = self.out / "cube.npz"
        if not path.is_file():
            cube_file.save(cube.build(self.con, self.week, self._looked_at), path)
        return cube_file.load(path, self.week)

    def series(self, metric: str, where: str = "everything") -> cube.Series:
        """Return the weeks of any metric in any slice of up to three dimensions, such as `segment_heavy_far = yes`.

        Raises ValueError when the data has neither.
        """
        return crossed.series_of(self.con, self.cube, metrics.by_id(metric), Slice.parse(where))

    @cached_property
    def scorecard(self) -> tuple[Kpi, ...]:
        """The headline metrics of the week."""
        return self._once("scorecard.json", tuple[Kpi, ...], lambda: summary.kpis(self.con, self.cube))

    @cached_property
    def patterns(self) -> patterns.Found:
        """What stands out this week; read from the run's folder when this run has looked already."""
        return self._once("patterns.json", patterns.Found, lambda: patterns.find(self.con, self.cube, self.changes))

    @cached_property
    def alarms(self) -> tuple[Alarm, ...]:
        """What changed in the data, what is missing, what changed in the mix, and where it is always worse."""
        return self._once(
            "alarms.json",
            tuple[Alarm, ...],
            lambda: (
                *map(days_off.alarm, self.patterns.waiting),
                *feed_alarms.changes(self.con, self.week),
                *gaps.gaps(self.con, self.week),
                *mix.shifts(self.cube),
                *hotspots.hotspots(self.con, self.cube),
            ),
        )

    @cached_property
    def causes(self) -> tuple[Cause, ...]:
        """One candidate cause per pattern."""
        return self._once(
            "causes.json",
            tuple[Cause, ...],
            lambda: tuple(causes.review(self.con, self.cube, p, self.alert) for p in self.patterns.patterns),
        )

    @cached_property
    def alert(self) -> triggers.Rule | None:
        """The alert that the shop runs today, if one is declared beside the source."""
        return alerts.read(self.log.with_name(ALERT))

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What each shipped change did, the newest review first."""
        shipped = changes.shipped(self.changes, self.week + timedelta(days=6))
        known = sorted(shipped, key=lambda change: change.review_date, reverse=True)
        return self._once(
            "verdicts.json",
            tuple[Verdict, ...],
            lambda: tuple(impact.verdict_on(self.con, self.cube, change, self.changes) for change in known),
        )

    @cached_property
    def ledger(self) -> Ledger:
        """What all changes together spare, and the pace of the loop."""
        made = [c for c in self.changes if c.written_on <= self.week + timedelta(days=6)]
        return self._once("ledger.json", Ledger, lambda: ledger.build(self.con, self.cube, made, self.verdicts))

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
            alarms=self.alarms,
            currency=self.source.currency,
            glossary=tuple((m.label, f"{m.question} {m.definition}.") for m in map(metrics.by_id, self._measured())),
        )

    @cached_property
    def explained(self) -> Findings:
        """The same with a candidate cause for each pattern."""
        return replace(self.seen, causes=self.causes)

    def about(self, name: str) -> Findings:
        """The same for one pattern or one change, or for all patterns when none is named."""
        if not name:
            return self.explained
        if any(change.id == name for change in self.changes):
            return replace(self.seen, verdicts=tuple(v for v in self.verdicts if v.change.id == name))
        return replace(
            self.explained,
            patterns=tuple(p for p in self.explained.patterns if p.id == name),
            resolved=tuple(p for p in self.explained.resolved if p.id == name),
            causes=tuple(c for c in self.explained.causes if c.pattern == name),
        )

    @cached_property
    def verified(self) -> Findings:
        """The same with a verdict on each change that has shipped, and what all of them save together."""
        return replace(self.explained, verdicts=self.verdicts, ledger=self.ledger)

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
        return provenance.of(self.source, self.week, self.log, self.patterns.tests_made)

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


def open_week(source_folder: str, week: str = "", data: str = "", out: str = "", log: str = "") -> Loop:
    """Open one week of a merchant: `week` such as 2026-W47, or "" for the newest complete one.

    `source_folder`, `out` and `log` are relative to the checkout; without `out` nothing that a report has
    is touched, and without `log` the improvement log is the source's own.
    Raises ValueError when the source cannot be read or has no such week.
    """
    where = project.root() / source_folder
    merchant = read_source(where, Path(data) if data else None)
    speak_of(merchant.currency)
    con = duckdb.connect(config={"threads": 1})  # sums of floats differ from run to run with more
    with suppress(duckdb.InvalidInputException):  # a notebook without widgets has no bar, and refuses
        con.execute("SET enable_progress_bar = false")
    path = prepared.prepare(merchant, project.cache())
    prepared.attach(con, path)
    monday = weeks.parse(week) if week else weeks.newest(con, merchant)
    weeks.check(con, merchant, monday)
    written = project.root() / log if log else where / LOG
    scratch = project.cache() / "runs" / f"{path.stem}-{weeks.iso(monday)}-{_run_key(merchant, where, written)}"
    project.forget(scratch.parent.glob("*"), RUNS_KEPT)
    return Loop(merchant, monday, con, changes.read(written), written, Path(out) if out else scratch, where)


def _run_key(merchant: source.Source, where: Path, log: Path) -> str:
    """Name a run by what can change its result beside the data: the code, the settings, the log, the words."""
    words = [Path(name) for name in (*merchant.vocabularies, *merchant.reason_lists)]
    past = log.with_name("improvement_log.history.csv")
    own = (where / "source.yml", where / ALERT)
    files = [path for path in (*own, log, past, *words) if path.is_file()]
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
