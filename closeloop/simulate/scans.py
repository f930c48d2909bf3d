"""What the carriers' trackers say of each parcel, scan by scan, and when the merchant learned it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import CARRIERS
from closeloop.simulate.draw import Bools, Floats, Ints, labelled, stream, touched
from closeloop.simulate.geography import REGIONS, STATES, WAREHOUSES
from closeloop.simulate.scenario import Scenario
from closeloop.simulate.transit import EXCEPTIONS, HUB_EXCEPTIONS, LOST, carrier_rows


class ScanKind(NamedTuple):
    """A kind of scan in EasyPost's words, and where it is made."""

    name: str
    status: str
    detail: str
    message: str
    place: str


SCAN_KINDS = (
    ScanKind("label", "pre_transit", "label_created", "Shipping label created, awaiting item", "none"),
    ScanKind("accepted", "in_transit", "received_at_origin_facility", "Accepted at facility", "origin"),
    ScanKind("departed", "in_transit", "departed_origin_facility", "Departed origin facility", "origin"),
    ScanKind("hub_in", "in_transit", "arrived_at_facility", "Arrived at facility", "hub"),
    ScanKind("hub_out", "in_transit", "departed_facility", "Departed facility", "hub"),
    ScanKind("reached", "in_transit", "received_at_destination_facility", "Arrived at local facility", "end"),
    ScanKind("out", "out_for_delivery", "out_for_delivery", "Out for delivery", "end"),
    ScanKind("attempt", "failure", "delivery_exception", "Delivery attempted, nobody available", "end"),
    ScanKind("delivered", "delivered", "arrived_at_destination", "Delivered", "end"),
    ScanKind("carrier_delay", "in_transit", "delayed", "Delayed in the carrier network", "hub"),
    ScanKind("missort", "in_transit", "missorted", "Missorted, being rerouted", "hub"),
    ScanKind("damaged", "failure", "damaged", "Damage reported", "end"),
    ScanKind("lost", "failure", "lost", "Declared lost after search", "hub"),
    ScanKind("weather", "in_transit", "weather_delay", "Delayed by severe weather", "end"),
    ScanKind("address", "failure", "address_correction", "Address incorrect or incomplete", "end"),
    ScanKind("held", "failure", "held", "Held at facility", "end"),
    ScanKind("returned", "return_to_sender", "return", "Returning to sender", "end"),
)
SCAN_NAMES = tuple(kind.name for kind in SCAN_KINDS)
MISSED_ACCEPTANCE = {"UPS": 0.02, "USPS": 0.05, "FedEx": 0.03}
LATE_POST_SHARE = 0.02


class Place(NamedTuple):
    """A carrier site as trackers print it."""

    city: str
    state: str
    zip: str


class Scans(NamedTuple):
    """Scans as parallel arrays: parcel row, kind (row of SCAN_KINDS), local hours, place (row of PLACES)."""

    parcel: Ints
    kind: Ints
    at: Floats
    place: Ints


def site_zip(zip3: int) -> str:
    """Postal code of a carrier site: the main one of a three-digit prefix."""
    return f"{zip3:03d}01"


def places() -> tuple[Place, ...]:
    """No place, then warehouses' towns, hubs by region, states."""
    by_state = {state.code: state for state in STATES}
    hubs = [(hub[:-3], hub[-2:]) for hub, _ in REGIONS.values()]
    return (
        Place("", "", ""),
        *(Place(w.city, w.state, w.zip) for w in WAREHOUSES),
        *(Place(city, state, site_zip(by_state[state].zip3_high)) for city, state in hubs),
        *(Place(s.city, s.code, site_zip(s.zip3_low)) for s in STATES),
    )


PLACES = places()


def draw_scans(parcels: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """One row per scan with `parcel`, `kind`, `occurred_at`, `recorded_at` (local hours) and `place`.

    Scans are in time order within a parcel. Nothing is cut at the export.
    """
    rng = stream(scenario, "scans")
    times = scan_times(parcels, rng)
    parts = [scans_of(kind, times[kind.name], parcels, scenario) for kind in SCAN_KINDS if kind.name in times]
    joined = Scans(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    order = np.lexsort((joined.at, joined.parcel))
    at = joined.at[order]
    lag = rng.lognormal(0.0, 1.0, len(at))
    lag += np.where(rng.random(len(at)) < LATE_POST_SHARE, rng.uniform(18.0, 30.0, len(at)), 0.0)
    frame = pd.DataFrame({"parcel": joined.parcel[order], "kind": joined.kind[order], "occurred_at": at})
    frame["recorded_at"] = at + lag
    frame["place"] = joined.place[order]
    frame["detail"] = spoken(frame, parcels, scenario)
    return frame


def scan_times(parcels: pd.DataFrame, rng: np.random.Generator) -> dict[str, Floats]:
    """Local time of each kind of scan for every parcel, NaN where there is none."""
    count = len(parcels)
    at = {name: parcels[name].to_numpy(dtype=float) for name in ("label_at", "accepted_at", "reached_at")}
    exception = parcels["exception"].to_numpy(dtype=np.int64)
    seen = np.where(exception == LOST, np.nan, at["reached_at"])
    departed = at["accepted_at"] + rng.uniform(0.5, 3.0, count)
    hub_in, hub_out = hub_times(parcels, departed, rng)
    failed = parcels["failed_attempt"].to_numpy(dtype=bool)
    delivered = parcels["delivered_at"].to_numpy(dtype=float)
    skips = np.array([MISSED_ACCEPTANCE[name] for name in CARRIERS])[carrier_rows(parcels)]
    missed = rng.random(count) < skips
    return {
        "label": at["label_at"] + rng.uniform(0.02, 0.3, count),
        "accepted": np.where(missed, np.nan, at["accepted_at"]),
        "departed": departed,
        "hub_in": hub_in,
        "hub_out": np.where(exception == LOST, np.nan, hub_out),
        "reached": seen,
        "out": parcels["out_at"].to_numpy(dtype=float),
        "attempt": np.where(failed, parcels["attempt_at"].to_numpy(dtype=float), np.nan),
        "delivered": delivered,
        "returned": parcels["returned_at"].to_numpy(dtype=float),
        **trouble_times(parcels, np.where(np.isnan(hub_in), departed, hub_in), hub_out, rng),
    }


def hub_times(parcels: pd.DataFrame, departed: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Arrival at and departure from the regional hub; delays on the road are time spent there."""
    span = parcels["reached_at"].to_numpy(dtype=float) - departed
    usual = np.minimum(span, parcels["base_days"].to_numpy() * 24.0)
    hub_in = departed + rng.uniform(0.35, 0.6, len(parcels)) * usual
    hub_out = departed + span - rng.uniform(0.15, 0.3, len(parcels)) * usual
    passes = span > 20.0
    return np.where(passes, hub_in, np.nan), np.where(passes, hub_out, np.nan)


def trouble_times(
    parcels: pd.DataFrame, start: Floats, hub_out: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    """Time of the exception scan by category: at the hub, or after arrival at the destination."""
    exception = parcels["exception"].to_numpy(dtype=np.int64)
    reached = parcels["reached_at"].to_numpy(dtype=float)
    out = parcels["planned_out_at"].to_numpy(dtype=float)
    share = rng.uniform(0.3, 0.9, len(parcels))
    leave = np.where(np.isnan(hub_out), reached, hub_out)
    at_hub = start + share * (leave - start)
    at_end = reached + share * np.minimum(out - reached, 10.0)
    times = np.where(np.isin(exception, HUB_EXCEPTIONS), at_hub, at_end)
    times = np.where(exception == LOST, reached + 24.0 * 12, times)
    return {name: np.where(exception == row, times, np.nan) for row, name in enumerate(EXCEPTIONS[:-1])}


def scans_of(kind: ScanKind, at: Floats, parcels: pd.DataFrame, scenario: Scenario) -> Scans:
    """The scans of one kind that were made: planned, and not dropped by a planted effect."""
    rng = stream(scenario, f"drop {kind.name}")
    made: Bools = ~np.isnan(at)
    for effect in scenario.effects("drop_scan", target=kind.name):
        made &= ~(touched(effect, parcels, at, scenario) & (rng.random(len(at)) < effect.size))
    rows = np.flatnonzero(made)
    number = np.full(len(rows), SCAN_NAMES.index(kind.name))
    return Scans(rows, number, at[rows], place_rows(kind.place, parcels)[rows])


def place_rows(where: str, parcels: pd.DataFrame) -> Ints:
    """Row of PLACES for each parcel's origin, hub or destination."""
    if where == "origin":
        codes = [warehouse.code for warehouse in WAREHOUSES]
        return 1 + pd.Categorical(parcels["warehouse"], categories=codes).codes.astype(np.int64)
    if where == "hub":
        region = pd.Categorical(parcels["region"], categories=list(REGIONS)).codes.astype(np.int64)
        return 1 + len(WAREHOUSES) + region
    if where == "end":
        return 1 + len(WAREHOUSES) + len(REGIONS) + parcels["state_row"].to_numpy(dtype=np.int64)
    return np.zeros(len(parcels), dtype=np.int64)


def spoken(scans: pd.DataFrame, parcels: pd.DataFrame, scenario: Scenario) -> pd.Categorical:
    """Status detail of each scan, after planted changes of vocabulary."""
    details = [kind.detail for kind in SCAN_KINDS]
    code = scans["kind"].to_numpy(dtype=np.int64).copy()
    rng = stream(scenario, "vocabulary")
    for effect in scenario.effects("vocabulary"):
        old, _, new = effect.target.partition("->")
        rows = np.flatnonzero(np.array([detail == old for detail in details])[code])
        shown = parcels.iloc[scans["parcel"].to_numpy()[rows]]
        hit = touched(effect, shown, scans["occurred_at"].to_numpy(dtype=float)[rows], scenario)
        details.append(new)
        code[rows[hit & (rng.random(len(rows)) < effect.size)]] = len(details) - 1
    return labelled(code, details)
