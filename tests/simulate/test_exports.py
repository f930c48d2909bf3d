"""The files: headers, quirks, censoring, order of events, and the same bytes for the same seed."""

import hashlib

import pandas as pd
import pytest

from closeloop.simulate import DEMO, demo_scenario, simulate, write_exports

EXPORTED = pd.Timestamp("2026-11-23 06:00", tz="America/New_York")

SHOPIFY_HEADER = (
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,"
    "Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,"
    "Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,"
    "Lineitem taxable,Lineitem fulfillment status,Billing Name,Billing Street,Billing Address1,"
    "Billing Address2,Billing Company,Billing City,Billing Zip,Billing Province,Billing Country,"
    "Billing Phone,Shipping Name,Shipping Street,Shipping Address1,Shipping Address2,Shipping Company,"
    "Shipping City,Shipping Zip,Shipping Province,Shipping Country,Shipping Phone,Notes,"
    "Note Attributes,Cancelled at,"
    "Payment Method,Payment Reference,Refunded Amount,Vendor,Outstanding Balance,Employee,Location,Device ID,"
    "Id,Tags,Risk Level,Source,Lineitem discount,Tax 1 Name,Tax 1 Value,Tax 2 Name,Tax 2 Value,Tax 3 Name,"
    "Tax 3 Value,Tax 4 Name,Tax 4 Value,Tax 5 Name,Tax 5 Value"
)
SHIPSTATION_HEADER = (
    "Order - Number,Order - Source,Order - Status,Market - Store Name,Date - Order Date,"
    "Date - Label Create Date,Date - Shipped Date,Delivery - Date,Carrier - Name,Carrier - Service Selected,"
    "Carrier - Fee,Amount - Shipping Cost,Amount - Order Shipping,Insurance - Cost,"
    "Shipment - Tracking Number,Shipment - Zone,Shipment - Weight (Oz),Shipment - Length,Shipment - Width,"
    "Shipment - Height,Shipment - Package Type,Shipment - Void Flag,Shipment - Void Date,"
    "Return - Return Label Flag,"
    "Ship To - State,Ship To - Postal Code,Ship To - Country,Ship To - Residential Flag,"
    "Operations - Warehouse,Operations - User Name,Count - Number of Line Items"
)
TRACKER_HEADER = (
    "tracking_code,carrier,status,status_detail,message,datetime,recorded_at,city,state,zip,country,facility"
)
RETURNS_HEADER = "rma,order_name,sku,quantity,reason,requested_at,received_at,refunded_at,outcome,state"
PRODUCTS_HEADER = "sku,title,category,launch_date,weight_oz"


def stamps(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column[column != ""], format="%Y-%m-%d %H:%M:%S %z", utc=True)


def plain(column: pd.Series) -> pd.Series:
    return pd.to_datetime(column.where(column != "", None), format="%m/%d/%Y %I:%M:%S %p")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("shopify_orders", SHOPIFY_HEADER),
        ("shipstation_shipments", SHIPSTATION_HEADER),
        ("tracker_events", TRACKER_HEADER),
        ("returns", RETURNS_HEADER),
        ("products", PRODUCTS_HEADER),
    ],
)
def test_header(files, name, header):
    with (files.folder / f"{name}.csv").open(encoding="utf-8") as file:
        assert file.readline().rstrip("\n") == header


def test_demo_is_forty_complete_weeks():
    assert (DEMO.start.isoformat(), DEMO.weeks, DEMO.orders_per_week) == ("2026-02-16", 40, 5000)
    assert DEMO.exported_at.isoformat() == "2026-11-23T06:00:00"


def test_order_fields_are_on_the_first_row_only(files):
    rows = files.shopify
    first = ~rows["Name"].duplicated()
    assert (rows.loc[first, "Source"] != "").all()
    for column in ("Source", "Paid at", "Total", "Shipping Zip", "Note Attributes", "Id"):
        assert (rows.loc[~first, column] == "").all()
    assert (rows["Created at"] != "").all()


def test_shopify_quirks(files):
    first = files.shopify[files.shopify["Source"] != ""]
    zips = first["Shipping Zip"]
    assert zips.str.startswith("'0").sum() == zips.str.lstrip("'").str.startswith("0").sum() > 0
    assert zips.str.fullmatch(r"'0\d{4}|[1-9]\d{4}").all()
    assert first["Created at"].str[-5:].isin(["-0400", "-0500"]).all()
    assert set(first["Source"]) == {"web", "amazon", "ebay", "walmart", "wholesale portal"}
    assert (
        first["Note Attributes"]
        .str.fullmatch(r"promised_delivery: \d{4}-\d\d-\d\d(\nOn hold until: [-\d]+ [:\d]+ -0[45]00)?")
        .all()
    )
    assert {"fulfilled", "unfulfilled", "partial"} == set(first["Fulfillment Status"])
    assert {"paid", "refunded", "partially_refunded"} <= set(first["Financial Status"])
    assert 0.005 < (first["Cancelled at"] != "").mean() < 0.05
    raw = (files.folder / "shopify_orders.csv").read_text(encoding="utf-8")
    assert "\n#1001,buyer1001@example.com," in raw


def test_offsets_follow_daylight_saving(files):
    created = files.shopify["Created at"]
    assert (created[created.str[:10] <= "2026-10-31"].str[-5:] == "-0400").all()
    assert (created[created.str[:10] >= "2026-11-02"].str[-5:] == "-0500").all()


def test_labels_are_voided_split_and_returned(files):
    labels = files.shipstation
    void = labels["Shipment - Void Flag"] == "True"
    back = labels["Return - Return Label Flag"] == "True"
    assert ((labels["Shipment - Void Date"] != "") == void).all()
    assert 0.01 < void.mean() < 0.04
    assert back.sum() > 0
    per_order = labels[~void & ~back].groupby("Order - Number").size()
    assert 0.01 < (per_order > 1).mean() < 0.08
    assert not labels["Shipment - Tracking Number"].duplicated().any()
    assert labels["Date - Label Create Date"].str.fullmatch(r"\d+/\d+/2026 \d+:\d\d:\d\d [AP]M").all()
    assert set("#" + labels["Order - Number"]) <= set(files.shopify["Name"])


def test_nothing_is_later_than_the_export(files):
    for column in ("Created at", "Paid at", "Fulfilled at", "Cancelled at"):
        assert stamps(files.shopify[column]).max() < EXPORTED
    for column in ("requested_at", "received_at", "refunded_at"):
        assert stamps(files.returns[column]).max() < EXPORTED
    assert pd.to_datetime(files.tracker["recorded_at"]).max() < EXPORTED
    labels = files.shipstation
    for column in ("Date - Label Create Date", "Shipment - Void Date"):
        assert plain(labels[column]).max() < EXPORTED.tz_localize(None)
    delivered = pd.to_datetime(labels["Delivery - Date"], format="%m/%d/%Y", errors="coerce")
    assert delivered.max() <= EXPORTED.tz_localize(None).normalize()


def test_the_newest_weeks_are_unfinished(files, parcels):
    undelivered = parcels["attempt"].isna()
    assert undelivered[parcels["label"] >= "2026-11-19"].mean() > 0.3
    assert undelivered[parcels["label"] < "2026-10-26"].mean() < 0.02
    first = files.shopify[files.shopify["Source"] != ""]
    weekend = first["Created at"].str[:10] >= "2026-11-22"
    assert (first.loc[weekend, "Fulfillment Status"] == "unfulfilled").mean() > 0.5


def test_events_come_in_order(files):
    scans = files.tracker.assign(at=pd.to_datetime(files.tracker["datetime"]))
    order = {"pre_transit": 0, "in_transit": 1, "out_for_delivery": 2, "delivered": 3}
    main = scans[scans["status"].isin(list(order))].copy()
    main["step"] = main["status"].map(order)
    same = main["tracking_code"] == main["tracking_code"].shift()
    assert (main["at"] >= main["at"].shift())[same].all()
    assert (main.loc[same, "step"] >= main["step"].shift()[same]).mean() > 0.95
    assert (pd.to_datetime(scans["recorded_at"]) >= scans["at"]).all()
    assert (scans["status"] == "delivered").groupby(scans["tracking_code"]).sum().max() == 1


def test_reports_reach_the_merchant_about_an_hour_late(files):
    lag = pd.to_datetime(files.tracker["recorded_at"]) - pd.to_datetime(files.tracker["datetime"])
    hours = lag / pd.Timedelta(hours=1)
    assert 0.8 < hours.median() < 1.25
    assert 0.01 < (hours > 17).mean() < 0.04


def test_orders_labels_and_scans_follow_each_other(parcels):
    assert (parcels["ready"] >= parcels["created"]).all()
    assert (parcels["label"] >= parcels["ready"]).mean() > 0.999
    assert (parcels["first_scan"].isna() | (parcels["first_scan"] >= parcels["label"])).all()
    attempted = parcels[parcels["attempt"].notna() & parcels["accepted"].notna()]
    assert (attempted["attempt"] > attempted["accepted"]).all()


def test_labels_are_made_in_shifts(parcels):
    hour = parcels["label"].dt.hour - parcels["warehouse"].map({"NJ": 0, "NV": 3})
    assert hour.between(8, 16).mean() > 0.99
    assert (parcels["label"].dt.day_of_week == 6).mean() < 0.01


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*.*"))}


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_exports(simulate(demo_scenario(weeks=4, orders_per_week=300, seed=seed)), tmp_path / name)
    first, again, other = (digests(tmp_path / name) for name in "abc")
    assert first == again
    assert first["shopify_orders.csv"] != other["shopify_orders.csv"]


@pytest.mark.parametrize(("weeks", "orders"), [(1, 1), (1, 30), (26, 300)])
def test_small_merchants_work(tmp_path, weeks, orders):
    write_exports(simulate(demo_scenario(weeks=weeks, orders_per_week=orders)), tmp_path)
    assert pd.read_csv(tmp_path / "products.csv").shape[0] == 60
    found = pd.read_csv(tmp_path / "shopify_orders.csv", dtype="str")["Name"].nunique()
    assert found == pytest.approx(weeks * orders, rel=0.25, abs=6)
