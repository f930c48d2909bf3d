"""What the scan shows, against what was planted in the demo and against merchants without problems.

At 1,500 orders a week the slow FedEx lane (about 15 more slow parcels a week), the price step, the jacket's
returns (about 6 more a week) and the portal's waiting orders can all be told from chance; single carriers or
zones inside them cannot always, so a slice is right when it overlaps the planted one and names its cause.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache as remember
from pathlib import Path

import duckdb
import numpy as np
import pytest

from closeloop import cube, metrics, patterns, problems, scan, simulate, strains, weeks
from closeloop.leaves import Leaves
from closeloop.loop import Loop
from closeloop.model import Change, Estimate, Pattern, Slice
from closeloop.patterns import Found
from closeloop.simulate.demo import CAMPAIGN, LANE, MIX, PORTAL, RATE, SIZING, STORM
from closeloop.simulate.scenario import Problem

At = Callable[[str], Found]


@pytest.fixture(scope="module")
def at(demo: Loop) -> At:
    """The patterns of a week, from what was final then."""

    @remember
    def found(week: str) -> Found:
        return patterns.find(demo.con, replace(demo.cube, week=weeks.parse(week)))

    return found


def planted(problem: Problem) -> dict[str, tuple[str, ...]]:
    return dict(problem.where)


def touches(pattern: Pattern, problem: Problem) -> bool:
    """Whether the slice fixes a planted dimension to a planted value and contradicts none."""
    truth = planted(problem)
    fixed = [value in truth[dim] for dim, value in pattern.slice.where if dim in truth]
    return bool(fixed) and all(fixed)


def those(found: Found, problem: Problem, *metrics: str) -> list[Pattern]:
    return [p for p in found.patterns if p.metric in metrics and touches(p, problem)]


@pytest.mark.parametrize(
    ("week", "problem", "metrics", "names"),
    [
        ("2026-W47", LANE, ("slow_transit",), {"region": "West South Central"}),
        ("2026-W47", RATE, ("cost_index",), {}),
        ("2026-W47", SIZING, ("return_rate",), {"sku": "APP-04"}),
        ("2026-W38", PORTAL, ("ready_to_label", "order_to_handover", "on_time_delivery"),
         {"channel": "wholesale portal", "complexity": "4+ lines"}),
    ],
    ids=["P2", "P3", "P4", "P1"],
)  # fmt: skip
def test_a_planted_problem_is_found_where_and_since_when_it_is(
    at: At, week: str, problem: Problem, metrics: tuple[str, ...], names: dict[str, str]
) -> None:
    found = those(at(week), problem, *metrics)
    assert len(found) == 1
    pattern = found[0]
    assert names.items() <= dict(pattern.slice.where).items()
    assert abs((pattern.onset - problem.start).days) <= 7
    assert pattern.excess.low > 0
    assert pattern.q <= patterns.Q
    assert pattern.week == weeks.parse(week)


def test_a_slow_lane_names_its_carrier(at: At) -> None:
    (pattern,) = those(at("2026-W47"), LANE, "slow_transit")
    assert dict(pattern.slice.where).get("service", dict(pattern.slice.where).get("carrier", "")).startswith("FedEx")


def test_decoys_are_not_shown(at: At) -> None:
    for week in ("2026-W45", "2026-W47"):
        for pattern in at(week).patterns:
            named = dict(pattern.slice.where)
            assert not (pattern.metric == "exception_rate" and touches(pattern, STORM)), "two storm days"
            assert not (pattern.metric == "cost_index" and named.get("carrier") == planted(MIX)["carrier"][0])
            assert named.get("sku") != planted(CAMPAIGN)["sku"][0], "more sales are not more returns"


def test_one_problem_is_shown_once(at: At) -> None:
    shown = at("2026-W47").patterns
    for i, one in enumerate(shown):
        for other in shown[i + 1 :]:
            nested = one.slice.nests(other.slice)
            assert not (nested and one.metric == other.metric), (one.slice, other.slice)
    lane = those(at("2026-W47"), LANE, "slow_transit")[0]
    assert len(lane.folded) > 0, "its carrier, its region and their zones rose too"
    assert all(where.overlaps(lane.slice) for where in lane.folded)
    portal = those(at("2026-W38"), PORTAL, "ready_to_label", "order_to_handover", "on_time_delivery")[0]
    assert len(portal.also_in) > 0, "one delay passes through several metrics"


def test_names_last_from_week_to_week(at: At) -> None:
    for week in ("2026-W37", "2026-W38"):
        names = [p.id for p in at(week).patterns]
        assert len(set(names)) == len(names)
    portal = [
        those(at(week), PORTAL, "ready_to_label", "order_to_handover", "on_time_delivery")[0]
        for week in ("2026-W37", "2026-W38")
    ]
    assert portal[0].id == portal[1].id
    assert portal[0].first_seen == portal[1].first_seen
    assert portal[1].status in ("continuing", "worse")


def one(metric: str = "slow_transit", conditions: str = "carrier = FedEx", **changes: object) -> Pattern:
    week = date(2026, 11, 2)
    made = Pattern(
        metric, Slice.parse(conditions), "step", week, week, 0.3, 0.1, Estimate(10, 5, 15), "slow parcels",
        1e-6, 1e-4, 100.0,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def follow(*weeks: tuple[Pattern, ...]) -> list[tuple[Pattern, ...]]:
    named: list[tuple[Pattern, ...]] = [()]
    for number, week in enumerate(weeks):
        now = tuple(replace(p, week=p.week + timedelta(weeks=number)) for p in week)
        named.append(problems.identified(now, named[-1]))
    return named[1:]


def test_a_problem_keeps_its_name_when_its_slice_narrows_and_no_name_is_given_twice() -> None:
    first, second = follow((one(),), (one(conditions="carrier = FedEx & zone = 7"), one(conditions="everything")))
    assert [p.status for p in first] == ["new"]
    assert sorted(p.status for p in second) == ["continuing", "new"]
    assert len({p.id for p in second}) == 2
    assert first[0].id in {p.id for p in second}


def test_the_same_slice_is_preferred_over_a_nested_one() -> None:
    pair = (one(conditions="everything"), one())
    first, second = follow(pair, tuple(reversed(pair)))
    assert [p.id for p in second] == [p.id for p in reversed(first)]


def test_one_delay_keeps_its_name_when_another_metric_shows_it_best() -> None:
    first, second = follow((one("order_to_handover"),), (one("on_time_delivery"),))
    assert second[0].id == first[0].id
    assert second[0].status == "continuing"


def test_strangers_get_names_of_their_own() -> None:
    first, second = follow((one(),), (one("return_rate", "sku = A"), one(conditions="carrier = UPS")))
    assert not {p.id for p in first} & {p.id for p in second}
    assert {p.status for p in second} == {"new"}


def test_a_problem_that_grew_surely_is_worse() -> None:
    _, second = follow((one(),), (one(excess=Estimate(30, 25, 35)),))
    assert second[0].status == "worse"


def test_a_healed_problem_is_resolved_once(at: At) -> None:
    """The portal's wait ended on 19 October; within five weeks it stops standing out."""
    weeks = [f"2026-W{n}" for n in range(43, 48)]
    gone = [p for week in weeks for p in at(week).resolved if touches(p, PORTAL)]
    assert gone
    assert {p.status for p in gone} == {"resolved"}
    assert not those(at("2026-W47"), PORTAL, "ready_to_label", "order_to_handover")


def test_what_a_change_has_ended_is_over_at_once(demo: Loop, at: At) -> None:
    """The portal's wait was mended on 19 October; a week later a longer look back still holds it."""
    week = "2026-W43"
    seen = replace(demo.cube, week=weeks.parse(week))
    scope = Slice.parse("channel = wholesale portal & complexity = 4+ lines")
    change = Change(
        id="C9", pattern="seen", root_cause="known", change_shipped="one thing", metric="order_to_handover",
        review_date=date(2026, 12, 1), scope=scope, kind="filter_update",
        shipped_on=date(2026, 10, 19), written_on=date(2026, 10, 12), owner="lead",
    )  # fmt: skip
    told = [p for p in at(week).patterns if touches(p, PORTAL)]
    assert told, "without the log it lingers"
    assert patterns.not_mended(seen, seen.week, told, [change]) == []
    assert patterns.not_mended(seen, seen.week, told, [replace(change, scope=Slice.parse("channel = web"))]) == told
    lasts = [p for p in at("2026-W47").patterns if touches(p, LANE)]
    useless = replace(change, metric="slow_transit", scope=lasts[0].slice, shipped_on=date(2026, 11, 9))
    assert patterns.not_mended(demo.cube, demo.cube.week, lasts, [useless]) == lasts, "it has not gone"


def test_the_history_ends_with_the_pattern_and_marks_its_limits(at: At) -> None:
    (pattern,) = those(at("2026-W47"), LANE, "slow_transit")
    assert pattern.history[-1].week == pattern.week
    assert len(pattern.history) <= 26
    assert pattern.history[-1].value > pattern.history[-1].high, "above normal variation"
    before = [p for p in pattern.history if p.week < pattern.onset]
    assert np.mean([p.low <= p.value <= p.high for p in before]) > 0.9


def test_merchants_without_problems_show_next_to_nothing(open_source: Callable[..., Loop], tmp_path: Path) -> None:
    shown: list[Pattern] = []
    for seed in (20, 21, 22):
        quiet = replace(simulate.demo_scenario(weeks=20, orders_per_week=400, seed=seed), problems=())
        simulate.write_exports(simulate.simulate(quiet), tmp_path / str(seed))
        found = open_source("2026-W47", tmp_path / str(seed)).patterns
        assert found.tests_made > 4000
        shown += found.patterns
    assert len(shown) <= 1, [(p.metric, str(p.slice)) for p in shown]


def test_what_a_week_learns_is_the_same_in_every_later_run(demo: Loop) -> None:
    """The strain rests on earlier weeks alone, so ids and dates of a week do not change when it is scanned again."""
    series = demo.cube.of("slow_transit")
    for week in ("2026-W36", "2026-W43"):
        then = series.until(weeks.parse(week))
        large = scan.large_enough(then)
        later, at_once = strains.strain_of(series).of(large), strains.strain_of(then).of(large)
        assert (later.strain == at_once.strain).all()
        assert len(later.scales) == len(at_once.scales) == (len(strains.RECENT) if week == "2026-W43" else 0)
        for (scale, looks), (same, known) in zip(later.scales, at_once.scales, strict=True):
            assert (scale == same).all()
            assert looks == known


def test_names_of_a_week_do_not_depend_on_when_one_asks(at: At, demo_week: Callable[[str], Loop]) -> None:
    asked_then = patterns.find(demo_week("2026-W38").con, demo_week("2026-W38").cube)
    assert [(p.id, p.first_seen) for p in asked_then.patterns] == [
        (p.id, p.first_seen) for p in at("2026-W38").patterns
    ]


@pytest.mark.parametrize("week", ["2026-W45", "2026-W46", "2026-W47"])
def test_a_slow_lane_is_not_shown_again_as_late_parcels_of_its_dock(at: At, week: str) -> None:
    """The dock's parcels into that region are late again because of the lane; a dip in September was another's."""
    late = [p for p in at(week).patterns if touches(p, LANE)]
    assert len(late) == 1


def crossing(inside: float, beside: float) -> Leaves:
    """Bad rows of a dock by week: ten in each of two carriers, and more in either of them in the last two weeks."""
    weeks = np.array([date(2026, 8, 3) + timedelta(weeks=k) for k in range(16)], dtype="datetime64[D]")
    bad = np.concatenate([np.full(16, 10.0), np.full(16, 10.0)])
    bad[[14, 15]] += inside
    bad[[30, 31]] += beside
    codes = {"carrier": np.repeat([0, 1], 16), "warehouse": np.zeros(32, dtype=np.int_)}
    return Leaves(np.tile(weeks, 2), bad, codes, {"carrier": {"UPS": 0, "USPS": 1}, "warehouse": {"NV": 0}})


@pytest.mark.parametrize(
    ("inside", "beside", "shown"), [(20, 0, 1), (20, 5, 1), (20, 15, 2), (0, 20, 2), (20, -9, 1)]
)
def test_what_another_pattern_makes_is_no_pattern_of_its_own(inside: float, beside: float, shown: int) -> None:
    onset, week = date(2026, 11, 9), date(2026, 11, 16)
    lane = one("slow_transit", "carrier = UPS", onset=onset, week=week)
    dock = one("on_time_delivery", "warehouse = NV", onset=onset, week=week)
    found = problems.one_problem_once([lane, dock], {"on_time_delivery": crossing(inside, beside)})
    assert len(found) == shown
    assert len(problems.one_problem_once([lane, dock])) == 2, "without the rows nobody can tell"


def prices(newest: Sequence[float], seed: int = 6) -> cube.Series:
    """What two carriers cost a week over the reference price, with a price of USPS that rises in the newest weeks."""
    rng, weeks = np.random.default_rng(seed), 40
    total = np.full((2, weeks), 5000.0) * rng.uniform(0.95, 1.05, (2, weeks))
    bad = total * (1 + rng.normal(0, 0.005, (2, weeks)))
    bad[1, weeks - len(newest) :] *= 1 + np.array(newest)
    both = [np.vstack([each.sum(axis=0), each]) for each in (bad, bad**2 / 300, total)]
    mondays = tuple(date(2026, 2, 16) + timedelta(weeks=k) for k in range(weeks))
    slices = (Slice(), Slice.parse("carrier = UPS"), Slice.parse("carrier = USPS"))
    return cube.Series(metrics.by_id("cost_index"), slices, mondays, *both, np.ones(weeks, dtype=np.bool_))


@pytest.mark.parametrize(
    ("newest", "found"),
    [((0.003, 0.006, 0.009, 0.012), False), ((0.006, 0.012, 0.018, 0.024, 0.03), True), ((), False)],
)
def test_what_grows_is_worth_what_it_has_come_to(newest: tuple[float, ...], found: bool) -> None:
    """A price that creeps up is told once it is 2 % dearer, not once the mean of the weeks is."""
    series = prices(newest)
    learnt = strains.strain_of(series).of(series)
    week = np.array(series.weeks, dtype="datetime64[D]")
    leaves = Leaves(
        np.tile(week, 2), series.bad[1:].ravel(), {"carrier": np.repeat([0, 1], len(week))},
        {"carrier": {"UPS": 0, "USPS": 1}},
    )  # fmt: skip
    with duckdb.connect() as con:
        picks = scan.explain(con, scan.scan(series, learnt), {"cost_index": leaves}, 0.005)
    assert [series.slices[pick.row].spoken for pick in picks] == (["USPS"] if found else [])
