from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from closeloop.simulate import demo_scenario, simulate, write_exports

FULL_STAMP = "%Y-%m-%d %H:%M:%S %z"
PLAIN_STAMP = "%m/%d/%Y %I:%M:%S %p"
ZONE = "America/New_York"


class Files(NamedTuple):
    """The exported files as text, and their folder."""

    folder: Path
    shopify: pd.DataFrame
    shipstation: pd.DataFrame
    tracker: pd.DataFrame
    returns: pd.DataFrame
    products: pd.DataFrame


def read(folder: Path) -> Files:
    names = ("shopify_orders", "shipstation_shipments", "tracker_events", "returns", "products")
    frames = [pd.read_csv(folder / f"{n}.csv", dtype="str", keep_default_na=False) for n in names]
    return Files(folder, *frames)


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Files:
    """Sixteen weeks to 2026-W47, from 2026-08-03, 2,500 orders a week."""
    folder = tmp_path_factory.mktemp("demo")
    write_exports(simulate(demo_scenario(weeks=16, orders_per_week=2500, seed=11)), folder)
    return read(folder)


@pytest.fixture(scope="session")
def parcels(files) -> pd.DataFrame:
    """One row per live outbound label, joined to its order and its scans from the files alone."""
    heads = order_heads(files.shopify)
    labels = files.shipstation
    live = labels[(labels["Shipment - Void Flag"] == "False") & (labels["Return - Return Label Flag"] == "False")]
    frame = pd.DataFrame(
        {
            "name": "#" + live["Order - Number"],
            "tracking": live["Shipment - Tracking Number"],
            "label": pd.to_datetime(live["Date - Label Create Date"], format=PLAIN_STAMP),
            "carrier": live["Carrier - Name"],
            "service": live["Carrier - Service Selected"],
            "warehouse": live["Operations - Warehouse"],
            "state": live["Ship To - State"],
            "zone": live["Shipment - Zone"],
            "ounces": live["Shipment - Weight (Oz)"].astype(int),
            "cost": live["Amount - Shipping Cost"].astype(float),
        }
    )
    return frame.merge(heads, on="name").merge(scan_summary(files.tracker), on="tracking", how="left")


def order_heads(shopify: pd.DataFrame) -> pd.DataFrame:
    """One row per order: channel, lines, local times, promise."""
    first = shopify[shopify["Source"] != ""]
    note = first["Note Attributes"]
    hold = note.str.extract(r"On hold until: (.*)$")[0]
    ready = local(first["Paid at"]).combine(local(hold.fillna("")), max_known)
    lines = shopify.groupby("Name").size()
    return pd.DataFrame(
        {
            "name": first["Name"],
            "channel": first["Source"],
            "created": local(first["Created at"]),
            "ready": ready,
            "promised": pd.to_datetime(note.str.extract(r"promised_delivery: (\S+)")[0]),
            "lines": first["Name"].map(lines),
        }
    )


def local(text: pd.Series) -> pd.Series:
    """Shopify's offset stamps as New York wall time."""
    parsed = pd.to_datetime(text.where(text != "", None), format=FULL_STAMP, utc=True)
    return parsed.dt.tz_convert(ZONE).dt.tz_localize(None)


def max_known(a, b):
    return a if pd.isna(b) else b if pd.isna(a) else max(a, b)


def scan_summary(tracker: pd.DataFrame) -> pd.DataFrame:
    """Acceptance, first carrier scan, first attempt and exception words per tracking code."""
    seen = pd.DataFrame({"tracking": tracker["tracking_code"], "detail": tracker["status_detail"]})
    seen["at"] = pd.to_datetime(tracker["datetime"], utc=True).dt.tz_convert(ZONE).dt.tz_localize(None)
    attempted = (tracker["status"] == "delivered") | tracker["message"].str.startswith("Delivery attempted")
    chosen = {
        "accepted": seen["detail"] == "received_at_origin_facility",
        "first_scan": tracker["status"] != "pre_transit",
        "attempt": attempted,
        "weather": seen["detail"] == "weather_delay",
    }
    parts = {name: seen[mask].groupby("tracking")["at"].min() for name, mask in chosen.items()}
    return pd.DataFrame(parts).reset_index(names="tracking")
