"""The whole simulated merchant: everything that happens, before anyone exports a file."""

from typing import NamedTuple

import pandas as pd

from closeloop.simulate.costs import add_costs
from closeloop.simulate.handling import add_handling, draw_parcels
from closeloop.simulate.orders import draw_lines, draw_orders
from closeloop.simulate.returns import draw_returns
from closeloop.simulate.scans import draw_scans
from closeloop.simulate.scenario import Scenario
from closeloop.simulate.transit import add_transit


class Merchant(NamedTuple):
    """What truly happens, future included: times are local hours since `scenario.start`.

    `orders`, `lines`, `parcels`, `scans` and `returns` have one row per order, order line, parcel, carrier
    scan and returned line. `order` and `parcel` columns are row numbers of the other frames.
    """

    scenario: Scenario
    orders: pd.DataFrame
    lines: pd.DataFrame
    parcels: pd.DataFrame
    scans: pd.DataFrame
    returns: pd.DataFrame


def simulate(scenario: Scenario) -> Merchant:
    """Draw a merchant; the same scenario always gives the same merchant."""
    orders = draw_orders(scenario)
    lines = draw_lines(orders, scenario)
    add_handling(orders, scenario)
    parcels = draw_parcels(orders, scenario)
    add_transit(parcels, scenario)
    add_costs(parcels, scenario)
    scans = draw_scans(parcels, scenario)
    return Merchant(scenario, orders, lines, parcels, scans, draw_returns(orders, lines, parcels, scenario))
