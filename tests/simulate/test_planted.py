"""The planted truths of the demo merchant, measured in the written files alone."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd

SOUTH = ["TX", "OK", "LA", "AR"]
NEW_ENGLAND = ["CT", "ME", "MA", "NH", "RI", "VT"]


def hours(span: pd.Series) -> pd.Series:
    return span / pd.Timedelta(hours=1)


def between(when: pd.Series, start: str, end: str) -> pd.Series:
    return (when >= start) & (when < end)


def spells(when: pd.Series, values: pd.Series, *bounds: str) -> list[float]:
    """Mean of `values` in each span between successive bounds."""
    return [float(values[between(when, a, b)].mean()) for a, b in pairwise(bounds)]


def test_late_rate_is_that_of_a_real_shop(parcels):
    due = parcels[parcels["promised"] < "2026-11-22"]
    late = due["attempt"].isna() | (due["attempt"].dt.normalize() > due["promised"])
    assert 0.05 < late.mean() < 0.11


def test_portal_share_grows_and_stays(parcels):
    orders = parcels.drop_duplicates("name")
    portal = (orders["channel"] == "wholesale portal").astype(float)
    before, after = spells(orders["created"], portal, "2026-08-03", "2026-08-24", "2026-11-23")
    assert 0.035 < before < 0.075
    assert 0.10 < after < 0.15


def test_large_portal_orders_wait_until_the_change(parcels):
    wait = hours(parcels["label"] - parcels["ready"])
    portal = parcels["channel"] == "wholesale portal"
    bounds = ("2026-08-03", "2026-08-24", "2026-10-05", "2026-10-19", "2026-11-16")
    large, small = (portal & (parcels["lines"] >= 4)), (portal & (parcels["lines"] < 4))
    old, waiting, halved, new = spells(parcels["ready"][large], wait[large], *bounds)
    assert waiting - old > 35
    assert 0.3 < (halved - old) / (waiting - old) < 0.75
    assert abs(new - old) < 10
    old_small, waiting_small, _, _ = spells(parcels["ready"][small], wait[small], *bounds)
    assert abs(waiting_small - old_small) < 12


def test_staffing_dip_touches_one_week_of_one_warehouse(parcels):
    wait = hours(parcels["label"] - parcels["ready"]).where(parcels["channel"] != "wholesale portal")
    bounds = ("2026-08-31", "2026-09-07", "2026-09-14", "2026-09-21")
    gap = {}
    for site in ("NJ", "NV"):
        rows = parcels["warehouse"] == site
        before, week, after = spells(parcels["ready"][rows], wait[rows], *bounds)
        gap[site] = week - (before + after) / 2
    assert gap["NJ"] > gap["NV"] + 1


def test_one_lane_of_one_carrier_is_two_days_slower(parcels):
    days = hours(parcels["attempt"] - parcels["accepted"]) / 24
    lane = (parcels["service"] == "FedEx Ground") & (parcels["warehouse"] == "NV") & parcels["state"].isin(SOUTH)
    other_carrier = (parcels["carrier"] != "FedEx") & (parcels["warehouse"] == "NV") & parcels["state"].isin(SOUTH)
    other_lane = (
        (parcels["service"] == "FedEx Ground") & (parcels["warehouse"] == "NV") & ~parcels["state"].isin(SOUTH)
    )
    bounds = ("2026-08-24", "2026-10-26", "2026-11-13")
    change = []
    for rows in (lane, other_carrier, other_lane):
        before, after = spells(parcels["accepted"][rows], days[rows], *bounds)
        change.append(after - before)
    assert 1.5 < change[0] < 3.0
    assert np.abs(change[1:]).max() < 0.5


def test_the_lane_loses_its_time_at_the_hub(files, parcels):
    lane = parcels[
        (parcels["service"] == "FedEx Ground") & (parcels["warehouse"] == "NV") & parcels["state"].isin(SOUTH)
    ]
    late = lane[between(lane["accepted"], "2026-10-26", "2026-11-13")]["tracking"]
    hub = files.tracker[files.tracker["facility"] == "FedEx Fort Worth TX"]
    stays = hub[hub["tracking_code"].isin(late)].assign(at=pd.to_datetime(hub["datetime"]))
    stay = stays.groupby("tracking_code")["at"].agg(lambda times: times.max() - times.min())
    usual = hub[hub["tracking_code"].isin(set(lane["tracking"]) - set(late))]
    usual = usual.assign(at=pd.to_datetime(usual["datetime"]))
    usual_stay = usual.groupby("tracking_code")["at"].agg(lambda times: times.max() - times.min())
    assert hours(stay).median() - hours(usual_stay).median() > 24


def test_storm_is_two_days_of_one_carrier_and_region(parcels):
    here = parcels["state"].isin(NEW_ENGLAND) & (parcels["carrier"] == "UPS")
    storm = parcels[here & between(parcels["weather"], "2026-10-28", "2026-11-01")]
    quiet = parcels[here & between(parcels["weather"], "2026-11-03", "2026-11-23")]
    assert len(storm) >= 5
    assert len(quiet) / 20 < len(storm) / 4


def test_rate_step_is_three_quarters_of_a_dollar_in_every_cell(parcels):
    usps = parcels[(parcels["service"] == "USPS Ground Advantage")]
    after = usps["label"] >= "2026-10-12"
    pounds = np.ceil(usps["ounces"] / 16)
    heavy = usps["ounces"] > 16
    cells = usps[heavy].groupby([usps["zone"], pounds, after])["cost"].agg(["min", "max"]).unstack().dropna()
    assert (cells["min"] == cells["max"]).all().all()
    assert np.allclose(cells["min"][True] - cells["min"][False], 0.75)
    light = usps[~heavy & (usps["ounces"] > 12)].groupby(["zone", after])["cost"].mean().unstack()
    assert np.allclose(light[True], light[False])


def test_ups_costs_more_by_mix_alone(parcels):
    ups = parcels[parcels["carrier"] == "UPS"].copy()
    ups["after"] = ups["label"] >= "2026-10-12"
    mean = ups.groupby("after")["cost"].mean()
    assert mean[True] / mean[False] > 1.03
    ups["pounds"] = np.where(ups["ounces"] <= 16, np.ceil(ups["ounces"] / 4) / 4, np.ceil(ups["ounces"] / 16))
    cell = ups.groupby(["service", "zone", "pounds", "after"])["cost"].agg(["mean", "size"]).unstack().dropna()
    weight = cell["size"].min(axis=1)
    index = (cell["mean"][True] * weight).sum() / (cell["mean"][False] * weight).sum()
    assert abs(index - 1) < 0.015


def sku_rates(files, sku: str) -> pd.DataFrame:
    """Lines sold, share returned and share returned as too small, before and after 2026-09-21."""
    lines = files.shopify[files.shopify["Lineitem sku"] == sku]
    back = files.returns[files.returns["sku"] == sku]
    small = set(back.loc[back["reason"] == "SIZE_TOO_SMALL", "order_name"])
    created = lines["Created at"].str[:10]
    kept = lines[created < "2026-10-12"]
    table = pd.DataFrame(
        {
            "after": kept["Created at"].str[:10] >= "2026-09-21",
            "back": kept["Name"].isin(set(back["order_name"])),
            "small": kept["Name"].isin(small),
        }
    )
    table["per_week"] = np.where(table["after"], 1 / 3, 1 / 7)
    return table.groupby("after").agg(sold=("per_week", "sum"), back=("back", "mean"), small=("small", "mean"))


def test_jacket_returns_triple_for_size(files):
    rates = sku_rates(files, "APP-04")
    growth = rates.loc[True, "back"] - rates.loc[False, "back"]
    assert 1.8 < rates.loc[True, "back"] / rates.loc[False, "back"] < 4.5
    assert (rates.loc[True, "small"] - rates.loc[False, "small"]) > 0.7 * growth


def test_hoodie_sells_more_but_does_not_come_back_more(files):
    rates = sku_rates(files, "APP-06")
    assert 2.2 < rates.loc[True, "sold"] / rates.loc[False, "sold"] < 4.0
    assert 0.55 < rates.loc[True, "back"] / rates.loc[False, "back"] < 1.6
    tagged = files.shopify["Tags"] == "campaign:fall-hoodie"
    assert tagged.sum() > 50


def test_idle_labels_recover_by_themselves(parcels):
    idle = (hours(parcels["first_scan"] - parcels["label"]) > 24).astype(float)
    rows = parcels["warehouse"] == "NV"
    bounds = ("2026-08-10", "2026-09-07", "2026-09-14", "2026-09-28", "2026-10-26")
    before, _, unlucky, after = spells(parcels["label"][rows], idle[rows], *bounds)
    assert unlucky > 1.5 * before
    assert abs(after - before) < 0.015


def test_answers_name_every_truth_and_decoy(files):
    answers = json.loads((files.folder / "answers" / "truths.json").read_text())
    rows = {row["id"]: row for row in answers["problems"]}
    assert {f"P{n}" for n in range(1, 6)} <= rows.keys()
    assert rows["P2"]["slice"] == {
        "carrier": ["FedEx"],
        "region": ["West South Central"],
        "service": ["FedEx Ground"],
        "warehouse": ["NV"],
    }
    assert rows["P3"]["decoys"] == ["D3"]
    assert rows["P1"]["change"]["shipped"] == "2026-10-05"
    assert (rows["P5"]["role"], rows["P5"]["change"]["true_effect"]) == ("null_change", 0.0)
