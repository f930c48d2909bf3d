"""The charts of the mail: the first pattern, the newest verdict, and what all changes together save."""

from __future__ import annotations

from dataclasses import dataclass

from closeloop import words
from closeloop.charts import Drawing, before_after, control_chart, png, saved, saved_alt
from closeloop.model import Findings
from closeloop.report.sections import pattern_alt, verdict_alt
from closeloop.report.wording import lines

CHART_WIDTH = 560
NAMES = ("pattern_chart", "verdict_chart", "ledger_chart")


@dataclass(frozen=True)
class Picture:
    """A chart in the mail: how the HTML names it, what it says, and its size in CSS pixels."""

    cid: str
    alt: str
    width: int
    height: int
    png: bytes


def of(findings: Findings, identity: str) -> dict[str, Picture | None]:
    """Draw what there is to draw, under the names by which the mail's template knows it."""
    drawn = (_pattern(findings, identity), _verdict(findings, identity), _ledger(findings, identity))
    return dict(zip(NAMES, drawn, strict=True))


def _pattern(findings: Findings, identity: str) -> Picture | None:
    pattern = next(iter(findings.patterns), None)
    if pattern is None or not pattern.history:
        return None
    chart = control_chart(pattern.history, words.label(pattern.metric), pattern.unit, pattern.onset)
    return _picture(chart, f"pattern.{identity}", pattern_alt(pattern))


def _verdict(findings: Findings, identity: str) -> Picture | None:
    verdict = next(iter(findings.verdicts), None)
    if verdict is None or not verdict.history:
        return None
    return _picture(before_after(verdict), f"verdict.{identity}", verdict_alt(verdict))


def _ledger(findings: Findings, identity: str) -> Picture | None:
    savings = findings.ledger.savings if findings.ledger else ()
    drawn = next((saving for saving in savings if saving.history), None)
    return _picture(saved(drawn), f"ledger.{identity}", saved_alt(drawn)) if drawn else None


def _picture(drawing: Drawing, cid: str, alt: str) -> Picture:
    width, height = drawing.figure.get_size_inches()
    return Picture(
        f"{cid}@closeloop",
        lines(alt),
        CHART_WIDTH,
        round(CHART_WIDTH * height / width),
        png(drawing, CHART_WIDTH),
    )
