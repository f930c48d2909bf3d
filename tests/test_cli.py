"""The command line: what it writes, its exit codes, and what it says about bad input."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def closeloop(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "closeloop.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "demo"
    done = closeloop("demo", str(folder), "--weeks", "14", "--orders-per-week", "120", "--seed", "3")
    assert done.returncode == 0, done.stderr
    return folder


def test_demo_writes_what_a_merchant_exports(demo: Path) -> None:
    names = {path.name for path in demo.glob("*.csv")}
    assert names >= {"shopify_orders.csv", "shipstation_shipments.csv", "tracker_events.csv", "returns.csv"}
    assert (demo / "answers" / "truths.json").is_file()


def test_check_says_what_was_read_and_what_it_can_tell(demo: Path) -> None:
    done = closeloop("check", "--data", str(demo))
    assert done.returncode == 0, done.stderr
    assert "level L0 L1 L2 L3" in done.stdout
    assert "tracking_events" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("weekly", "--week", "2026-W99"), "2026-W47"),
        (("weekly", "--week", "2019-W01"), "the orders run from"),
        (("weekly", "--source", "params/sources/nowhere"), "there is no source.yml"),
        (("check", "--data", "/nowhere"), "no such file"),
        (("explore", "2026-W47/PXXXX"), "has no pattern or change 'PXXXX'"),
    ],
)
def test_bad_input_is_one_plain_message_and_exit_code_1(demo: Path, words: tuple[str, ...], said: str) -> None:
    data = () if "--data" in words or "--source" in words else ("--data", str(demo))
    done = closeloop(*words, *data)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_option_is_exit_code_2() -> None:
    assert closeloop("weekly", "--weeek", "2026-W47").returncode == 2


def test_the_log_lists_changes_and_what_is_due() -> None:
    assert "Flag complex orders early" in closeloop("log", "list").stdout
    due = closeloop("log", "due", "--week", "2026-W46").stdout
    assert "C2" in due
    assert "C1" not in due
