"""What a label costs: a rate card by zone and weight, surcharges, and planted rate changes."""

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import CARRIERS
from closeloop.simulate.draw import Floats, stream, touched
from closeloop.simulate.scenario import Scenario
from closeloop.simulate.transit import carrier_rows

# Commercial ground card: zone 1 price by billed pounds, and zone 8 as a multiple of zone 1.
POUNDS = (0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
ZONE_1_PRICE = (3.3, 3.6, 4.2, 4.9, 6.2, 7.9, 8.9, 11.2, 21.0)
ZONE_8_RATIO = (1.2, 1.25, 1.32, 1.4, 1.9, 2.1, 2.4, 2.9, 3.2)
CARRIER_PRICE = {"UPS": 1.22, "USPS": 1.0, "FedEx": 1.18}
CLASS_PRICE = {"ground": 1.0, "economy": 0.9, "two_day": 1.9}
FUEL_SHARE = 0.16
RESIDENTIAL, DELIVERY_AREA, HANDLING = 1.85, 2.40, 12.0
DELIVERY_AREA_SHARE = 0.10


def add_costs(parcels: pd.DataFrame, scenario: Scenario) -> None:
    """Label cost in dollars, with surcharges; planted steps count by label time."""
    rng = stream(scenario, "costs")
    card = card_price(parcels)
    private = np.isin(carrier_rows(parcels), (CARRIERS.index("UPS"), CARRIERS.index("FedEx")))
    surcharges = FUEL_SHARE * card + RESIDENTIAL * parcels["residential"].to_numpy(dtype=float)
    surcharges = surcharges + DELIVERY_AREA * (rng.random(len(parcels)) < DELIVERY_AREA_SHARE)
    cost = card + np.where(private, surcharges, 0.0)
    cost += HANDLING * (private & (parcels["weight_oz"].to_numpy() > 800))
    cost = np.round(cost, 2)
    label = parcels["label_at"].to_numpy(dtype=float)
    for effect in scenario.effects("cost_add", "cost_factor"):
        changed = cost + effect.size if effect.kind == "cost_add" else cost * effect.size
        cost = np.where(touched(effect, parcels, label, scenario), changed, cost)
    parcels["cost"] = np.round(cost, 2)


def card_price(parcels: pd.DataFrame) -> Floats:
    """Price on the card: weight rounded up to the next quarter pound below one pound, else the next pound."""
    pounds = parcels["weight_oz"].to_numpy(dtype=float) / 16.0
    billed = np.where(pounds <= 1.0, np.ceil(pounds * 4.0) / 4.0, np.ceil(pounds))
    zone = parcels["zone_no"].to_numpy(dtype=float)
    ratio = np.interp(billed, POUNDS, ZONE_8_RATIO)
    ground = np.interp(billed, POUNDS, ZONE_1_PRICE) * (1.0 + (ratio - 1.0) * (zone - 1.0) / 7.0)
    pace = parcels["service_class"].map(CLASS_PRICE).to_numpy(dtype=float)
    return ground * pace * parcels["carrier"].map(CARRIER_PRICE).to_numpy(dtype=float)
