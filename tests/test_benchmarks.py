"""The benchmarks run, and no page says another figure than was measured."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from benchmarks import figures, marks
from benchmarks.loop import living, store, year
from benchmarks.patterns import calibration
from closeloop import simulate
from closeloop.slices import Slice
from closeloop.sources import prepared, source

ROOT = Path(__file__).parent.parent
QUICK = ("surveillance", "impact", "localise", "endurance", "loop")


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "benchmarks/all.py", *QUICK, "--quick", "--to", str(to)]
    subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""}, check=True, capture_output=True)
    return to


def test_a_quick_run_gives_every_figure_in_one_table(quick: Path) -> None:
    results = json.loads((quick / "results.json").read_text(encoding="utf-8"))
    assert set(results["benchmarks"]) == set(QUICK)
    text = (quick / "RESULTS.md").read_text(encoding="utf-8")
    for name in QUICK:
        told = figures.read(results, name)
        assert told
        assert results["benchmarks"][name]["command"] in text
        assert figures.table(told) in text
        assert len({figure.key for figure in told}) == len(told), "two figures of one name"
    assert json.loads((quick / "results.json").read_text())["on"]["python"] in text


def test_every_marked_figure_is_the_measured_one() -> None:
    results = json.loads(figures.RESULTS.read_text(encoding="utf-8")) if figures.RESULTS.is_file() else None
    for path in marks.pages():
        text = path.read_text(encoding="utf-8")
        assert results or not marks.MARK.search(text), f"{path} has marks, but nothing has been measured"
        if results:
            assert not list(marks.wrong(text, results)), path


def test_a_figure_that_differs_is_seen_and_mended(quick: Path) -> None:
    results = json.loads((quick / "results.json").read_text(encoding="utf-8"))
    truth = figures.read(results, "localise")[1]
    lie = f"recall is <!--= localise.{truth.key} -->99.9<!--/--> here"
    assert len(list(marks.wrong(lie, results))) == 1
    mended = marks.filled(lie, results)
    assert truth.text in mended
    assert not list(marks.wrong(mended, results))
    with pytest.raises(KeyError, match="has no figure 'nothing'"):
        marks.filled("<!--= localise.nothing -->1<!--/-->", results)


def test_shares_carry_the_interval_of_wilson() -> None:
    # Published example: 81 of 263 gives .2553 to .3662 (Newcombe 1998, Statistics in Medicine 17:857, table I).
    one = figures.share("found", 81, 263)
    assert (one.low, one.high) == pytest.approx((0.2553, 0.3662), abs=2e-4)
    assert one.text == "81/263 (31 %)"


def tables_of(con: duckdb.DuckDBPyConnection, zone: str) -> dict[str, pd.DataFrame]:
    con.execute(f"SET TimeZone = '{zone}'")
    names = ("orders", "order_lines", "shipments", "tracking_events", "returns")
    return {
        name: con.execute(f"SELECT * EXCLUDE (_file, _row) FROM store.{name} ORDER BY ALL").df() for name in names
    }


def test_merchants_of_the_loop_have_the_rows_that_their_files_would_give(tmp_path: Path) -> None:
    merchant = simulate.simulate(replace(year.draw(3, 40).scenario(), weeks=4))
    simulate.write_exports(merchant, tmp_path / "data")
    read = source.read(ROOT / "params/sources/demo", tmp_path / "data")
    files = duckdb.connect(config={"threads": 1})
    prepared.attach(files, prepared.prepare(read, tmp_path))
    direct = store.load(merchant)
    for name, frame in tables_of(files, "America/New_York").items():
        got = direct.execute(f"SELECT * FROM store.{name} ORDER BY ALL").df()
        pd.testing.assert_frame_equal(got, frame[list(got)], check_dtype=False)


def test_a_mended_problem_leaves_what_the_change_could_not_reach() -> None:
    day, later, back = date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1)
    effect = simulate.Effect("delay", simulate.where(channel="web"), day, None, 20.0, "ready_to_label")
    trouble = year.Trouble("channel waits", "workflow", year.WAIT, {"channel": "web"}, day, (effect,), 0.75)
    merchant = year.Year(simulate.Scenario(), (trouble,), ())
    mending = year.Mending(0, (("warehouse", "NJ"),), later, back)
    told = [(dict(e.where), e.start, e.end, e.size) for e in merchant.scenario([mending]).effects("delay")]
    assert told == [
        ({"channel": ("web",)}, day, later, 20.0),
        ({"channel": ("web",), "warehouse": ("NJ",)}, later, back, 5.0),
        ({"channel": ("web",), "warehouse": ("NV",)}, later, back, 20.0),
        ({"channel": ("web",)}, back, None, 20.0),
    ]


def trouble_at(step: str, **where: str) -> year.Trouble:
    start = date(2026, 6, 1)
    effect = simulate.Effect("delay", simulate.where(**where), start, None, 24.0, step)
    return year.Trouble("", "carrier", year.LATE, where, start, (effect,), 1)


def test_only_the_planted_slice_or_a_part_of_it_is_right() -> None:
    trouble = trouble_at("transit", carrier="UPS", region="Pacific")
    parts = {
        "carrier = UPS & region = Pacific": (),
        "service = UPS Ground & region = Pacific": (("service", "UPS Ground"),),
        "carrier = UPS & lane = NV to Pacific": (("warehouse", "NV"),),
        "carrier = UPS": None,
        "carrier = FedEx & region = Pacific": None,
        "service = FedEx Ground & region = Pacific": None,
        "carrier = UPS & region = Pacific & zone = 8": None,
    }
    assert {scope: living.extra(Slice.parse(scope), trouble) for scope in parts} == parts


def test_a_waiting_order_cannot_be_mended_by_its_carrier() -> None:
    assert (
        living.extra(Slice.parse("channel = web & carrier = UPS"), trouble_at("ready_to_label", channel="web"))
        is None
    )
    by_site = living.extra(Slice.parse("channel = web & warehouse = NV"), trouble_at("ready_to_label", channel="web"))
    assert by_site == (("warehouse", "NV"),)


def test_weights_that_claim_too_much_are_drawn_back_to_how_often_they_are_right() -> None:
    rng = np.random.default_rng(5)
    honest = rng.uniform(0.55, 0.95, 4000)
    sure = honest**2 / (honest**2 + (1 - honest) ** 2)
    truths = np.where(rng.uniform(size=len(honest)) < honest, "carrier", "warehouse")
    told = [
        ({"carrier": weight, "warehouse": 1 - weight}, str(one)) for weight, one in zip(sure, truths, strict=True)
    ]
    assert calibration.fitted(told) == pytest.approx(0.5, abs=0.05)
    right = [one for one in told if one[1] == max(one[0], key=lambda origin: one[0][origin])][:30]
    assert calibration.loss(right, calibration.fitted(right)) < calibration.loss(right, calibration.POWERS[-1])
