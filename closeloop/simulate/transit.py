"""On the road: transit days, exceptions, attempts, and what becomes of each parcel."""

import numpy as np
import pandas as pd
from scipy.special import ndtr

from closeloop.simulate.catalogue import CARRIERS
from closeloop.simulate.clocks import WorkingDays
from closeloop.simulate.draw import Floats, Ints, delays, shared_luck, stream, touched
from closeloop.simulate.geography import REGIONS, STATES
from closeloop.simulate.scenario import Scenario

# Transit days by quantile (shapes of EasyPost SmartRate answers, 2025): zone 2, zone 8, and two-day service.
QUANTILES = (0.0, 0.05, 0.5, 0.75, 0.85, 0.9, 0.95, 0.97, 0.99, 1.0)
SHORT_DAYS = (0.6, 0.8, 1.2, 1.5, 1.9, 2.2, 2.7, 3.0, 3.8, 5.0)
LONG_DAYS = (2.0, 2.6, 3.4, 4.1, 4.8, 5.1, 5.9, 6.6, 8.5, 11.0)
TWO_DAYS = (1.0, 1.1, 1.6, 1.9, 2.1, 2.2, 2.5, 2.8, 3.5, 5.0)
CARRIER_PACE = {"UPS": 1.0, "USPS": 1.08, "FedEx": 0.97}
ECONOMY_PACE = 1.1

EXCEPTIONS = ("carrier_delay", "missort", "damaged", "lost", "weather", "address", "held", "none")
HUB_EXCEPTIONS = (0, 1)
LOST = EXCEPTIONS.index("lost")
EXCEPTION_RATES = np.array([0.040, 0.005, 0.004, 0.0015, 0.0, 0.003, 0.003])
# Share of region-days with a storm, and of the parcels that a storm holds.
STORM_SHARE, STORM_HIT = 0.012, 0.35
# Working days lost, from the first number to below the second.
EXTRA_DAYS = np.array([[1, 3], [2, 4], [1, 4], [0, 1], [1, 3], [1, 4], [1, 4], [0, 1]])
FAILED_ATTEMPT = 0.03
RETURN_TO_SENDER = np.array([0.0, 0.0, 0.5, 0.0, 0.0, 0.5, 0.1, 0.0])


def add_transit(parcels: pd.DataFrame, scenario: Scenario) -> None:
    """Days, exception, first attempt, delivery and return to sender of each parcel (NaN: never)."""
    rng = stream(scenario, "transit")
    working = WorkingDays.of(scenario)
    pickup_day = parcels["pickup_day"].to_numpy(dtype=np.int64)
    days = transit_days(parcels, scenario)
    hub_days = delays("transit", parcels, parcels["accepted_at"].to_numpy(dtype=float), scenario) / 24.0
    parcels["base_days"] = days
    parcels["hub_days"] = whole(rng, hub_days)
    arrival = working.add(pickup_day, days + parcels["hub_days"].to_numpy())
    exception = draw_exceptions(parcels, arrival, scenario)
    after = working.add(arrival, exception_days(rng, exception))
    parcels["exception"] = exception
    parcels["reach_day"] = np.where(np.isin(exception, HUB_EXCEPTIONS), after, arrival)
    parcels["arrival_day"] = add_last_mile(parcels, after, scenario)
    parcels["failed_attempt"] = rng.random(len(parcels)) < FAILED_ATTEMPT
    one = np.ones(len(parcels), dtype=np.int64)
    add_ends(parcels, working.add(parcels["arrival_day"].to_numpy(), one), scenario)


def whole(rng: np.random.Generator, days: Floats) -> Ints:
    """Whole days with the same mean: rounded up with probability equal to the fraction."""
    return np.floor(days + rng.random(len(days))).astype(np.int64)


def noon(day: Ints) -> Floats:
    """Noon of each day in local hours."""
    return (day * 24.0 + 12.0).astype(np.float64)


def lane_rows(parcels: pd.DataFrame) -> Ints:
    """Number of the carrier x region lane of each parcel."""
    regions = list(REGIONS)
    region = pd.Categorical(parcels["region"], categories=regions).codes.astype(np.int64)
    return carrier_rows(parcels) * len(regions) + region


def carrier_rows(parcels: pd.DataFrame) -> Ints:
    """Number of the carrier of each parcel."""
    return pd.Categorical(parcels["carrier"], categories=list(CARRIERS)).codes.astype(np.int64)


def transit_days(parcels: pd.DataFrame, scenario: Scenario) -> Ints:
    """Working days from pickup to the first delivery day: a quantile of zone and service, luck shared."""
    rng = stream(scenario, "days")
    horizon = scenario.days + 60
    lanes = len(CARRIERS) * len(REGIONS)
    luck = shared_luck(rng, lanes, horizon, scenario.noise.lane_day, scenario.noise)
    day = np.minimum(parcels["pickup_day"].to_numpy(), horizon - 1)
    own = np.sqrt(1.0 - scenario.noise.lane_day**2) * rng.standard_normal(len(parcels))
    rank = ndtr(own + luck[lane_rows(parcels), day])
    far = np.clip((parcels["zone_no"].to_numpy() - 2) / 6.0, 0.0, 1.0)
    ground = (1 - far) * np.interp(rank, QUANTILES, SHORT_DAYS) + far * np.interp(rank, QUANTILES, LONG_DAYS)
    ground *= np.where(parcels["service_class"] == "economy", ECONOMY_PACE, 1.0)
    two_day = (parcels["service_class"] == "two_day").to_numpy()
    pace = np.array([CARRIER_PACE[name] for name in CARRIERS])[carrier_rows(parcels)]
    days = np.where(two_day, np.interp(rank, QUANTILES, TWO_DAYS), ground) * pace
    return np.maximum(np.round(days), 1).astype(np.int64)


def draw_exceptions(parcels: pd.DataFrame, arrival: Ints, scenario: Scenario) -> Ints:
    """Position in EXCEPTIONS of each parcel: at most one episode, from rates with shared luck and storms."""
    rng = stream(scenario, "exceptions")
    horizon = scenario.days + 120
    luck = shared_luck(rng, len(CARRIERS) * len(REGIONS), horizon, scenario.noise.exception_day, scenario.noise)
    lane = lane_rows(parcels)
    shared = np.exp(luck[lane, np.minimum(parcels["pickup_day"].to_numpy(), horizon - 1)])
    rates = np.tile(EXCEPTION_RATES, (len(parcels), 1))
    rates[:, :2] *= shared[:, None]
    storms = (rng.random((len(REGIONS), horizon)) < STORM_SHARE) * STORM_HIT
    region = lane % len(REGIONS)
    rates[:, 4] = storms[region, np.minimum(arrival, horizon - 1)]
    rates[:, 5] *= np.where(parcels["channel"] == "ebay", 6.0, 0.7)
    planted_rates(rates, parcels, arrival, scenario)
    edges = np.cumsum(np.minimum(rates, 0.95), axis=1)
    return (rng.random(len(parcels))[:, None] >= edges).sum(axis=1).astype(np.int64)


def planted_rates(rates: Floats, parcels: pd.DataFrame, arrival: Ints, scenario: Scenario) -> None:
    """Apply exception effects in place; weather counts on the arrival day, the rest at acceptance."""
    accepted = parcels["accepted_at"].to_numpy(dtype=float)
    for effect in scenario.effects("exception_factor", "exception_add"):
        chosen = [EXCEPTIONS.index(effect.target)] if effect.target else range(rates.shape[1])
        on = touched(effect, parcels, noon(arrival) if effect.target == "weather" else accepted, scenario)
        for column in chosen:
            rate = rates[on, column]
            rates[on, column] = rate * effect.size if effect.kind == "exception_factor" else rate + effect.size


def exception_days(rng: np.random.Generator, exception: Ints) -> Ints:
    """Working days each exception costs."""
    low, high = EXTRA_DAYS[exception].T
    return low + np.floor(rng.random(len(exception)) * (high - low)).astype(np.int64)


def add_last_mile(parcels: pd.DataFrame, arrival: Ints, scenario: Scenario) -> Ints:
    """Delivery days after planted delays at the destination facility."""
    extra = delays("last_mile", parcels, noon(arrival), scenario) / 24.0
    return WorkingDays.of(scenario).add(arrival, whole(stream(scenario, "last mile"), extra))


def add_ends(parcels: pd.DataFrame, second_day: Ints, scenario: Scenario) -> None:
    """Arrival, first attempt, delivery, or return to sender, in the destination's daylight (NaN: never).

    `second_day` is the day of the second attempt where the first fails.
    """
    rng = stream(scenario, "ends")
    count = len(parcels)
    behind = np.array([state.behind for state in STATES])[parcels["state_row"].to_numpy()]
    accepted = parcels["accepted_at"].to_numpy(dtype=float)
    attempt = parcels["arrival_day"].to_numpy() * 24.0 + daylight(rng, count) + behind
    attempt = np.maximum(attempt, accepted + 6.0)
    out = np.maximum(attempt - rng.uniform(1.0, 4.0, count), accepted + 4.0)
    reached = parcels["reach_day"].to_numpy() * 24.0 + rng.uniform(2.0, 5.0, count) + behind
    parcels["reached_at"] = np.clip(reached, accepted + 3.2, out - 0.3)
    exception = parcels["exception"].to_numpy(dtype=np.int64)
    back = rng.random(count) < RETURN_TO_SENDER[exception]
    arrives = ~(back | (exception == LOST))
    failed = parcels["failed_attempt"].to_numpy(dtype=bool) & arrives
    second = second_day * 24.0 + daylight(rng, count) + behind
    parcels["planned_out_at"] = out
    parcels["out_at"] = np.where(arrives, out, np.nan)
    parcels["attempt_at"] = np.where(arrives, attempt, np.nan)
    parcels["failed_attempt"] = failed
    handed_over = np.where(failed, np.maximum(second, attempt + 8.0), attempt)
    parcels["delivered_at"] = np.where(arrives, handed_over, np.nan)
    parcels["returned_at"] = np.where(back, attempt + 24.0 * rng.integers(6, 13, count), np.nan)


def daylight(rng: np.random.Generator, count: int) -> Floats:
    """Local hour of delivery, 10:00 to 19:30."""
    return 10.0 + 9.5 * rng.beta(2.2, 2.0, count)
