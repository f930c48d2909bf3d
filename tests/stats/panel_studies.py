"""Studies of one change among segments left alone, drawn by hand."""

import numpy as np
import pandas as pd

from closeloop.stats.panel import BeforeAfter, before_after

SHIPPED = pd.Timestamp("2026-03-02")


def parcels(seed: int, effect: float = 0.0, segments: int = 9, weeks: tuple[int, int] = (12, 4), volume: int = 400):
    """Daily counts: 6 % late, shared and own autocorrelated shocks; segment s0 changes on the ship date."""
    rng = np.random.default_rng(seed)
    days = 7 * sum(weeks)
    own, shared = 0.12 * rng.standard_normal((segments, days)), 0.15 * rng.standard_normal(days)
    for day in range(1, days):
        own[:, day] = 0.6 * own[:, day - 1] + 0.8 * own[:, day]
        shared[day] = 0.8 * shared[day - 1] + 0.6 * shared[day]
    logs = np.log(0.06) + 0.25 * rng.standard_normal((segments, 1)) + own + shared
    logs[0, 7 * weeks[0] :] += np.log1p(effect)
    return long(rng.binomial(volume, np.exp(logs)), volume, weeks[0])


def long(counts: np.ndarray, volume: int, weeks_before: int) -> pd.DataFrame:
    dates = pd.date_range(SHIPPED - pd.Timedelta(weeks=weeks_before), periods=counts.shape[1])
    return pd.DataFrame({
        "segment": np.repeat([f"s{i}" for i in range(len(counts))], len(dates)),
        "date": np.tile(dates, len(counts)),
        "late": counts.ravel(),
        "n": volume,
    })  # fmt: skip


def judge(daily: pd.DataFrame, **options) -> BeforeAfter:
    return before_after(daily, **({"shipped": SHIPPED, "treated": "s0", "count": "late", "exposure": "n"} | options))


def by_week(daily: pd.DataFrame) -> pd.DataFrame:
    monday = daily["date"] - pd.to_timedelta(daily["date"].dt.day_of_week, unit="D")
    return daily.assign(date=monday).groupby(["segment", "date"], as_index=False).sum()
