"""Which of many series surprise us this week: expectation, limits, p and q of counts and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from closeloop.stats.count_surprise import Expectation, Forecast, expectation
from closeloop.stats.count_tails import Floats
from closeloop.stats.count_trend import CountData, fit_trend, linear, moments
from closeloop.stats.multiple_testing import benjamini_hochberg
from closeloop.stats.series_table import SeriesTable, series_table


@dataclass(frozen=True)
class Watch:
    """How to look at the series; the defaults suit weekly counts.

    Attributes:
        season: Periods in a year.
        window: How many past periods the expectation may rest on.
        left_out: The most recent of these, left out so that a slow rise is not learnt as normal.
        memory: Weight of the previous period's score (0: each period stands alone); trouble that
            spans two periods is found sooner.
        level: Two-sided error rate of the limits.

    """

    season: float = 365.25 / 7
    window: int = 260
    left_out: int = 4
    memory: float = 0.7
    level: float = 0.01


class _Model(NamedTuple):
    name: str
    terms: int
    years: float  # of history it needs


_COMPUTED = ("expected", "low", "high", "score", "p", "p_up", "q", "q_up")
_LEAST_HISTORY = 6
_LEVEL = _Model("level", 1, 0.0)
_TREND = _Model("level + trend", 2, 0.5)
_SEASON = _Model("level + trend + season", 6, 1.15)
_PRIOR_SD = np.array([np.inf, 0.3, 0.5, 0.5, 0.5, 0.5])  # level, trend a year, two harmonics; log scale


def surprise(  # noqa: PLR0913  (the frame, its columns, and what to judge)
    series: pd.DataFrame,
    *,
    on: str = "week",
    by: Sequence[str] = (),
    count: str = "x",
    exposure: str | None = None,
    periods: int = 1,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """Judge the last periods of many series of counts, or of counts out of an exposure.

    Each judged period is compared with what the series' own past foretells: level, trend and two
    harmonics by penalised quasi-likelihood, past outbreaks down-weighted (after Noufaily et al. 2013,
    Stat Med 32:1206-1222), dispersion pooled over the series of the call, a negative-binomial (with
    exposure: beta-binomial) tail that includes the doubt about all of these. The previous period's
    surprise counts in part (`Watch.memory`).

    Args:
        series: Long frame, one row per series and period. Rows that are absent or NaN are missing,
            not 0: a series without cases needs rows with 0.
        on: Column of evenly spaced periods: whole numbers, dates, pandas periods or ISO weeks.
        by: Columns that name a series; none for a single series.
        count: Column of counts.
        exposure: Column of how many things could have counted; counts are then judged as rates.
        periods: How many of the last periods to judge, each from its own past only.
        watch: Settings, see `Watch`.

    Returns:
        One row per series and judged period that has a value: the `by` and `on` columns, then
        observed, expected, low, high (counts within these are no surprise at `Watch.level`), score,
        p (two-sided), p_up (too many), q and q_up (Benjamini-Hochberg over the series of that
        period), model and note. With under 6 past periods expected to q_up are NaN, and note says so.

    Raises:
        ValueError: The frame or a setting cannot be used; the message says why.

    """
    watch = watch or Watch()
    table = series_table(series, on=on, by=by, count=count, exposure=exposure)
    _check_settings(periods, watch)
    judged = table.periods.index[table.periods.index >= table.counts.shape[1] - periods]
    return pd.concat([_judge(table, int(period), watch, on) for period in judged], ignore_index=True)


def _check_settings(periods: int, watch: Watch) -> None:
    if periods < 1:
        raise ValueError(f"periods == {periods}, must be at least 1.")
    if not (0 <= watch.memory <= 1 and 0 < watch.level < 1):
        raise ValueError(f"memory must lie in 0..1 and level between 0 and 1; given {watch}.")
    if not (watch.season > 4 and 1 <= watch.left_out <= watch.window - _LEAST_HISTORY):
        raise ValueError(f"season must exceed 4, left_out be at least 1 and window hold 6 more; given {watch}.")


def _judge(table: SeriesTable, period: int, watch: Watch, on: str) -> pd.DataFrame:
    """Return the rows of one period."""
    rows = np.flatnonzero(np.isfinite(table.counts[:, period]))
    start = max(period - watch.window, 0)
    history = np.isfinite(table.counts[rows, start:period]).sum(axis=1)
    models = [_model_for(int(seen), watch) for seen in history]
    result = table.keys.iloc[rows].reset_index(drop=True)
    result[on] = table.periods.loc[period]
    result["observed"] = table.counts[rows, period]
    able = np.flatnonzero(history >= _LEAST_HISTORY)
    scored = _scored(table, rows[able], [model for model in models if model], (period, watch))
    result = result.join(scored.set_axis(able))
    result["model"] = [model.name if model else "none" for model in models]
    result["note"] = [_note(model, int(seen)) for model, seen in zip(models, history, strict=True)]
    return result


def _model_for(history: int, watch: Watch) -> _Model | None:
    if history < _LEAST_HISTORY:
        return None
    return next(m for m in (_SEASON, _TREND, _LEVEL) if history >= m.years * watch.season)


def _note(model: _Model | None, history: int) -> str:
    if model == _SEASON:
        return ""
    return f"only {history} periods of history" + ("" if model else f"; {_LEAST_HISTORY} are needed")


def _expectation(
    table: SeriesTable, rows: NDArray[np.intp], models: list[_Model], when: tuple[int, Watch]
) -> Expectation:
    """Expect the judged period of these series, each by its own model, their dispersions pooled."""
    period, watch = when
    order = sorted({model.terms for model in models})
    terms = np.array([model.terms for model in models], dtype=np.int64)
    groups = [np.flatnonzero(terms == number) for number in order]
    parts = [_forecast(table, rows[group], number, when) for group, number in zip(groups, order, strict=True)]
    joined = (np.concatenate(field) for field in zip(*parts, strict=True))
    place = np.argsort(np.concatenate(groups))
    pair = slice(period - 1, period + 1)
    trials = None if table.exposure is None else _known(table.exposure[rows, pair])
    forecast = Forecast(*(field[place] for field in joined))
    return expectation(forecast, table.counts[rows, period - 1], trials, memory=watch.memory)


def _forecast(table: SeriesTable, rows: NDArray[np.intp], terms: int, when: tuple[int, Watch]) -> Forecast:
    """Fit the past with this many terms and extend it to the previous and the judged period."""
    period, watch = when
    start = max(period - watch.window, 0)
    # A level needs every period it can get; the period before is judged too, so it never counts.
    past = slice(start, period - (1 if terms == _LEVEL.terms else watch.left_out))
    design = _design(np.arange(start, period + 1, dtype=np.float64) - (start + period) / 2, watch.season)[:, :terms]
    out_of = table.exposure
    data = CountData(table.counts[rows, past], None if out_of is None else out_of[rows, past])
    fit = fit_trend(data, design[: past.stop - start], _PRIOR_SD[:terms] ** -2)
    ahead = design[-2:]
    trials = None if out_of is None else _known(out_of[rows, period - 1 : period + 1])
    mean, variance = moments(linear(fit.coefficients, ahead), trials)
    doubt = np.einsum("ai,sij,bj->sab", ahead, fit.covariance, ahead)
    return Forecast(mean, variance, doubt, fit.dispersion, fit.log_variance)


def _known(trials: Floats) -> Floats:
    """Give missing periods one trial; they are never judged nor remembered."""
    return np.nan_to_num(trials, nan=1.0)


def _design(time: Floats, season: float) -> Floats:
    """Return level, trend in years and two harmonics of the year (periods x 6)."""
    year = time / season
    angle = 2 * np.pi * year
    waves = [wave(j * angle) for j in (1, 2) for wave in (np.cos, np.sin)]
    return np.column_stack([np.ones_like(year), year, *waves])


def _scored(
    table: SeriesTable, rows: NDArray[np.intp], models: list[_Model], when: tuple[int, Watch]
) -> pd.DataFrame:
    """Return the computed columns of these series."""
    if not models:
        return pd.DataFrame(columns=list(_COMPUTED), dtype=float)
    period, watch = when
    expected = _expectation(table, rows, models, when)
    score = expected.score(table.counts[rows, period])
    low, high = expected.limits(-float(ndtri(watch.level / 2)))
    p, p_up = 2 * ndtr(-np.abs(score)), ndtr(-score)
    values = (expected.mean, low, high, score, p, p_up, benjamini_hochberg(p), benjamini_hochberg(p_up))
    return pd.DataFrame(dict(zip(_COMPUTED, values, strict=True)))
