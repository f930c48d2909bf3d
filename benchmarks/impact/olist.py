"""Real parcels, no change: how often the test cries wolf.

    python benchmarks/impact/olist.py ../shared/data/olist

The eight largest customer states in turn are called treated, the others are controls; a change date every two weeks,
twelve weeks before and four after; days from purchase to delivery, and the share delivered after the promised date.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from closeloop.stats.panel import before_after

FIRST, DATES, STATES = pd.Timestamp("2017-04-10"), 32, 8


def parcels(folder: Path) -> pd.DataFrame:
    """Delivered parcels by state and purchase day: parcels, late ones, days to deliver and their squares."""
    orders = pd.read_parquet(folder / "orders.parquet").merge(pd.read_parquet(folder / "customers.parquet"))
    orders = orders[orders["order_delivered_customer_date"].notna() & (orders["order_status"] == "delivered")]
    bought, delivered = orders["order_purchase_timestamp"], orders["order_delivered_customer_date"]
    days = (delivered - bought) / pd.Timedelta(days=1)
    promised = orders["order_estimated_delivery_date"].dt.normalize()
    rows = pd.DataFrame({
        "segment": orders["customer_state"], "date": bought.dt.normalize(), "n": 1.0,
        "late": (delivered.dt.normalize() > promised).astype(float), "days": days, "squares": days**2,
    })  # fmt: skip
    largest = rows["segment"].value_counts().index[:STATES]
    return rows[rows["segment"].isin(largest)].groupby(["segment", "date"], as_index=False).sum()


def placebos(daily: pd.DataFrame, measure: dict[str, str]) -> pd.DataFrame:
    """One row a state and date: p value, effect and decision."""
    found: list[dict[str, object]] = []
    for shipped in [FIRST + pd.Timedelta(weeks=2 * i) for i in range(DATES)]:
        ends = shipped - pd.Timedelta(weeks=12), shipped + pd.Timedelta(weeks=4)
        window = daily[(daily["date"] >= ends[0]) & (daily["date"] < ends[1])]
        late = window[window["date"] >= shipped - pd.Timedelta(weeks=4)]
        worst = (
            late.groupby("segment")[next(iter(measure.values()))].sum() / late.groupby("segment")["n"].sum()
        ).idxmax()
        for state in sorted(daily["segment"].unique()):
            r = before_after(window, shipped=shipped, treated=state, exposure="n", **measure)
            found.append({"p": r.p, "effect": r.effect.value, "decision": r.decision, "worst": state == worst})
    return pd.DataFrame(found)


def main() -> None:
    """Print the share of placebos rejected at 5 %."""
    daily = parcels(Path(sys.argv[1]))
    for name, measure in {
        "days to deliver": {"value": "days", "squares": "squares"},
        "late rate": {"count": "late"},
    }.items():
        rows = placebos(daily, measure)
        worst = rows[rows["worst"]]
        answered, clear = int(rows["p"].notna().sum()), int((rows["p"] < 0.05).sum())
        print(
            f"{name}: {len(rows)} placebos, rejected {clear} ({clear / len(rows):.3f}; "
            f"{clear / answered:.3f} of the {answered} that had enough to be answered), "
            f"improved claimed for the worst state {np.mean(worst['decision'] == 'improved'):.3f} of {len(worst)}"
        )


if __name__ == "__main__":
    main()
