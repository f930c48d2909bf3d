"""Inside the warehouse: the pick queue, the label, the pickup, and which carrier gets the parcel."""

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import (
    CARRIERS,
    PACKAGE_TYPES,
    SERVICE_CLASSES,
    SERVICES,
    WEIGHT_BAND_OZ,
    WEIGHT_BANDS,
)
from closeloop.simulate.clocks import Shifts, open_days
from closeloop.simulate.draw import Bools, Floats, Ints, delays, during, labelled, shared_luck, stream, touched
from closeloop.simulate.geography import WAREHOUSES
from closeloop.simulate.scenario import Scenario

UTILISATION = 0.55
WORK_PER_LINE = 0.35
MEAN_LINES = 1.75
PACK_HOURS = 1.6
CANCEL_SHARE = 0.03
VOID_SHARE = 0.02
STAGE_HOURS = 1.0
PICKUP_HOUR = 17.5

# Share of UPS, USPS, FedEx for light (to 1 lb), middle (to 5 lb) and heavy parcels, and for two-day service.
CARRIER_SHARES = np.array(
    [[0.22, 0.60, 0.18], [0.34, 0.38, 0.28], [0.50, 0.14, 0.36], [0.45, 0.20, 0.35]],
)
ECONOMY_SHARE = 0.25
RENO_FEDEX_FACTOR = 1.6


def add_handling(orders: pd.DataFrame, scenario: Scenario) -> None:
    """Label time of each order by first come, first served in each warehouse; cancelled orders get none."""
    label = np.full(len(orders), np.nan)
    for warehouse in WAREHOUSES:
        rows = np.flatnonzero((orders["warehouse"] == warehouse.code).to_numpy())
        shifts = Shifts.of(scenario, warehouse.behind)
        label[rows] = labelled_at(orders.iloc[rows], shifts, warehouse.code, scenario)
    rng = stream(scenario, "cancel")
    wish = orders["ordered_at"].to_numpy(dtype=float) + rng.exponential(10.0, len(orders))
    cancelled = (rng.random(len(orders)) < CANCEL_SHARE) & (wish < label)
    orders["cancelled_at"] = np.where(cancelled, wish, np.nan)
    orders["label_at"] = np.where(cancelled, np.nan, label)


def labelled_at(orders: pd.DataFrame, shifts: Shifts, code: str, scenario: Scenario) -> Floats:
    """Label times of one warehouse's orders: one queue in working hours, then picking and packing."""
    rng = stream(scenario, f"handling {code}")
    ready = orders["ready_at"].to_numpy(dtype=float)
    luck = shared_luck(rng, 1, scenario.days + 30, scenario.noise.warehouse_day, scenario.noise)[0]
    pace = np.exp(luck[np.clip(ready / 24.0, 0, len(luck) - 1).astype(np.int64)])
    effort = (1.0 + WORK_PER_LINE * (orders["n_lines"].to_numpy() - 1)) * rng.gamma(4.0, 0.25, len(orders))
    weekly_hours = 46.0
    weekly_orders = max(len(orders) / scenario.weeks, 1.0)
    seconds = UTILISATION * weekly_hours / weekly_orders / (1.0 + WORK_PER_LINE * (MEAN_LINES - 1.0))
    done = queue(shifts.to_work(ready), effort * pace * seconds / staffing(ready, scenario))
    pack = PACK_HOURS * effort**0.5 * pace * rng.lognormal(-0.18, 0.6, len(orders))
    return shifts.to_clock(done + pack + delays("ready_to_label", orders, ready, scenario))


def staffing(hours: Floats, scenario: Scenario) -> Floats:
    """Hands per usual hand at each time: more where a planned peak was staffed for."""
    hands = np.ones(len(hours))
    for effect in scenario.effects("volume", target="staffed"):
        hands = np.where(during(effect, hours, scenario), hands * effect.size, hands)
    return hands


def queue(arrival: Floats, service: Floats) -> Floats:
    """Departures of a first-come-first-served single server (Lindley's recursion, in arrival order)."""
    order = np.argsort(arrival, kind="stable")
    total = np.cumsum(service[order])
    waits = np.maximum.accumulate(arrival[order] - (total - service[order]))
    departure = np.empty_like(arrival)
    departure[order] = total + waits
    return departure


def draw_parcels(orders: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """One row per parcel that leaves, with the order's dimensions; large orders are split in two boxes."""
    rng = stream(scenario, "parcels")
    shipped = np.flatnonzero(orders["label_at"].notna().to_numpy())
    large = (orders["complexity"] == "4+ lines").to_numpy()[shipped]
    split = rng.random(len(shipped)) < np.where(large, 0.2, 0.0)
    split |= (orders["n_lines"].to_numpy()[shipped] == 2) & (rng.random(len(shipped)) < 0.04)
    owner = np.repeat(shipped, 1 + split)
    box = np.concatenate([[0], (np.diff(owner) == 0).astype(np.int64)])[: len(owner)]
    parcels = orders.iloc[owner].drop(columns=["cancelled_at", "hold_until"]).reset_index(drop=True)
    parcels["order"] = owner
    parcels["box"] = box
    later = rng.random(len(owner)) < 0.3
    gap = np.where(later, 24.0 * rng.integers(1, 3, len(owner)), rng.uniform(0.03, 0.5, len(owner)))
    parcels["label_at"] += np.where(box == 1, gap, 0.0)
    share = np.where(np.repeat(split, 1 + split), np.where(box == 1, 0.4, 0.6), 1.0)
    parcels["weight_oz"] = np.ceil(parcels["weight_oz"] * share * rng.lognormal(0.0, 0.05, len(owner)))
    add_weight_class(parcels)
    add_service(parcels, scenario)
    add_handover(parcels, scenario)
    parcels["voided_copy"] = rng.random(len(owner)) < VOID_SHARE
    return parcels


def add_weight_class(parcels: pd.DataFrame) -> None:
    """Weight band (upper limits included) and package type."""
    ounces = parcels["weight_oz"].to_numpy(dtype=float)
    band = np.searchsorted(WEIGHT_BAND_OZ, ounces, side="left").astype(np.int64)
    parcels["weight_band"] = labelled(band, WEIGHT_BANDS)
    kind = np.digitize(ounces, (14.0, 110.0))
    parcels["package_type"] = labelled(kind, PACKAGE_TYPES)


def add_service(parcels: pd.DataFrame, scenario: Scenario) -> None:
    """Carrier by weight and warehouse, then service; reassigned slices go where the effect says."""
    rng = stream(scenario, "service")
    ounces, two_day = parcels["weight_oz"].to_numpy(dtype=float), parcels["two_day"].to_numpy(dtype=bool)
    shares = CARRIER_SHARES[np.where(two_day, 3, np.digitize(ounces, (16.01, 80.01)))]
    reno = (parcels["warehouse"] == "NV").to_numpy()
    shares = shares * np.where(reno[:, None], [1.0, 1.0, RENO_FEDEX_FACTOR], 1.0)
    edges = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    carrier = (rng.random(len(parcels))[:, None] > edges).sum(axis=1)
    parcels["carrier"] = labelled(carrier, CARRIERS)
    economy = (ounces <= 16) & (rng.random(len(parcels)) < ECONOMY_SHARE)
    label = parcels["label_at"].to_numpy(dtype=float)
    for effect in scenario.effects("reassign"):
        moved = touched(effect, parcels, label, scenario) & (rng.random(len(parcels)) < effect.size)
        carrier[moved] = CARRIERS.index(effect.target)
        parcels["carrier"] = labelled(carrier, CARRIERS)
    economy &= carrier != CARRIERS.index("USPS")
    service_class = np.where(two_day, 2, economy.astype(np.int64))
    names = [name for carrier_name in CARRIERS for name in SERVICES[carrier_name]]
    parcels["service_class"] = labelled(service_class, SERVICE_CLASSES)
    parcels["service"] = labelled(carrier * len(SERVICE_CLASSES) + service_class, names)


def add_handover(parcels: pd.DataFrame, scenario: Scenario) -> None:
    """Pickup (17:30 at the warehouse, Monday to Saturday) and the carrier's first scan 3-8 hours later."""
    rng = stream(scenario, "handover")
    label = parcels["label_at"].to_numpy(dtype=float)
    staged = label + rng.lognormal(np.log(STAGE_HOURS), 0.8, len(parcels))
    staged += delays("label_to_scan", parcels, label, scenario)
    behind = np.where(parcels["warehouse"] == "NV", 3.0, 0.0)
    behind = behind - earlier(parcels, label, scenario)
    parcels["pickup_day"] = next_pickup(staged - behind, open_days(scenario))
    parcels["pickup_at"] = parcels["pickup_day"] * 24.0 + PICKUP_HOUR + behind
    parcels["accepted_at"] = parcels["pickup_at"] + rng.uniform(3.0, 8.0, len(parcels))


def earlier(parcels: pd.DataFrame, label: Floats, scenario: Scenario) -> Floats:
    """Hours by which each parcel's pickup comes before the usual one."""
    hours = np.zeros(len(parcels))
    for effect in scenario.effects("pickup"):
        hours = np.where(touched(effect, parcels, label, scenario), effect.size, hours)
    return hours


def next_pickup(staged: Floats, is_open: Bools) -> Ints:
    """Day of the first pickup at or after each time, both on the warehouse's clock."""
    days = np.flatnonzero(is_open)
    first = np.ceil((staged - PICKUP_HOUR) / 24.0)
    return days[np.minimum(np.searchsorted(days, first), len(days) - 1)].astype(np.int64)
