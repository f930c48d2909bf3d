"""The slices by which the metrics of one grain are looked at."""

ORDER_SLICES = ("channel", "complexity", "warehouse", "region", "state", "weekday", "cutoff", "campaign")
PARCEL_SLICES = (
    "carrier", "service", "warehouse", "zone", "region", "state", "package_type", "weight_band",
    "channel", "complexity", "weekday", "cutoff",
)  # fmt: skip
LINE_SLICES = ("sku", "category", "channel", "campaign", "region")
