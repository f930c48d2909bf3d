"""Each kind of planted effect, alone, against the same merchant without it."""

from datetime import date

import numpy as np
import pytest

from closeloop.simulate import Effect, Problem, Scenario, simulate, where

START, MIDDLE = date(2026, 3, 2), date(2026, 3, 30)
MIDDLE_HOUR = 28 * 24.0


def merchant(*effects: Effect):
    """Eight weeks of 1,000 orders with the effects from the fifth week on."""
    planted = Problem(
        id="X",
        role="problem",
        title="test",
        metric="any",
        where=(),
        start=MIDDLE,
        end=None,
        size=1.0,
        unit="",
        origin="none",
        story="",
        effects=effects,
    )
    return simulate(Scenario(START, weeks=8, orders_per_week=1000, seed=5, problems=(planted,)))


@pytest.fixture(scope="module")
def plain():
    return merchant()


def late_rows(frame, column):
    return (frame[column] >= MIDDLE_HOUR).to_numpy()


@pytest.mark.parametrize("stage", ["label_to_scan", "transit", "last_mile"])
def test_delay_moves_delivery_of_its_slice_only(plain, stage):
    slowed = merchant(Effect("delay", where(carrier="UPS"), MIDDLE, None, 48.0, stage))
    added = slowed.parcels["attempt_at"] - plain.parcels["attempt_at"]
    ups = (plain.parcels["carrier"] == "UPS").to_numpy() & late_rows(plain.parcels, "label_at")
    assert 36 < added[ups].mean() < 72
    assert (added[(plain.parcels["carrier"] != "UPS").to_numpy()].dropna() == 0).all()
    before = (plain.parcels["attempt_at"] < MIDDLE_HOUR).to_numpy()
    assert (added[before] == 0).all()


def test_delay_of_the_label(plain):
    slowed = merchant(Effect("delay", where(channel="ebay"), MIDDLE, None, 8.0, "ready_to_label"))
    added = slowed.orders["label_at"] - plain.orders["label_at"]
    touched = (plain.orders["channel"] == "ebay").to_numpy() & late_rows(plain.orders, "ready_at")
    assert 20 < added[touched].mean() < 40
    assert (added[~touched].dropna() == 0).all()


def test_dropped_scans_leave_delivery_alone(plain):
    silent = merchant(Effect("drop_scan", where(carrier="USPS"), MIDDLE, None, 0.8, "accepted"))
    usps = (plain.parcels["carrier"] == "USPS").to_numpy() & late_rows(plain.parcels, "accepted_at")

    def share(world):
        kind = world.scans["kind"] == 1
        return np.isin(np.flatnonzero(usps), world.scans.loc[kind, "parcel"]).mean()

    assert share(silent) == pytest.approx(0.2 * share(plain), abs=0.03)
    assert silent.parcels["delivered_at"].equals(plain.parcels["delivered_at"])


@pytest.mark.parametrize(("kind", "size"), [("cost_add", 1.5), ("cost_factor", 1.1)])
def test_cost_steps_are_exact(plain, kind, size):
    dearer = merchant(Effect(kind, where(zone="5"), MIDDLE, None, size))
    touched = (plain.parcels["zone"] == "5").to_numpy() & late_rows(plain.parcels, "label_at")
    old, new = plain.parcels["cost"].to_numpy(), dearer.parcels["cost"].to_numpy()
    expected = np.where(touched, old + size if kind == "cost_add" else old * size, old)
    assert np.allclose(new, expected, atol=0.012)


def test_mix_shift_changes_the_share_by_its_odds(plain):
    shifted = merchant(Effect("mix_shift", where(state="TX"), MIDDLE, None, 3.0))

    def share(world):
        return (world.orders["state"] == "TX")[late_rows(world.orders, "ordered_at")].mean()

    odds = share(plain) / (1 - share(plain))
    assert share(shifted) == pytest.approx(3 * odds / (1 + 3 * odds), abs=0.025)


def test_reassign_moves_the_share_to_the_carrier(plain):
    moved = merchant(Effect("reassign", where(carrier="FedEx", zone="5"), MIDDLE, None, 0.5, "UPS"))
    was = (plain.parcels["carrier"] == "FedEx") & (plain.parcels["zone"] == "5")
    rows = was.to_numpy() & late_rows(plain.parcels, "label_at")
    assert (moved.parcels["carrier"] == "UPS")[rows].mean() == pytest.approx(0.5, abs=0.08)
    assert (moved.parcels["carrier"] == plain.parcels["carrier"].astype(str))[~rows].all()


def test_return_factor_multiplies_the_rate(plain):
    def rate(world):
        sold = (world.lines["category"] == "home") & late_rows(world.lines, "ordered_at")
        back = world.returns["sku"].str.startswith("HOM") & late_rows(world.returns, "requested_at")
        return back.sum() / sold.sum()

    assert rate(merchant(Effect("return_factor", where(category="home"), MIDDLE, None, 2.5))) == pytest.approx(
        2.5 * rate(plain), rel=0.3
    )


@pytest.mark.parametrize(("kind", "size"), [("exception_factor", 4.0), ("exception_add", 0.12)])
def test_exceptions_rise_in_their_category(plain, kind, size):
    worse = merchant(Effect(kind, where(warehouse="NJ"), MIDDLE, None, size, "carrier_delay"))
    rows = (plain.parcels["warehouse"] == "NJ").to_numpy() & late_rows(plain.parcels, "accepted_at")
    old, new = ((world.parcels["exception"] == 0)[rows].mean() for world in (plain, worse))
    assert new == pytest.approx(old * size if kind == "exception_factor" else old + size, rel=0.25)
    other = ((world.parcels["exception"] == 2)[rows].mean() for world in (plain, worse))
    assert np.ptp(list(other)) < 0.006


def test_volume_multiplies_orders(plain):
    more = merchant(Effect("volume", (), MIDDLE, None, 1.5))
    ratio = late_rows(more.orders, "ordered_at").sum() / late_rows(plain.orders, "ordered_at").sum()
    assert ratio == pytest.approx(1.5, rel=0.06)


def test_volume_of_one_channel_leaves_the_others(plain):
    more = merchant(Effect("volume", where(channel="ebay"), MIDDLE, None, 3.0))

    def count(world, channel):
        return ((world.orders["channel"] == channel) & late_rows(world.orders, "ordered_at")).sum()

    assert count(more, "ebay") / count(plain, "ebay") == pytest.approx(3.0, rel=0.25)
    assert count(more, "web") / count(plain, "web") == pytest.approx(1.0, rel=0.06)


def test_promise_moves_by_working_days(plain):
    later = merchant(Effect("promise", where(channel="web"), MIDDLE, None, 2.0))
    touched = (plain.orders["channel"] == "web").to_numpy() & late_rows(plain.orders, "ordered_at")
    gap = later.orders["promised_day"] - plain.orders["promised_day"]
    assert gap[touched].isin([2, 3]).all()
    assert (gap[~touched] == 0).all()


def test_vocabulary_changes_words_only(plain):
    renamed = merchant(Effect("vocabulary", (), MIDDLE, None, 1.0, "delayed->transit_exception"))
    after = late_rows(plain.scans, "occurred_at")
    old, new = plain.scans["detail"].astype(str), renamed.scans["detail"].astype(str)
    assert (new[after & (old == "delayed")] == "transit_exception").all()
    assert (new[~after] == old[~after]).all()
    assert renamed.parcels.equals(plain.parcels)


def test_campaign_tags_its_share_of_orders():
    tagged = merchant(Effect("campaign", where(channel="web"), MIDDLE, None, 0.5, "campaign:test"))
    rows = (tagged.orders["channel"] == "web") & late_rows(tagged.orders, "ordered_at")
    assert 0.45 < (tagged.orders["campaign"] == "campaign:test")[rows].mean() < 0.75
    assert (tagged.orders["campaign"] == "")[~rows].all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("delay", (), MIDDLE, None, 1.0, "lunch"), "delay target is 'lunch', must be one of ready_to_label"),
        (("burn", (), MIDDLE, None, 1.0), "effect kind is 'burn', must be one of delay"),
        (("volume", (), MIDDLE, START, 1.0), "end must be later"),
        (("volume", (), MIDDLE, None, -1.0), "size is -1.0, must not be negative"),
        (
            ("volume", (("colour", ("red",)),), MIDDLE, None, 1.0),
            "slice names colour; dimensions are channel",
        ),
    ],
)
def test_impossible_effects_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Effect(*arguments)


def test_weeks_begin_on_monday():
    with pytest.raises(ValueError, match="must be a Monday"):
        Scenario(start=date(2026, 3, 3))
