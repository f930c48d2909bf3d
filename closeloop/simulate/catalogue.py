"""What the merchant sells and how it ships: channels, products, carriers, and their usual rates."""

from typing import NamedTuple

import numpy as np


class Channel(NamedTuple):
    """A sales channel: share of orders, weights of 1, 2, 3, ... 10 lines, mean extra units per line."""

    name: str
    store: str
    share: float
    line_weights: tuple[float, ...]
    extra_units: float


class Product(NamedTuple):
    """A product as exported, with its true weight in the draw and its true return rate."""

    sku: str
    title: str
    category: str
    launch_date: str
    weight_oz: float
    price: float
    popularity: float
    return_rate: float


CHANNELS = (
    Channel("web", "Main Store", 0.60, (70, 17, 8, 2.5, 1.2, 0.6, 0.3, 0.2, 0.1, 0.1), 0.15),
    Channel("amazon", "Amazon US", 0.20, (85, 11, 3, 0.6, 0.2, 0.1, 0.05, 0.05, 0, 0), 0.10),
    Channel("ebay", "eBay", 0.08, (88, 9, 2, 0.6, 0.2, 0.1, 0.05, 0.05, 0, 0), 0.05),
    Channel("walmart", "Walmart", 0.07, (84, 12, 3, 0.6, 0.2, 0.1, 0.05, 0.05, 0, 0), 0.10),
    Channel("wholesale portal", "Wholesale Portal", 0.05, (10, 12, 13, 18, 15, 12, 8, 6, 4, 2), 1.0),
)
CHANNEL_NAMES = tuple(channel.name for channel in CHANNELS)
COMPLEXITIES = ("1 line", "2-3 lines", "4+ lines")

# Weight of each local hour for orders: evening peak for consumers, office hours for the portal.
HOUR_WEIGHTS = np.array([18, *[9] * 4, *[12] * 4, *[15] * 4, *[19] * 4, *[27] * 4, *[18] * 3])
OFFICE_WEIGHTS = np.array([1] * 7 + [4, 10, 14, 14, 12, 10, 12, 12, 10, 8, 4] + [1] * 6)
WEEKDAY_FACTORS = np.array([1.15, 1.08, 1.03, 1.0, 0.95, 0.85, 0.94])

# Category: code, return rate, weight of the reasons below, item names with ounces and dollars.
REASONS = (
    "SIZE_TOO_SMALL",
    "SIZE_TOO_LARGE",
    "COLOR",
    "STYLE",
    "NOT_AS_DESCRIBED",
    "DEFECTIVE",
    "WRONG_ITEM",
    "UNWANTED",
    "OTHER",
    "UNKNOWN",
)
REASON_WEIGHTS = {
    "apparel": (28, 24, 6, 6, 10, 8, 4, 10, 3, 1),
    "footwear": (30, 26, 3, 5, 8, 9, 4, 10, 4, 1),
    "electronics": (0, 0, 2, 2, 20, 38, 5, 25, 6, 2),
    "home": (1, 4, 12, 12, 20, 20, 6, 19, 5, 1),
    "beauty": (0, 0, 14, 4, 26, 18, 8, 22, 6, 2),
    "outdoor": (8, 8, 4, 6, 18, 24, 5, 20, 5, 2),
}
RETURN_RATES = {
    "apparel": 0.17,
    "footwear": 0.18,
    "electronics": 0.09,
    "home": 0.07,
    "beauty": 0.05,
    "outdoor": 0.08,
}
ITEMS = {
    "apparel": (
        "Linen Shirt:9:48,Merino Tee:7:38,Rain Shell:19:98,Denim Jacket:30:89,Chino Pants:20:64,"
        "Fleece Hoodie:24:59,Wrap Dress:13:72,Wool Sweater:22:84,Jogger Pants:16:54,Canvas Vest:18:66"
    ),
    "footwear": (
        "Trail Runner:34:119,Canvas Sneaker:28:64,Leather Loafer:36:128,Ankle Boot:46:148,Slide Sandal:16:34,"
        "Court Shoe:30:88,Hiking Boot:52:164,House Slipper:14:39,Rain Boot:58:74,Running Flat:22:99"
    ),
    "electronics": (
        "Desk Lamp:44:59,Wireless Mouse:6:29,USB Hub:7:34,Bluetooth Speaker:26:79,Webcam:8:69,"
        "Phone Stand:12:24,Power Bank:15:45,Keyboard:38:89,Earbuds:5:99,Smart Plug:6:19"
    ),
    "home": (
        "Ceramic Mug:15:18,Wool Throw:48:89,Cotton Sheet Set:62:110,Cast Iron Pan:92:69,Candle Trio:30:42,"
        "Bath Towel:26:28,Picture Frame:24:32,Cutting Board:54:49,Glass Carafe:36:44,Pillow Cover:9:26"
    ),
    "beauty": (
        "Face Serum:5:42,Hand Cream:6:16,Shampoo Bar:5:14,Body Oil:11:32,Lip Balm Set:4:12,"
        "Clay Mask:10:28,Hair Brush:8:22,Bath Salts:26:24,Sunscreen:7:19,Beard Kit:14:36"
    ),
    "outdoor": (
        "Daypack:32:79,Water Bottle:14:32,Camp Stove:40:64,Headlamp:6:39,Trekking Poles:38:92,"
        "Dry Bag:10:28,Picnic Blanket:44:54,Cooler Bag:36:48,Travel Mug:15:30,Camp Chair:110:86"
    ),
}

CARRIERS = ("UPS", "USPS", "FedEx")
SERVICE_CLASSES = ("ground", "economy", "two_day")
# Ground, economy and two-day service of each carrier; USPS sells one ground service for both.
SERVICES = {
    "UPS": ("UPS Ground", "UPS Ground Saver", "UPS 2nd Day Air"),
    "USPS": ("USPS Ground Advantage", "USPS Ground Advantage", "USPS Priority Mail"),
    "FedEx": ("FedEx Ground", "FedEx Ground Economy", "FedEx 2Day"),
}
WEIGHT_BANDS = ("0-1 lb", "1-2 lb", "2-5 lb", "5-10 lb", "10+ lb")
WEIGHT_BAND_OZ = (16, 32, 80, 160)
PACKAGE_TYPES = ("Poly Mailer", "Package", "Large Package")


def products() -> tuple[Product, ...]:
    """The 60 products, most popular first within each category; the same for every scenario."""
    rows: list[Product] = []
    for category, items in ITEMS.items():
        for rank, item in enumerate(items.split(",")):
            title, ounces, price = item.split(":")
            rows.append(
                Product(
                    sku=f"{category[:3].upper()}-{rank + 1:02d}",
                    title=title,
                    category=category,
                    launch_date=f"{2023 + rank % 3}-{1 + (7 * rank) % 12:02d}-15",
                    weight_oz=float(ounces),
                    price=float(price),
                    popularity=1.0 / (1.0 + 0.25 * rank),
                    return_rate=RETURN_RATES[category] * (0.7 + 0.06 * ((rank * 7) % 10)),
                )
            )
    return tuple(rows)
