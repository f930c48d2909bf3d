"""The benchmarks run, and no page says another figure than was measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import figures, marks

ROOT = Path(__file__).parent.parent
QUICK = ("surveillance", "impact", "localise")


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
