"""The metrics in words, made from their entries: what each asks, how it is counted, what it needs."""

from __future__ import annotations

from closeloop import metrics
from closeloop.model import Metric, StockMetric, TimeMetric
from closeloop.sources.levels import LEVELS

AnyMetric = Metric | TimeMetric | StockMetric

ESTIMATORS = {
    "due cohort": "counted in the week in which the answer fell due, so that what is overdue counts against it",
    "fixed horizon": "a row is counted once it has reached an age at which every row is asked",
    "exposure rate": "events over the days under way, so that the running week can be read",
    "survival": "Kaplan-Meier (or Aalen-Johansen where it can end in two ways): what has not ended yet still runs",
    "stock": "how many wait at the end of a day",
}
"""The five ways of counting by which a young week is never flattered."""


def markdown() -> str:
    """Return the glossary of all metrics as Markdown, by the level of data from which they can be had."""
    parts = [HEAD, *(f"- **{name}**: {meaning}." for name, meaning in ESTIMATORS.items()), ""]
    for level in LEVELS:
        if known := [one for one in metrics.EVERY if one.level == level.code]:
            parts += [f"## {level.code}: {level.named}", "", *(line for one in known for line in _entry(one))]
    return "\n".join(parts)


HEAD = """# Metrics

This page is made from the entries in `closeloop/metrics/` by `closeloop metrics --markdown`. Metrics marked
*every week* are scanned for patterns in every slice; the others are there when asked for:
`loop.series("reship_rate", "carrier = UPS & lane = NJ to Pacific")` for rates, `times.durations` for times and
`stocks.stock` for what waits.

A metric is counted in one of these ways:
"""


def _entry(one: AnyMetric) -> list[str]:
    marks = [f"`{one.id}`", one.estimator, f"{one.better} is better"]
    if isinstance(one, Metric) and one.scanned:
        marks.append("*every week*")
    if isinstance(one, Metric) and one.complete_after:
        marks.append(f"final after {one.complete_after:g} days")
    if not isinstance(one, StockMetric) and one.clock == "business":
        marks.append("business hours")
    needs = ", ".join(f"`{need}`" for need in one.needs)
    return [f"### {one.label}", "", f"{one.question} {_sentence(one.definition)}", "", f"{' · '.join(marks)}.", "",
            f"Needs {needs}. Slices: {', '.join(one.dims) or 'none'}.", ""]  # fmt: skip


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."
