"""Where parcels start and go: two warehouses, the states, and the zones between them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class State(NamedTuple):
    """A destination: people in millions, centre of population, postal prefixes, hours behind New York."""

    code: str
    people: float
    latitude: float
    longitude: float
    zip3_low: int
    zip3_high: int
    city: str
    behind: int


class Warehouse(NamedTuple):
    """An origin: where it is, and hours its clock is behind New York."""

    code: str
    city: str
    state: str
    zip: str
    latitude: float
    longitude: float
    behind: int


WAREHOUSES = (
    Warehouse("NJ", "Edison", "NJ", "08817", 40.52, -74.41, 0),
    Warehouse("NV", "Reno", "NV", "89502", 39.53, -119.81, 3),
)

# People: US census estimates, rounded. Positions are near each state's centre of population.
STATES = (
    State("AL", 5.1, 33.0, -86.8, 350, 369, "Birmingham", 1),
    State("AK", 0.7, 61.2, -149.9, 995, 997, "Anchorage", 4),
    State("AZ", 7.4, 33.4, -111.9, 850, 865, "Phoenix", 3),
    State("AR", 3.1, 35.0, -92.5, 716, 729, "Little Rock", 1),
    State("CA", 39.0, 35.5, -119.4, 900, 961, "Los Angeles", 3),
    State("CO", 5.9, 39.5, -105.2, 800, 816, "Denver", 2),
    State("CT", 3.6, 41.5, -72.9, 60, 69, "Hartford", 0),
    State("DE", 1.0, 39.4, -75.6, 197, 199, "Wilmington", 0),
    State("DC", 0.7, 38.9, -77.0, 200, 205, "Washington", 0),
    State("FL", 22.6, 27.8, -81.6, 320, 349, "Orlando", 0),
    State("GA", 11.0, 33.4, -83.9, 300, 319, "Atlanta", 0),
    State("HI", 1.4, 21.3, -157.8, 967, 968, "Honolulu", 5),
    State("ID", 2.0, 44.2, -115.1, 832, 838, "Boise", 2),
    State("IL", 12.5, 41.3, -88.4, 600, 629, "Chicago", 1),
    State("IN", 6.9, 40.2, -86.3, 460, 479, "Indianapolis", 0),
    State("IA", 3.2, 42.0, -93.0, 500, 528, "Des Moines", 1),
    State("KS", 2.9, 38.5, -96.5, 660, 679, "Wichita", 1),
    State("KY", 4.5, 37.8, -85.3, 400, 427, "Louisville", 0),
    State("LA", 4.6, 30.7, -91.5, 700, 714, "New Orleans", 1),
    State("ME", 1.4, 44.3, -69.7, 39, 49, "Portland", 0),
    State("MD", 6.2, 39.1, -76.8, 206, 219, "Baltimore", 0),
    State("MA", 7.0, 42.3, -71.4, 10, 27, "Boston", 0),
    State("MI", 10.0, 42.9, -84.2, 480, 499, "Detroit", 0),
    State("MN", 5.7, 45.2, -93.6, 550, 567, "Minneapolis", 1),
    State("MS", 2.9, 32.6, -89.6, 386, 397, "Jackson", 1),
    State("MO", 6.2, 38.4, -92.2, 630, 658, "Saint Louis", 1),
    State("MT", 1.1, 46.8, -111.2, 590, 599, "Billings", 2),
    State("NE", 2.0, 41.2, -97.4, 680, 693, "Omaha", 1),
    State("NV", 3.2, 37.2, -116.3, 889, 898, "Las Vegas", 3),
    State("NH", 1.4, 43.2, -71.5, 30, 38, "Manchester", 0),
    State("NJ", 9.3, 40.4, -74.4, 70, 89, "Newark", 0),
    State("NM", 2.1, 34.6, -106.3, 870, 884, "Albuquerque", 2),
    State("NY", 19.6, 41.5, -74.7, 100, 149, "New York", 0),
    State("NC", 10.8, 35.6, -79.7, 270, 289, "Charlotte", 0),
    State("ND", 0.8, 47.4, -99.3, 580, 588, "Fargo", 1),
    State("OH", 11.8, 40.5, -82.7, 430, 459, "Columbus", 0),
    State("OK", 4.1, 35.6, -96.8, 730, 749, "Oklahoma City", 1),
    State("OR", 4.2, 44.7, -122.6, 970, 979, "Portland", 3),
    State("PA", 13.0, 40.5, -77.1, 150, 196, "Philadelphia", 0),
    State("RI", 1.1, 41.8, -71.4, 28, 29, "Providence", 0),
    State("SC", 5.4, 34.0, -81.0, 290, 299, "Columbia", 0),
    State("SD", 0.9, 44.0, -99.0, 570, 577, "Sioux Falls", 1),
    State("TN", 7.1, 35.8, -86.4, 370, 385, "Nashville", 1),
    State("TX", 30.5, 30.9, -97.4, 750, 799, "Houston", 1),
    State("UT", 3.4, 40.4, -111.9, 840, 847, "Salt Lake City", 2),
    State("VT", 0.6, 44.1, -72.8, 50, 59, "Burlington", 0),
    State("VA", 8.7, 37.8, -77.8, 220, 246, "Richmond", 0),
    State("WA", 7.8, 47.3, -121.6, 980, 994, "Seattle", 3),
    State("WV", 1.8, 38.8, -80.8, 247, 268, "Charleston", 0),
    State("WI", 5.9, 43.7, -89.0, 530, 549, "Milwaukee", 1),
    State("WY", 0.6, 42.7, -107.0, 820, 831, "Cheyenne", 2),
)

# Census divisions, with the place of the regional hub.
REGIONS = {
    "New England": ("Windsor CT", ("CT", "ME", "MA", "NH", "RI", "VT")),
    "Middle Atlantic": ("Harrisburg PA", ("NJ", "NY", "PA")),
    "East North Central": ("Hodgkins IL", ("IL", "IN", "MI", "OH", "WI")),
    "West North Central": ("Kansas City MO", ("IA", "KS", "MN", "MO", "NE", "ND", "SD")),
    "South Atlantic": ("Greensboro NC", ("DE", "DC", "FL", "GA", "MD", "NC", "SC", "VA", "WV")),
    "East South Central": ("Memphis TN", ("AL", "KY", "MS", "TN")),
    "West South Central": ("Fort Worth TX", ("AR", "LA", "OK", "TX")),
    "Mountain": ("Denver CO", ("AZ", "CO", "ID", "MT", "NV", "NM", "UT", "WY")),
    "Pacific": ("Ontario CA", ("AK", "CA", "HI", "OR", "WA")),
}

# Share of a region's orders that ship from Reno; the rest ships from Edison.
RENO_SHARE = {
    "New England": 0.02,
    "Middle Atlantic": 0.02,
    "East North Central": 0.10,
    "West North Central": 0.55,
    "South Atlantic": 0.03,
    "East South Central": 0.15,
    "West South Central": 0.75,
    "Mountain": 0.97,
    "Pacific": 0.98,
}

ZONE_MILES = (50, 150, 300, 600, 1000, 1400, 1800)


def region_of() -> dict[str, str]:
    """Census division of each state code."""
    return {state: region for region, (_, states) in REGIONS.items() for state in states}


def miles(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in statute miles (haversine)."""
    a, b = np.radians([lat1, lat2])
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    return float(3958.8 * 2 * np.arcsin(np.sqrt(half)))


def zone_table() -> NDArray[np.int64]:
    """Carrier zone 1-8 by distance band, shape (warehouses, states)."""
    distance = [[miles(w.latitude, w.longitude, s.latitude, s.longitude) for s in STATES] for w in WAREHOUSES]
    return np.searchsorted(ZONE_MILES, np.asarray(distance)).astype(np.int64) + 1
