"""What the shipping system and the carriers' trackers know at the export: frames ready to be written."""

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import CARRIERS, CHANNELS, PACKAGE_TYPES, products
from closeloop.simulate.clocks import local_times, utc_times
from closeloop.simulate.draw import Ints, labelled, stream
from closeloop.simulate.geography import WAREHOUSES
from closeloop.simulate.merchant import Merchant
from closeloop.simulate.scans import PLACES, SCAN_KINDS
from closeloop.simulate.tables import FIRST_NUMBER, hours_of, known
from closeloop.simulate.transit import carrier_rows

BOX_INCHES = {"Poly Mailer": (12, 10, 1), "Package": (14, 10, 8), "Large Package": (20, 16, 12)}
NO_DELIVERY_DATE = 0.05


def tracking_codes(carrier: Ints, number: Ints) -> list[str]:
    """Tracking numbers in each carrier's form."""
    forms = {"UPS": "1Z{:016d}", "USPS": "94001{:017d}", "FedEx": "77{:010d}"}
    by_row = [forms[name] for name in CARRIERS]
    return [by_row[c].format(n) for c, n in zip(carrier, number, strict=True)]


def labels(merchant: Merchant) -> pd.DataFrame:
    """One row per label in order of creation: outbound, voided copies, and return labels."""
    scenario = merchant.scenario
    leaving = outbound(merchant)
    parts = [leaving, voided(leaving, merchant), return_labels(leaving, merchant)]
    every = pd.concat(parts, ignore_index=True)
    every = every[every["label_hours"] < scenario.export_hour]
    every = every.sort_values(["label_hours", "tracking_code"], ignore_index=True)
    every["label"] = local_times(hours_of(every, "label_hours"), scenario)
    every["created"] = local_times(hours_of(every, "ordered_at"), scenario)
    every["delivered"] = local_times(known(hours_of(every, "delivered_hours"), scenario), scenario)
    every["void"] = local_times(known(hours_of(every, "void_hours"), scenario), scenario)
    return every


def outbound(merchant: Merchant) -> pd.DataFrame:
    """The labels of the parcels that leave, with the carrier's delivery where it was passed on."""
    scenario, parcels = merchant.scenario, merchant.parcels
    kept = ["ordered_at", "channel", "carrier", "service", "cost", "zone_no", "weight_oz", "package_type"]
    frame = parcels[[*kept, "state", "postal", "residential", "warehouse", "n_lines"]].copy()
    number = parcels["order"].to_numpy()
    frame["number"] = number + FIRST_NUMBER
    frame["store"] = frame["channel"].map({c.name: c.store for c in CHANNELS})
    frame["shipping"] = merchant.orders["shipping"].to_numpy()[number]
    frame["label_hours"] = parcels["label_at"]
    rng = stream(scenario, "delivery dates")
    silent = rng.random(len(frame)) < NO_DELIVERY_DATE
    frame["delivered_hours"] = np.where(silent, np.nan, parcels["delivered_at"])
    frame["void_hours"] = np.nan
    frame["is_return"] = False
    packer = 1 + rng.integers(0, 6, len(frame)) + np.where(frame["warehouse"] == "NV", 6, 0)
    frame["user_name"] = labelled(packer.astype(np.int64), [f"packer{n}" for n in range(13)])
    boxes = np.array([BOX_INCHES[name] for name in PACKAGE_TYPES])
    kind = pd.Categorical(frame["package_type"], categories=list(PACKAGE_TYPES)).codes
    frame["length"], frame["width"], frame["height"] = boxes[kind].T
    frame["tracking_code"] = tracking_codes(carrier_rows(parcels), 1 + np.arange(len(frame)))
    return frame


def voided(leaving: pd.DataFrame, merchant: Merchant) -> pd.DataFrame:
    """Wrong labels, voided minutes before the right one was made."""
    rows = np.flatnonzero(merchant.parcels["voided_copy"].to_numpy(dtype=bool))
    frame = leaving.iloc[rows].copy()
    rng = stream(merchant.scenario, "voided")
    right = frame["label_hours"].to_numpy(dtype=float)
    ready = merchant.parcels["ready_at"].to_numpy(dtype=float)[rows]
    frame["label_hours"] = np.maximum(right - rng.uniform(0.05, 0.4, len(frame)), ready)
    frame["void_hours"] = 0.5 * (frame["label_hours"] + right)
    frame["delivered_hours"] = np.nan
    carrier = carrier_rows(merchant.parcels)[rows]
    frame["tracking_code"] = tracking_codes(carrier, 1 + len(merchant.parcels) + rows)
    return frame


def return_labels(leaving: pd.DataFrame, merchant: Merchant) -> pd.DataFrame:
    """One label per RMA, made at the request, from the customer back to the warehouse."""
    parcels = merchant.parcels
    asked = merchant.returns.groupby("order").agg(
        requested_at=("requested_at", "first"), products=("product", "first")
    )
    order = parcels["order"].to_numpy()
    rows = np.flatnonzero(np.isin(order, asked.index) & (parcels["box"].to_numpy() == 0))
    asked = asked.loc[order[rows]]
    frame = leaving.iloc[rows].copy()
    frame["label_hours"] = asked["requested_at"].to_numpy() + 0.05
    frame["delivered_hours"] = np.nan
    frame["is_return"] = True
    frame["shipping"] = 0.0
    ounces = np.array([product.weight_oz for product in products()])
    frame["weight_oz"] = np.ceil(ounces[asked["products"].to_numpy()] + 3.0)
    frame["cost"] = np.round(frame["cost"] * 0.85, 2)
    town = np.where(frame["warehouse"] == "NV", 1, 0)
    frame["state"] = labelled(town, [warehouse.state for warehouse in WAREHOUSES])
    frame["postal"] = np.array([int(warehouse.zip) for warehouse in WAREHOUSES])[town]
    frame["residential"] = False
    number = 1 + 2 * len(parcels) + rows
    frame["tracking_code"] = tracking_codes(carrier_rows(parcels)[rows], number)
    return frame


def scans(merchant: Merchant) -> pd.DataFrame:
    """One row per scan recorded by the export, by parcel and time; a voided label has one scan."""
    scenario, parcels = merchant.scenario, merchant.parcels
    every = merchant.scans
    every = pd.concat([every, void_scans(merchant)], ignore_index=True)
    every = every[every["recorded_at"] < scenario.export_hour].reset_index(drop=True)
    parcel = every["parcel"].to_numpy(dtype=np.int64)
    carrier = np.tile(carrier_rows(parcels), 2)
    codes = tracking_codes(carrier, 1 + np.arange(2 * len(parcels)))
    frame = pd.DataFrame({"tracking_code": labelled(parcel, codes)})
    frame["carrier"] = labelled(carrier[parcel], CARRIERS)
    kind = every["kind"].to_numpy(dtype=np.int64)
    frame["status"] = labelled(kind, [scan.status for scan in SCAN_KINDS])
    frame["message"] = labelled(kind, [scan.message for scan in SCAN_KINDS])
    frame["status_detail"] = every["detail"].array
    for name in ("occurred", "recorded"):
        frame[name] = utc_times(local_times(hours_of(every, f"{name}_at"), scenario), scenario)
    add_places(frame, carrier[parcel], every["place"].to_numpy(dtype=np.int64))
    return frame


def add_places(frame: pd.DataFrame, carrier: Ints, place: Ints) -> None:
    """City, state, postal code and facility name of each scan."""
    for field in ("city", "state", "zip"):
        frame[field] = labelled(place, [getattr(site, field) for site in PLACES])
    names = [f"{name} {site.city} {site.state}" if site.city else "" for name in CARRIERS for site in PLACES]
    frame["facility"] = labelled(carrier * len(PLACES) + place, names)


def void_scans(merchant: Merchant) -> pd.DataFrame:
    """The label-created scans of voided labels; their trackers are numbered after the parcels'."""
    rows = np.flatnonzero(merchant.parcels["voided_copy"].to_numpy(dtype=bool))
    first = merchant.scans[merchant.scans["kind"] == 0].set_index("parcel").reindex(rows)
    frame = first.reset_index(drop=True)
    frame["parcel"] = rows + len(merchant.parcels)
    return frame.dropna(subset=["occurred_at"])
