"""What comes back: returned lines with reason, dates and outcome."""

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import REASON_WEIGHTS, REASONS, products
from closeloop.simulate.draw import Floats, Ints, choose, labelled, shared_luck, stream, touched
from closeloop.simulate.scenario import Scenario

WINDOW_DAYS = 33.0
NEVER_SENT = 0.04
EXPIRY_DAYS = 28.0
OUTCOMES = ("refund", "exchange", "store_credit")
OUTCOME_WEIGHTS = np.array([0.75, 0.15, 0.10])


def draw_returns(
    orders: pd.DataFrame, lines: pd.DataFrame, parcels: pd.DataFrame, scenario: Scenario
) -> pd.DataFrame:
    """One row per returned line, by order; times in local hours, NaN where the step never comes."""
    rng = stream(scenario, "returns")
    last_box = parcels.groupby("order")["delivered_at"].max()
    delivered = last_box.reindex(range(len(orders))).to_numpy(dtype=float)
    owner = lines["order"].to_numpy(dtype=np.int64)
    base, extra, extra_reason = return_rates(lines, scenario)
    luck = rng.random(len(lines))
    back = (luck < base + extra) & ~np.isnan(delivered[owner])
    rows = np.flatnonzero(back)
    reason = usual_reasons(lines.iloc[rows], rng)
    planted = (luck >= base)[rows] & (extra_reason[rows] >= 0)
    reason = np.where(planted, extra_reason[rows], reason)
    returned = lines.iloc[rows][["order", "line_no", "product", "sku", "price"]].reset_index(drop=True)
    returned["quantity"] = np.where(rng.random(len(rows)) < 0.7, lines["quantity"].to_numpy()[rows], 1)
    returned["reason"] = labelled(reason, REASONS)
    add_dates(returned, delivered, len(orders), rng)
    return returned


def return_rates(lines: pd.DataFrame, scenario: Scenario) -> tuple[Floats, Floats, Ints]:
    """Base probability per line, planted addition to it, and the addition's reason (-1: the usual ones)."""
    noise = scenario.noise
    luck = shared_luck(stream(scenario, "return luck"), 1, scenario.days, noise.return_week, noise)[0]
    hours = lines["ordered_at"].to_numpy(dtype=float)
    usual = np.array([product.return_rate for product in products()])[lines["product"].to_numpy()]
    base = usual * np.exp(luck[np.minimum(hours / 24.0, scenario.days - 1).astype(np.int64)])
    base *= np.where(lines["channel"] == "wholesale portal", 0.35, 1.0)
    extra = np.zeros(len(lines))
    reason = np.full(len(lines), -1)
    for effect in scenario.effects("return_factor"):
        on = touched(effect, lines, hours, scenario)
        if effect.size < 1.0:
            base = np.where(on, base * effect.size, base)
            continue
        extra = np.where(on, base * (effect.size - 1.0), extra)
        reason = np.where(on, REASONS.index(effect.target) if effect.target else -1, reason)
    return base, np.minimum(extra, 0.95 - base), reason


def usual_reasons(lines: pd.DataFrame, rng: np.random.Generator) -> Ints:
    """Reason of each line by the category's usual mix."""
    reason = np.zeros(len(lines), dtype=np.int64)
    for category, weights in REASON_WEIGHTS.items():
        rows = np.flatnonzero((lines["category"] == category).to_numpy())
        reason[rows] = choose(rng, np.asarray(weights, dtype=float), len(rows))
    return reason


def add_dates(returned: pd.DataFrame, delivered: Floats, n_orders: int, rng: np.random.Generator) -> None:
    """Request, receipt and refund, one draw per order, so that lines of one order come back together."""
    order = returned["order"].to_numpy(dtype=np.int64)
    wait = rng.gamma(1.6, 7.5, n_orders)
    wait = np.where(wait > WINDOW_DAYS, rng.uniform(0.85, 1.0, n_orders) * WINDOW_DAYS, wait)
    requested = delivered + 24.0 * wait
    received = requested + 24.0 * rng.lognormal(np.log(8.0), 0.35, n_orders)
    received[rng.random(n_orders) < NEVER_SENT] = np.nan
    refunded = received + 24.0 * rng.gamma(3.0, 1.0, n_orders)
    returned["requested_at"] = requested[order]
    returned["received_at"] = received[order]
    returned["refunded_at"] = refunded[order]
    returned["outcome"] = labelled(choose(rng, OUTCOME_WEIGHTS, n_orders)[order], OUTCOMES)
