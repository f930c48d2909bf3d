"""Candidate causes against what was planted: the right origin, evidence both ways, and no harm from odd values."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from closeloop import causes, patterns, simulate, weeks
from closeloop.coincidences import Window, coincidences
from closeloop.loop import Loop
from closeloop.model import Cause, Estimate, Pattern, Slice
from closeloop.simulate.scenario import Effect, Problem, where


def cause_of(demo: Loop, week: str, conditions: dict[str, str], *metrics: str) -> Cause:
    found = patterns.find(demo.con, replace(demo.cube, week=weeks.parse(week)))
    for pattern in found.patterns:
        if pattern.metric in metrics and conditions.items() <= dict(pattern.slice.where).items():
            return causes.review(demo.con, demo.cube, pattern)
    raise AssertionError(f"no pattern of {conditions}")


def test_a_slow_lane_is_the_carriers_between_first_scan_and_destination(demo: Loop) -> None:
    cause = cause_of(demo, "2026-W47", {"region": "West South Central"}, "slow_transit")
    assert cause.origin == "carrier"
    assert cause.stage == "first scan to destination"
    assert cause.weight > 0.8
    stage = next(stage for stage in cause.stages if stage.name == cause.stage)
    assert 20 <= stage.excess <= 70, "two days were planted on the parcels of one of two warehouses"
    assert cause.proposal.startswith("Carrier allocation: ")


def test_a_price_step_is_the_carriers(demo: Loop) -> None:
    cause = cause_of(demo, "2026-W47", {}, "cost_index")
    assert (cause.origin, cause.stage) == ("carrier", "price")


def test_a_listing_is_the_workflows_and_the_returns_say_why(demo: Loop) -> None:
    cause = cause_of(demo, "2026-W47", {"sku": "APP-04"}, "return_rate")
    assert cause.origin == "workflow"
    assert any("SIZE_TOO_SMALL" in e.sentence for e in cause.evidence)


def test_waiting_portal_orders_are_the_workflows_before_the_label(demo: Loop) -> None:
    cause = cause_of(
        demo, "2026-W38", {"channel": "wholesale portal"}, "ready_to_label", "order_to_handover", "on_time_delivery"
    )
    assert (cause.origin, cause.stage) == ("workflow", "ready to label")
    stage = next(stage for stage in cause.stages if stage.name == cause.stage)
    assert stage.excess > 16, "16 working hours were planted, and nights lie between"
    assert any("change of mix or load coincides" in e.sentence for e in cause.evidence), "the portal doubled"


def pattern_of(metric: str, conditions: Slice, onset: date = date(2026, 10, 26)) -> Pattern:
    return Pattern(
        metric, conditions, "step", onset, date(2026, 11, 16), 0.2, 0.1, Estimate(5, 1, 9), "late parcels",
        0.001, 0.01, 100.0,
    )  # fmt: skip


def test_evidence_can_speak_against(demo: Loop) -> None:
    """Blame one package type for the slow lane: the others of the lane got worse too, and that is said."""
    lane = Slice.of([("region", "West South Central"), ("package_type", "Package")])
    cause = causes.review(demo.con, demo.cube, pattern_of("slow_transit", lane))
    against = [e.sentence for e in cause.evidence if not e.supports]
    assert any("package_type other than Package" in sentence and "got worse too" in sentence for sentence in against)
    in_favour = [e.sentence for e in cause.evidence if e.supports]
    assert any("region other than West South Central" in s and "hardly moved" in s for s in in_favour)


@pytest.mark.parametrize("value", ["O'Brien", '"; DROP TABLE parcel_facts; --', "' OR true --", "$value0", "100 %"])
def test_values_from_data_do_no_harm(demo: Loop, value: str) -> None:
    def size() -> object:
        return demo.con.execute("SELECT count(*), sum(cost) FROM parcel_facts").fetchone()

    before = size()
    odd = pattern_of("cost_index", Slice.of([("carrier", value)]))
    cause = causes.review(demo.con, demo.cube, odd)
    assert value in cause.sentence
    assert size() == before
    stages = causes.milestone_split(demo.con, replace(odd, metric="slow_transit"))
    assert all(stage.before == stage.since == 0 for stage in stages), "no parcel has that carrier"


@pytest.fixture(scope="module")
def shortened(open_source: Callable[..., Loop], tmp_path_factory: pytest.TempPathFactory) -> Loop:
    """A checkout that promises web buyers two working days less from 19 October on; nothing else happens."""
    day, web = date(2026, 10, 19), where(channel="web")
    longer = Effect("promise", web, date(2026, 1, 1), day, 2.0)
    problem = Problem(
        "P9", "problem", "Shorter promise", "on_time_delivery", web, date(2026, 1, 1), day, 2.0, "days", "workflow",
        "Until then the checkout promised two days more.", (longer,),
    )  # fmt: skip
    merchant = replace(simulate.demo_scenario(weeks=22, orders_per_week=600, seed=31), problems=(problem,))
    folder = tmp_path_factory.mktemp("promise")
    simulate.write_exports(simulate.simulate(merchant), folder)
    return open_source("2026-W47", folder)


def test_a_shortened_promise_is_told_from_slower_parcels(shortened: Loop) -> None:
    late = pattern_of("on_time_delivery", Slice.of([("channel", "web")]))
    cause = causes.review(shortened.con, shortened.cube, late)
    assert cause.origin == "workflow"
    said = [e for e in cause.evidence if "romise" in e.sentence]
    assert any("shorter" in e.sentence and e.supports for e in said)


def test_an_unchanged_promise_is_no_cause(demo: Loop) -> None:
    lane = Slice.of([("region", "West South Central"), ("service", "FedEx Ground")])
    cause = causes.review(demo.con, demo.cube, pattern_of("on_time_delivery", lane))
    assert cause.origin == "carrier"
    said = [e.sentence for e in cause.evidence if "romise" in e.sentence]
    assert said
    assert not any("became shorter" in sentence for sentence in said)


def test_what_people_wrote_down_is_ranked_by_date_and_scope(demo: Loop) -> None:
    lane = pattern_of("slow_transit", Slice.of([("region", "West South Central"), ("service", "FedEx Ground")]))
    began = Window(date(2026, 10, 25), date(2026, 10, 26), date(2026, 10, 27))
    demo.con.execute("BEGIN")
    demo.con.execute(
        """
        CREATE OR REPLACE TEMP VIEW events_known AS
        SELECT event_id, kind, starts_at::TIMESTAMP AS starts_at, NULL::TIMESTAMP AS ends_at, scope, note
        FROM (VALUES
            ('1', 'strike', '2026-10-26', 'service = FedEx Ground & region = West South Central',
             'Drivers walked out'),
            ('2', 'weather', '2026-10-26', 'region = New England', 'Snow'),
            ('3', 'promotion', '2026-10-26', NULL, 'Ten per cent off'),
            ('4', 'rule', '2026-09-01', 'service = FedEx Ground', 'Too long ago')
        ) AS told(event_id, kind, starts_at, scope, note)
        """
    )
    try:
        found = [one for one in coincidences(demo.con, lane, began) if one.name in ("strike", "weather", "promotion")]
    finally:
        demo.con.execute("ROLLBACK")
    assert [one.name for one in found] == ["strike", "promotion"], "snow elsewhere is none, the very lane comes first"
    assert found[0].fit > 2 * found[1].fit
    assert "Drivers walked out" in found[0].sentence
