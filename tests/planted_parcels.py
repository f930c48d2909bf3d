"""Parcels made by hand in a database of their own: what is planted is known to the row."""

from collections.abc import Callable
from datetime import date, datetime

import duckdb
import numpy as np
import pandas as pd

from closeloop.model import Estimate, Pattern, Slice

START, ONSET, WEEK = date(2026, 8, 31), date(2026, 10, 26), date(2026, 11, 16)
DIMS = {
    "carrier": ("A", "B", "C"),
    "service": ("ground", "air"),
    "warehouse": ("NJ", "NV"),
    "zone": ("2", "5", "8"),
    "region": ("East", "West"),
    "package_type": ("box", "bag"),
    "weight_band": ("0-1 lb", "1-2 lb", "2-5 lb"),
    "channel": ("web", "amazon"),
    "complexity": ("1 line", "4+ lines"),
}
SINGLE = {"state": "XX", "weekday": "Mon", "cutoff": "unknown"}
DAYS = (WEEK - START).days + 7

Rate = Callable[[pd.DataFrame], np.ndarray]


def drawn(rng: np.random.Generator, a_day: int) -> pd.DataFrame:
    """Draw parcels with independent traits, so many on each of 84 days, from eight weeks before the onset."""
    n = a_day * DAYS
    frame = pd.DataFrame({dim: rng.choice(values, n) for dim, values in DIMS.items()})
    frame = frame.assign(**SINGLE, day=np.repeat(np.arange(DAYS), a_day))
    frame["later"] = frame["day"] >= (ONSET - START).days
    return frame


def slow(frame: pd.DataFrame, rng: np.random.Generator, rate: np.ndarray) -> duckdb.DuckDBPyConnection:
    """Make the rows slow with the chances given, as the metrics of transit and of promises read them."""
    bad = rng.random(len(frame)) < rate
    due = pd.Timestamp(START) + pd.to_timedelta(frame["day"], unit="D") + pd.Timedelta(hours=12)
    attempt = due + pd.to_timedelta(np.where(bad, 30.0, -6.0), unit="h")
    told = frame.assign(transit_due_at=due, scan_due_at=due, attempt_at=attempt, first_scan_at=attempt,
                        label_at=due - pd.Timedelta(days=2))  # fmt: skip
    return connection(told)


def connection(parcels: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """Put parcels where the facts are, with the report's clock beside them."""
    con = duckdb.connect()
    con.register("given", parcels.drop(columns=["later", "day"]))
    con.execute("CREATE TABLE parcel_facts AS FROM given")
    con.execute("CREATE VIEW parcel_references AS FROM parcel_facts")
    con.execute("CREATE TABLE clock AS SELECT $now AS as_of", {"now": datetime(2026, 11, 23, 6)})
    return con


def pattern(metric: str, **where: str) -> Pattern:
    """A pattern since 26 October, as the scan would show it in the week of 16 November."""
    return Pattern(
        metric,
        Slice.of(where.items()),
        "step",
        ONSET,
        WEEK,
        0.2,
        0.1,
        Estimate(5, 1, 9),
        "parcels",
        0.001,
        0.01,
        100.0,
    )
