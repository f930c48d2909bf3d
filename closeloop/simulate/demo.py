"""The demo merchant: five planted problems, each with something that looks guilty and is not."""

from datetime import date, timedelta

from closeloop.simulate.scenario import Change, Effect, Problem, Scenario, where

LAST_MONDAY = date(2026, 11, 16)

PORTAL_LARGE = where(channel="wholesale portal", complexity="4+ lines")
PORTAL_GROWTH = date(2026, 8, 24)
FLAG_SHIPPED = date(2026, 10, 5)
FLAG_STABLE = date(2026, 10, 19)
FEDEX_SOUTH = where(carrier="FedEx", service="FedEx Ground", warehouse="NV", region="West South Central")
USPS_HEAVY = where(
    carrier="USPS",
    service="USPS Ground Advantage",
    weight_band=("1-2 lb", "2-5 lb", "5-10 lb", "10+ lb"),
)
RATE_STEP = date(2026, 10, 12)
PORTAL_WAIT = 16.0
LISTING_EDIT = date(2026, 9, 21)
JACKET, HOODIE = "APP-04", "APP-06"
PICKUP_CHANGE = date(2026, 9, 28)
ONE_WEEK = timedelta(days=7)
BAD_SPELL = PICKUP_CHANGE - 2 * ONE_WEEK
FEDEX_FAR = where(
    carrier="FedEx",
    warehouse="NJ",
    weight_band=("2-5 lb", "5-10 lb", "10+ lb"),
    zone=("3", "4", "5", "6", "7", "8"),
)
UPS_LIGHT = where(carrier="UPS", warehouse="NJ", weight_band=("0-1 lb", "1-2 lb"))

PORTAL = Problem(
    id="P1",
    role="problem",
    title="Large wholesale portal orders wait in Ready to Ship",
    metric="order_to_label_h",
    where=PORTAL_LARGE,
    start=PORTAL_GROWTH,
    end=FLAG_STABLE,
    size=PORTAL_WAIT,
    unit="mean working hours added between ready and label",
    origin="workflow",
    story="The portal's share of orders grew from about 5 % to 12 %, and its orders of four and more lines "
    "are put aside by the pickers. Flagging them early halves the wait at once and ends it after two weeks. "
    "The share stays high.",
    effects=(
        Effect("mix_shift", where(channel="wholesale portal"), PORTAL_GROWTH, None, 2.59),
        Effect("delay", PORTAL_LARGE, PORTAL_GROWTH, FLAG_SHIPPED, PORTAL_WAIT, "ready_to_label"),
        Effect("delay", PORTAL_LARGE, FLAG_SHIPPED, FLAG_STABLE, PORTAL_WAIT / 2, "ready_to_label"),
    ),
    change=Change(FLAG_SHIPPED, "Flag complex orders early", "filter_update", -PORTAL_WAIT, FLAG_STABLE),
)
STAFFING = Problem(
    id="D1",
    role="decoy",
    title="Short staff at NJ in the Labor Day week",
    metric="order_to_label_h",
    where=where(warehouse="NJ"),
    start=date(2026, 9, 7),
    end=date(2026, 9, 14),
    size=3.0,
    unit="mean working hours added between ready and label",
    origin="warehouse",
    story="All orders of one warehouse are a little slow for one week, then as before: not the cause of P1.",
    effects=(Effect("delay", where(warehouse="NJ"), date(2026, 9, 7), date(2026, 9, 14), 3.0, "ready_to_label"),),
    decoy_of="P1",
)
LANE = Problem(
    id="P2",
    role="problem",
    title="FedEx Ground from NV to West South Central is slow at one hub",
    metric="transit_time_d",
    where=FEDEX_SOUTH,
    start=date(2026, 10, 26),
    end=None,
    size=2.0,
    unit="mean days added between acceptance and first attempt",
    origin="carrier",
    story="Parcels stay about two days longer at the FedEx hub in Fort Worth TX; other carriers and other "
    "lanes from the same dock are as before.",
    effects=(Effect("delay", FEDEX_SOUTH, date(2026, 10, 26), None, 48.0, "transit"),),
)
STORM = Problem(
    id="D2",
    role="decoy",
    title="Two storm days at UPS in New England",
    metric="exception_rate",
    where=where(carrier="UPS", region="New England"),
    start=date(2026, 10, 29),
    end=date(2026, 10, 31),
    size=0.7,
    unit="probability added of a weather delay on arrival",
    origin="external",
    story="Weather holds parcels that arrive on Thursday and Friday; the next week is as usual.",
    effects=(
        Effect(
            "exception_add",
            where(carrier="UPS", region="New England"),
            date(2026, 10, 29),
            date(2026, 10, 31),
            0.7,
            "weather",
        ),
    ),
    decoy_of="P2",
)
RATE = Problem(
    id="P3",
    role="problem",
    title="USPS Ground Advantage over 1 lb costs $0.75 more",
    metric="cost_index",
    where=USPS_HEAVY,
    start=RATE_STEP,
    end=None,
    size=0.75,
    unit="dollars added per label",
    origin="carrier",
    story="The rate card changed on this day for parcels over 16 ounces; lighter ones cost what they did.",
    effects=(Effect("cost_add", USPS_HEAVY, RATE_STEP, None, 0.75),),
)
MIX = Problem(
    id="D3",
    role="decoy",
    title="UPS carries heavier and farther parcels",
    metric="cost_per_parcel",
    where=where(carrier="UPS"),
    start=RATE_STEP,
    end=None,
    size=0.8,
    unit="share of FedEx's heavy and far parcels from NJ that go to UPS instead",
    origin="workflow",
    story="A shipping rule at NJ sends most of FedEx's parcels over 2 lb in zones 3-8 to UPS, and half of "
    "UPS's light ones to FedEx. UPS costs more per parcel although no price changed.",
    effects=(
        Effect("reassign", FEDEX_FAR, RATE_STEP, None, 0.8, "UPS"),
        Effect("reassign", UPS_LIGHT, RATE_STEP, None, 0.5, "FedEx"),
    ),
    decoy_of="P3",
)
SIZING = Problem(
    id="P4",
    role="problem",
    title="The denim jacket comes back as too small",
    metric="return_rate",
    where=where(sku=JACKET),
    start=LISTING_EDIT,
    end=None,
    size=3.0,
    unit="factor on the return rate of orders placed from the start on",
    origin="workflow",
    story="The size table of the listing was edited; all additional returns say SIZE_TOO_SMALL.",
    effects=(Effect("return_factor", where(sku=JACKET), LISTING_EDIT, None, 3.0, "SIZE_TOO_SMALL"),),
)
CAMPAIGN = Problem(
    id="D4",
    role="decoy",
    title="The fleece hoodie sells three times as much",
    metric="return_rate",
    where=where(sku=HOODIE),
    start=LISTING_EDIT,
    end=None,
    size=3.0,
    unit="factor on the weight of the SKU among lines",
    origin="none",
    story="A campaign triples its sales and so its returns; the share that comes back is what it was.",
    effects=(
        Effect("mix_shift", where(sku=HOODIE), LISTING_EDIT, None, 3.0),
        Effect("campaign", where(sku=HOODIE, channel="web"), LISTING_EDIT, None, 0.7, "campaign:fall-hoodie"),
    ),
    decoy_of="P4",
)
NULL_CHANGE = Problem(
    id="P5",
    role="null_change",
    title="Earlier pickup at NV, after two unlucky weeks",
    metric="idle_24",
    where=where(warehouse="NV"),
    start=BAD_SPELL,
    end=PICKUP_CHANGE,
    size=1.0,
    unit="mean hours added between label and handover in the unlucky weeks",
    origin="chance",
    story="Two bad weeks ended by themselves on the day the pickup was said to be moved. The move did "
    "nothing; what looks like success is regression to the mean.",
    effects=(Effect("delay", where(warehouse="NV"), BAD_SPELL, PICKUP_CHANGE, 1.0, "label_to_scan"),),
    change=Change(
        PICKUP_CHANGE,
        "Move the NV pickup earlier to reduce idle labels",
        "automation_condition",
        0.0,
        PICKUP_CHANGE,
    ),
)
SALE_START, SALE_END = date(2026, 5, 4), date(2026, 5, 11)
SPRING_SALE = Problem(
    id="D0",
    role="decoy",
    title="Spring sale week",
    metric="orders",
    where=(),
    start=SALE_START,
    end=SALE_END,
    size=1.25,
    unit="factor on orders",
    origin="none",
    story="A quarter more orders for one week; nothing changes per parcel.",
    effects=(
        Effect("volume", (), SALE_START, SALE_END, 1.25),
        Effect("campaign", where(channel="web"), SALE_START, SALE_END, 0.5, "campaign:spring-sale"),
    ),
)
PROBLEMS = (PORTAL, STAFFING, LANE, STORM, RATE, MIX, SIZING, CAMPAIGN, NULL_CHANGE, SPRING_SALE)


def demo_scenario(weeks: int = 40, orders_per_week: float = 5000, seed: int = 7) -> Scenario:
    """The demo merchant at another size; its last week stays 2026-W47, so fewer weeks begin later."""
    start = LAST_MONDAY - (weeks - 1) * ONE_WEEK
    return Scenario(start=start, weeks=weeks, orders_per_week=orders_per_week, seed=seed, problems=PROBLEMS)


DEMO = demo_scenario()
