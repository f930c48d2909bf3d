"""What the shop system knows of orders and returns at the export: frames ready to be written."""

import numpy as np
import pandas as pd

from closeloop.simulate.catalogue import products
from closeloop.simulate.clocks import local_times, utc_times
from closeloop.simulate.draw import Floats, labelled
from closeloop.simulate.geography import STATES
from closeloop.simulate.merchant import Merchant
from closeloop.simulate.returns import EXPIRY_DAYS
from closeloop.simulate.scenario import Scenario

FIRST_NUMBER = 1001


def stamp(frame: pd.DataFrame, name: str, hours: Floats, scenario: Scenario) -> None:
    """Add local time `name` and its UTC offset `name`_offset; unknown where NaN or later than the export."""
    local = local_times(known(hours, scenario), scenario)
    minutes = (local - utc_times(local, scenario)) / pd.Timedelta(minutes=1)
    distinct, code = np.unique(np.nan_to_num(np.asarray(minutes, dtype=float)), return_inverse=True)
    names = [f"{'-' if m < 0 else '+'}{int(abs(m)) // 60:02d}{int(abs(m)) % 60:02d}" for m in distinct]
    frame[name] = local
    frame[f"{name}_offset"] = labelled(code.astype(np.int64), names)


def known(hours: Floats, scenario: Scenario) -> Floats:
    """The times that lie before the export; NaN for the others."""
    return np.where(hours < scenario.export_hour, hours, np.nan)


def hours_of(frame: pd.DataFrame, name: str) -> Floats:
    """A column of local hours."""
    return frame[name].to_numpy(dtype=float)


def orders(merchant: Merchant) -> pd.DataFrame:
    """One row per order line with its order's fields, as known at the export."""
    heads = order_heads(merchant)
    lines = merchant.lines
    owner = lines["order"].to_numpy()
    rows = heads.iloc[owner].reset_index(drop=True)
    goods = products()
    rows["line_no"] = lines["line_no"].to_numpy()
    rows["quantity"] = lines["quantity"].to_numpy()
    rows["price"] = lines["price"].to_numpy()
    rows["sku"] = lines["sku"].array
    rows["title"] = labelled(lines["product"].to_numpy(), [product.title for product in goods])
    sent = (rows["fulfillment_status"] == "fulfilled") | (
        (rows["fulfillment_status"] == "partial") & (rows["line_no"] == 0)
    )
    rows["line_status"] = labelled(sent.to_numpy().astype(np.int64), ("pending", "fulfilled"))
    return rows


def order_heads(merchant: Merchant) -> pd.DataFrame:
    """One row per order: identity, money, status and stamps."""
    scenario, source = merchant.scenario, merchant.orders
    heads = source[["channel", "state", "postal", "campaign", "subtotal"]].copy()
    heads["number"] = np.arange(len(source)) + FIRST_NUMBER
    heads["street"] = 1 + (heads["number"] * 37) % 900
    heads["city"] = labelled(source["state_row"].to_numpy(), [state.city for state in STATES])
    for name in ("ordered_at", "paid_at", "cancelled_at"):
        stamp(heads, {"ordered_at": "created"}.get(name, name[:-3]), hours_of(source, name), scenario)
    stamp_plan(heads, np.where(heads["paid"].notna(), source["hold_until"], np.nan), scenario)
    heads["promised"] = local_times(hours_of(source, "promised_day") * 24.0, scenario)
    heads["shipping"] = source["shipping"]
    methods = ("Standard", "Express 2-Day")
    heads["shipping_method"] = labelled(source["two_day"].to_numpy().astype(np.int64), methods)
    add_fulfilment(heads, merchant)
    add_money(heads, merchant)
    return heads


def stamp_plan(heads: pd.DataFrame, hold: Floats, scenario: Scenario) -> None:
    """Add the planned end of the hold, which may lie after the export."""
    shifted = np.minimum(hold, scenario.export_hour - 1e-6)
    stamp(heads, "hold", shifted, scenario)
    heads["hold"] = local_times(hold, scenario)


def add_fulfilment(heads: pd.DataFrame, merchant: Merchant) -> None:
    """Fulfilled time (the last label known) and status: fulfilled, partial, or unfulfilled."""
    scenario, parcels = merchant.scenario, merchant.parcels
    made = parcels[parcels["label_at"] < scenario.export_hour]
    done = made.groupby("order")["label_at"].agg(["max", "size"])
    boxes = parcels.groupby("order").size().reindex(range(len(heads)), fill_value=0).to_numpy()
    sent = done["size"].reindex(range(len(heads)), fill_value=0).to_numpy()
    stamp(heads, "fulfilled", done["max"].reindex(range(len(heads))).to_numpy(dtype=float), scenario)
    short = merchant.orders["short"].to_numpy(dtype=bool)
    status = np.where(sent == 0, 0, np.where((sent < boxes) | short, 1, 2))
    heads["fulfillment_status"] = labelled(status, ("unfulfilled", "partial", "fulfilled"))


def add_money(heads: pd.DataFrame, merchant: Merchant) -> None:
    """Shipping charged, discount, total, refunds and financial status."""
    goods = heads["subtotal"].to_numpy(dtype=float)
    coded = (heads["channel"] == "web").to_numpy() & (heads["number"].to_numpy() % 23 == 0)
    heads["discount_code"] = labelled(coded.astype(np.int64), ("", "WELCOME10"))
    heads["discount"] = np.where(coded, np.round(goods * 0.1, 2), 0.0)
    heads["subtotal"] = goods - heads["discount"]
    heads["total"] = heads["subtotal"] + heads["shipping"]
    paid = heads["paid"].notna().to_numpy()
    cancelled = heads["cancelled"].notna().to_numpy()
    total = heads["total"].to_numpy(dtype=float)
    refunded = np.minimum(refunds(merchant), heads["subtotal"].to_numpy(dtype=float))
    heads["refunded"] = np.where(cancelled & paid, total, refunded)
    heads["outstanding"] = np.where(paid | cancelled, 0.0, total)
    status = np.select(
        [cancelled & ~paid, ~paid, cancelled, heads["refunded"] >= heads["subtotal"], heads["refunded"] > 0],
        [4, 3, 2, 2, 1],
        0,
    )
    names = ("paid", "partially_refunded", "refunded", "pending", "voided")
    heads["financial_status"] = labelled(status.astype(np.int64), names)


def refunds(merchant: Merchant) -> Floats:
    """Dollars paid back per order by the export: refunded returns, and last lines that never shipped."""
    scenario, back, lines = merchant.scenario, merchant.returns, merchant.lines
    done = (hours_of(back, "refunded_at") < scenario.export_hour) & (back["outcome"] == "refund").to_numpy()
    value = np.where(done, back["price"] * back["quantity"], 0.0)
    amount = np.bincount(back["order"], weights=value, minlength=len(merchant.orders)).astype(float)
    shipped = merchant.orders["label_at"].to_numpy(dtype=float) < scenario.export_hour
    short = merchant.orders["short"].to_numpy(dtype=bool) & shipped
    last = np.cumsum(merchant.orders["n_lines"].to_numpy()) - 1
    line_value = (lines["price"] * lines["quantity"]).to_numpy(dtype=float)
    return amount + np.where(short, line_value[last], 0.0)


def returns(merchant: Merchant) -> pd.DataFrame:
    """One row per returned line requested by the export, in order of request."""
    scenario, source = merchant.scenario, merchant.returns
    rows = source[source["requested_at"] < scenario.export_hour]
    rows = rows.sort_values(["requested_at", "order", "line_no"], ignore_index=True)
    for name in ("requested", "received", "refunded"):
        stamp(rows, name, hours_of(rows, f"{name}_at"), scenario)
    rows["rma"] = [f"RMA{100001 + number}" for number in pd.factorize(rows["order"])[0]]
    rows["number"] = rows["order"] + FIRST_NUMBER
    expired = scenario.export_hour - rows["requested_at"] > EXPIRY_DAYS * 24.0
    state = np.select([rows["refunded"].notna(), rows["received"].isna() & expired], [1, 2], 0)
    rows["state"] = labelled(state.astype(np.int64), ("open", "closed", "expired"))
    rows["outcome"] = rows["outcome"].astype("str").where(state != 2)
    return rows


def products_table() -> pd.DataFrame:
    """One row per product."""
    return pd.DataFrame(products())
