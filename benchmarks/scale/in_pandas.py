"""The same cube as a data scientist writes it in pandas: merges, flags, and one groupby per metric and slice set."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.scale.generate import LAST_WEEK, STATES, TIMEZONE
from benchmarks.scale.merchant import VOCABULARY
from closeloop.cube import FINE, NESTED
from closeloop.metrics.dimensions import LINE_SLICES, ORDER_SLICES, PARCEL_SLICES

METRICS = (
    "ready_to_label", "shipping_progress", "order_to_handover", "late_handover", "label_to_first_scan", "idle_labels",
    "idle_24h", "idle_48h", "exception_rate", "on_time_delivery", "missing_scan_rate", "first_attempt_success",
    "surcharge_share", "adjust_rate", "service_upgrade_share", "return_rate",
)  # fmt: skip
AS_OF = pd.Timestamp(LAST_WEEK) + pd.Timedelta(days=7, hours=6)
END = pd.Timestamp(LAST_WEEK) + pd.Timedelta(days=7)
SPEED = {"two_day": 2, "ground": 4, "economy": 5}
REGIONS = Path(__file__).parents[2] / "closeloop" / "sql" / "regions.csv"

Answer = tuple[str, tuple[str, ...], pd.Series, pd.Series]
"""A metric, the dimensions of its slices, and its bad and total by week and slice."""


def read(folder: Path, pattern: str) -> pd.DataFrame:
    """Read a table with times on the merchant's wall clock, as they were known at the report."""
    frame = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob(pattern))], ignore_index=True)
    for name in frame.select_dtypes("datetimetz"):
        local = frame[name].dt.tz_convert(TIMEZONE).dt.tz_localize(None)
        frame[name] = local if name == "promised_ship_by" else local.where(local < AS_OF)
    return frame


def due(at: pd.Series, days: int) -> pd.Series:
    """Return the instant some working days later; a clock that starts on a day off starts the next one at 0:00."""
    day = at.dt.normalize()
    known = day.notna()
    dates = day[known].to_numpy().astype("datetime64[D]")
    later = pd.Series(np.busday_offset(dates, days, roll="forward", weekmask="1111110"), index=day.index[known])
    worked = pd.Series(np.is_busday(dates, weekmask="1111110"), index=later.index)
    return later.astype("datetime64[us]") + (at - day).where(worked, pd.Timedelta(0))


def scanned(folder: Path) -> pd.DataFrame:
    """Reduce the scans to one row per parcel."""
    events = read(folder, "tracking_events_*.parquet").dropna(subset=["recorded_at"])
    words = pd.DataFrame(list(csv.DictReader(VOCABULARY.open(encoding="utf-8")))).set_index("code")
    status = events["source_code"].map(words["status"]).fillna(events["source_status"].map(words["status"]))
    status = status.mask(events["source_status"] == "delivered", "delivered").fillna("unknown")
    category = events["source_code"].map(words["exception_category"]).fillna("")
    at, key = events["occurred_at"], events["shipment_id"]
    chosen = {
        "first_scan_at": ~status.isin(["label_created", "unknown", "voided"]),
        "attempt_at": status.isin(["attempt_failed", "available_for_pickup", "delivered"]),
        "attempt_failed_at": status == "attempt_failed",
        "delivered_at": status == "delivered",
        "exception_at": category != "",
    }
    made = {name: at[rows].groupby(key[rows]).min() for name, rows in chosen.items()}
    accepted = key[status == "accepted"].value_counts()
    return pd.DataFrame(made).assign(accepted=accepted).rename_axis("shipment_id")


def parcels_of(folder: Path) -> pd.DataFrame:
    """One row per parcel."""
    rows = read(folder, "shipments.parquet")
    rows = rows[rows["voided_at"].isna() & rows["label_created_at"].notna()]
    rows = rows.merge(scanned(folder), left_on="shipment_id", right_index=True, how="left", suffixes=("_file", ""))
    bands = ["0-1 lb", "1-2 lb", "2-5 lb", "5-10 lb", "10+ lb"]
    edges = [-1, 453.6, 907.2, 2268, 4536, np.inf]
    return rows.assign(weight_band=pd.cut(rows["weight_g"], edges, labels=bands).astype(str)).rename(
        columns={"label_created_at": "label_at"}
    )


def orders_of(folder: Path, parcels: pd.DataFrame) -> pd.DataFrame:
    """One row per order."""
    rows = read(folder, "orders.parquet").dropna(subset=["ordered_at"])
    lines = read(folder, "order_lines.parquet").groupby("order_id").size().reindex(rows["order_id"]).to_numpy()
    first = parcels.groupby("order_id")[["label_at", "first_scan_at"]].min()
    regions = pd.read_csv(REGIONS).query("country == 'US'").set_index("state")["region"]
    early = parcels[parcels["label_at"] < parcels["label_at"].min() + timedelta(weeks=12)]
    state = early["order_id"].map(rows.set_index("order_id")["dest_state"])
    shares = pd.crosstab(state, early["warehouse"], normalize="index").reindex(STATES).fillna(0)
    site = shares.idxmax(axis=1).where(shares.max(axis=1) >= 0.8, "unknown")
    made = rows.assign(
        complexity=np.select([lines == 1, lines < 4], ["1 line", "2-3 lines"], "4+ lines"),
        weekday=rows["ordered_at"].dt.day_name().str[:3],
        region=rows["dest_state"].map(regions),
        warehouse=rows["dest_state"].map(site),
        cutoff="unknown",
    ).rename(columns={"dest_state": "state"})
    return made.merge(first, left_on="order_id", right_index=True, how="left")


def order_metrics(orders: pd.DataFrame) -> Iterator[tuple[str, pd.Series, pd.Series, pd.Series]]:
    """Yield id, due time, bad and total of the metrics per order."""
    label_due, handover_due = due(orders["ready_at"], 1), due(orders["ordered_at"], 2)
    for name, at, done in (
        ("ready_to_label", label_due, "label_at"),
        ("shipping_progress", label_due, "first_scan_at"),
        ("order_to_handover", handover_due, "first_scan_at"),
        ("late_handover", orders["promised_ship_by"], "first_scan_at"),
    ):
        counted = orders["cancelled_at"].isna() | (orders["cancelled_at"] > at)
        yield name, at.where(counted), ~(orders[done] <= at), counted


def parcel_metrics(parcels: pd.DataFrame) -> Iterator[tuple[str, pd.Series, pd.Series, pd.Series]]:
    """Yield id, due time, bad and total of the metrics per parcel."""
    label, scan, every = parcels["label_at"], parcels["first_scan_at"], pd.Series(1, index=parcels.index)
    for name, at in (
        ("label_to_first_scan", due(label, 1)), ("idle_labels", due(label, 2)),
        ("idle_24h", label + timedelta(hours=24)), ("idle_48h", label + timedelta(hours=48)),
    ):  # fmt: skip
        yield name, at, ~(scan <= at), every
    yield "exception_rate", label, parcels["exception_at"] < label + timedelta(days=7), every
    promised = pd.to_datetime(parcels["promised_date"])
    at = pd.concat([promised, label.dt.normalize()], axis=1).max(axis=1).where(promised.notna())
    yield "on_time_delivery", at, ~(parcels["attempt_at"].dt.normalize() <= promised), every
    yield "missing_scan_rate", parcels["delivered_at"], parcels["accepted"].isna(), every
    yield "first_attempt_success", parcels["attempt_at"], parcels["attempt_failed_at"] <= parcels["attempt_at"], every
    cost = parcels["cost"].astype(float)
    yield "surcharge_share", label, parcels["cost_surcharge"].astype(float), cost
    yield "adjust_rate", label, parcels["cost_invoiced"].astype(float) > parcels["rate_quoted"].astype(float), every
    slow, asked = parcels["service_class"].map(SPEED), parcels["requested_class"].map(SPEED)
    yield "service_upgrade_share", label.where(asked.notna()), slow < asked, every


def line_metrics(lines: pd.DataFrame) -> Iterator[tuple[str, pd.Series, pd.Series, pd.Series]]:
    """Yield id, due time, bad and total of the metrics per order line."""
    late = lines["requested_at"] < lines["ordered_at"] + timedelta(days=21)
    yield "return_rate", lines["ordered_at"], late, pd.Series(1, index=lines.index)


def lines_of(folder: Path, orders: pd.DataFrame) -> pd.DataFrame:
    """One row per order line of orders that were not cancelled."""
    asked = read(folder, "returns.parquet").groupby(["order_id", "sku"])["requested_at"].min()
    kept = orders.loc[orders["cancelled_at"].isna(), ["order_id", "ordered_at", "channel", "campaign", "region"]]
    lines = read(folder, "order_lines.parquet").merge(kept, on="order_id")
    return lines.merge(asked.reset_index(), on=["order_id", "sku"], how="left")


def build(folder: Path) -> Iterator[Answer]:
    """Yield the sums of every metric for every slice of up to two dimensions."""
    parcels = parcels_of(folder)
    orders = orders_of(folder, parcels)
    told = orders[
        [
            "order_id",
            "channel",
            "complexity",
            "state",
            "region",
            "weekday",
            "cutoff",
            "promised_date",
            "requested_class",
        ]
    ]
    parcels = parcels.merge(told, on="order_id", how="left")
    for rows, dims, metrics in (
        (orders, ORDER_SLICES, order_metrics(orders)),
        (parcels, PARCEL_SLICES, parcel_metrics(parcels)),
    ):
        yield from _summed(rows, dims, metrics)
    lines = lines_of(folder, orders)
    yield from _summed(lines, LINE_SLICES, line_metrics(lines))


def _summed(
    rows: pd.DataFrame, dims: tuple[str, ...], metrics: Iterator[tuple[str, pd.Series, pd.Series, pd.Series]]
) -> Iterator[Answer]:
    coded = rows[list(dims)].astype("category")
    pairs = [pair for pair in combinations(dims, 2) if not set(pair) & FINE and pair not in NESTED]
    for name, at, bad, total in metrics:
        known = at.notna() & (at < END)
        week = (at - pd.to_timedelta(at.dt.weekday, unit="D")).dt.normalize()
        frame = coded.assign(week=week, bad=bad.astype(float), total=total.astype(float))[known]
        for fixed in [(), *combinations(dims, 1), *pairs]:
            sums = frame.groupby(["week", *fixed], observed=True)[["bad", "total"]].sum()
            yield name, fixed, sums["bad"], sums["total"]
