"""Orders and their lines: when, from which channel, what, and where to."""

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import (
    CHANNEL_NAMES,
    CHANNELS,
    COMPLEXITIES,
    HOUR_WEIGHTS,
    OFFICE_WEIGHTS,
    WEEKDAY_FACTORS,
    products,
)
from closeloop.simulate.clocks import WorkingDays
from closeloop.simulate.draw import (
    Bools,
    Floats,
    Ints,
    choose,
    choose_options,
    during,
    labelled,
    matches,
    shared_luck,
    stream,
    touched,
)
from closeloop.simulate.geography import RENO_SHARE, STATES, WAREHOUSES, region_of, zone_table
from closeloop.simulate.scenario import Scenario

PACKAGING_OZ = 3.0
TWO_DAY_SHARE = 0.12
HOLD_SHARE = 0.015
REVIEW_SHARE = 0.03
SHORT_SHARE = 0.008
# Working days after the cutoff of 14 h that the checkout promises, by zone 1-8.
STANDARD_DAYS = np.array([3, 3, 3, 4, 5, 5, 5, 6])
TWO_DAY_DAYS = 3


def draw_orders(scenario: Scenario) -> pd.DataFrame:
    """One row per order, sorted by time, without its lines; times are local hours since the start."""
    rng = stream(scenario, "orders")
    day = np.repeat(np.arange(scenario.days), rng.poisson(daily_rate(scenario)))
    orders = pd.DataFrame({"ordered_at": day * 24.0})
    options = pd.DataFrame({"channel": list(CHANNEL_NAMES)})
    shares = np.array([channel.share for channel in CHANNELS])
    channel = choose_options(rng, options, shares, orders, scenario)
    orders["channel"] = labelled(channel, CHANNEL_NAMES)
    orders["ordered_at"] += hour_of_day(rng, channel == len(CHANNELS) - 1)
    orders = orders.sort_values("ordered_at", ignore_index=True)
    add_size(orders, scenario)
    add_destination(orders, scenario)
    add_release(orders, scenario)
    return orders


def daily_rate(scenario: Scenario) -> Floats:
    """Expected orders of each day: weekday, mild season, luck, and planted volume."""
    days = np.arange(scenario.days)
    hours = (days * 24.0).astype(np.float64)
    calendar_day = scenario.start.timetuple().tm_yday + days
    season = 1.0 + 0.04 * np.sin(2 * np.pi * (calendar_day - 60) / 365.0) + 0.10 * (calendar_day > 304)
    luck = shared_luck(stream(scenario, "volume"), 1, scenario.days, scenario.noise.volume_day, scenario.noise)
    rate = scenario.orders_per_week / 7.0 * WEEKDAY_FACTORS[days % 7] * season * np.exp(luck[0])
    channels = pd.DataFrame({"channel": list(CHANNEL_NAMES)})
    shares = np.array([channel.share for channel in CHANNELS])
    for effect in scenario.effects("volume"):
        part = float(shares[matches(channels, effect.where)].sum())
        rate = np.where(during(effect, hours, scenario), rate * (1.0 + part * (effect.size - 1.0)), rate)
    return rate


def hour_of_day(rng: np.random.Generator, office: Bools) -> Floats:
    """Local hour of each order; `office` marks the buyers who order in office hours."""
    consumer = choose(rng, HOUR_WEIGHTS, len(office))
    business = choose(rng, OFFICE_WEIGHTS, len(office))
    return np.where(office, business, consumer) + rng.random(len(office))


def add_size(orders: pd.DataFrame, scenario: Scenario) -> None:
    """Number of lines by channel, and its class."""
    rng = stream(scenario, "size")
    counts = np.arange(1, 11)
    classes = np.digitize(counts, (2, 4))
    options = pd.DataFrame({"complexity": np.asarray(COMPLEXITIES, dtype=object)[classes]})
    n_lines = np.ones(len(orders), dtype=np.int64)
    for channel in CHANNELS:
        rows = np.flatnonzero((orders["channel"] == channel.name).to_numpy())
        weights = np.asarray(channel.line_weights, dtype=float)
        drawn = choose_options(rng, options, weights, orders.iloc[rows], scenario)
        n_lines[rows] = counts[drawn]
    orders["n_lines"] = n_lines
    orders["complexity"] = labelled(np.digitize(n_lines, (2, 4)), COMPLEXITIES)


def add_destination(orders: pd.DataFrame, scenario: Scenario) -> None:
    """State, region, postal code, warehouse, zone, and the state's row in the table of states."""
    rng = stream(scenario, "destination")
    codes = [state.code for state in STATES]
    regions = [region_of()[code] for code in codes]
    options = pd.DataFrame({"state": codes, "region": regions})
    people = np.array([state.people for state in STATES])
    state = choose_options(rng, options, people, orders, scenario)
    reno = np.array([RENO_SHARE[region] for region in regions])
    warehouse = (rng.random(len(orders)) < reno[state]).astype(np.int64)
    zone = zone_table()[warehouse, state]
    low, high = (np.array([getattr(s, name) for s in STATES])[state] for name in ("zip3_low", "zip3_high"))
    orders["postal"] = rng.integers(low, high, endpoint=True) * 100 + rng.integers(1, 99, len(orders))
    orders["state_row"] = state
    orders["state"] = labelled(state, codes)
    orders["region"] = labelled(state, regions)
    orders["warehouse"] = labelled(warehouse, [w.code for w in WAREHOUSES])
    orders["zone_no"] = zone
    orders["zone"] = labelled(zone - 1, [str(number) for number in range(1, 9)])


def add_release(orders: pd.DataFrame, scenario: Scenario) -> None:
    """Service asked for, payment, holds, the time an order is ready to ship, and its promise."""
    rng = stream(scenario, "release")
    count = len(orders)
    ordered = orders["ordered_at"].to_numpy(dtype=float)
    consumer = orders["channel"].isin(["web", "amazon"]).to_numpy()
    orders["two_day"] = consumer & (rng.random(count) < TWO_DAY_SHARE)
    reviewed = rng.random(count) < REVIEW_SHARE
    paid = ordered + np.where(reviewed, rng.gamma(2.0, 4.0, count), rng.uniform(1, 9, count) / 3600.0)
    held = rng.random(count) < HOLD_SHARE
    release_day = np.floor(paid / 24.0) + rng.integers(1, 4, count)
    hold = np.where(held, release_day * 24.0 + 9.0, np.nan)
    orders["paid_at"] = paid
    orders["hold_until"] = hold
    orders["ready_at"] = np.fmax(paid, hold)
    orders["promised_day"] = promise(orders, scenario)
    orders["residential"] = rng.random(count) < np.where(orders["channel"] == CHANNEL_NAMES[-1], 0.1, 0.9)


def promise(orders: pd.DataFrame, scenario: Scenario) -> Ints:
    """Day promised at checkout: working days by zone and service after the 14 h cutoff."""
    ordered = orders["ordered_at"].to_numpy(dtype=float)
    released = np.fmax(ordered, orders["hold_until"].to_numpy(dtype=float))
    cutoff_day = np.floor((released + 10.0) / 24.0).astype(np.int64)
    standard = STANDARD_DAYS[orders["zone_no"].to_numpy() - 1]
    days = np.where(orders["two_day"], TWO_DAY_DAYS, standard).astype(float)
    for effect in scenario.effects("promise"):
        days += np.where(touched(effect, orders, ordered, scenario), effect.size, 0.0)
    working = WorkingDays.of(scenario)
    return working.add(working.add(cutoff_day, np.zeros(len(orders), np.int64)), np.round(days).astype(np.int64))


def draw_lines(orders: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """One row per order line, in the order's sequence; adds the orders' weight and value to `orders`."""
    rng = stream(scenario, "lines")
    goods = products()
    owner = np.repeat(np.arange(len(orders)), orders["n_lines"].to_numpy())
    first = np.cumsum(orders["n_lines"].to_numpy()) - orders["n_lines"].to_numpy()
    lines = orders[["ordered_at", "channel", "complexity", "state", "region", "warehouse"]].iloc[owner]
    lines = lines.reset_index(drop=True)
    skus = pd.DataFrame({"sku": [p.sku for p in goods], "category": [p.category for p in goods]})
    product = choose_options(rng, skus, np.array([p.popularity for p in goods]), lines, scenario)
    extra = np.array([channel.extra_units for channel in CHANNELS])
    by_name = dict(zip(CHANNEL_NAMES, extra, strict=True))
    mean_extra = lines["channel"].map(by_name).to_numpy(dtype=float)
    lines["order"] = owner
    lines["line_no"] = np.arange(len(owner)) - first[owner]
    lines["product"] = product
    lines["sku"] = labelled(product, list(skus["sku"]))
    lines["category"] = labelled(product, list(skus["category"]))
    lines["quantity"] = 1 + rng.poisson(mean_extra)
    lines["price"] = np.array([p.price for p in goods])[product]
    lines["ounces"] = np.array([p.weight_oz for p in goods])[product] * lines["quantity"]
    add_contents(orders, lines, rng)
    orders["campaign"] = campaign(orders, lines, scenario)
    return lines


def add_contents(orders: pd.DataFrame, lines: pd.DataFrame, rng: np.random.Generator) -> None:
    """Weight, value, shipping charged, and which orders go out without their last line."""
    owner = lines["order"].to_numpy()
    orders["weight_oz"] = PACKAGING_OZ + np.bincount(owner, weights=lines["ounces"], minlength=len(orders))
    value = lines["price"] * lines["quantity"]
    orders["subtotal"] = np.bincount(owner, weights=value, minlength=len(orders))
    portal = (orders["channel"] == CHANNEL_NAMES[-1]).to_numpy()
    orders["shipping"] = np.where(portal, 25.0, np.where(orders["subtotal"] < 75.0, 5.9, 0.0))
    orders["short"] = (orders["n_lines"] > 1) & (rng.random(len(orders)) < SHORT_SHARE)


def campaign(orders: pd.DataFrame, lines: pd.DataFrame, scenario: Scenario) -> pd.Categorical:
    """Campaign tag of each order ("" for none): that of the last campaign one of its lines belongs to."""
    rng = stream(scenario, "campaign")
    effects = scenario.effects("campaign")
    code = np.zeros(len(orders), dtype=np.int64)
    hours = lines["ordered_at"].to_numpy(dtype=float)
    for number, effect in enumerate(effects, start=1):
        mask = touched(effect, lines, hours, scenario) & (rng.random(len(lines)) < effect.size)
        code[lines["order"].to_numpy()[mask]] = number
    return labelled(code, ["", *[effect.target for effect in effects]])
