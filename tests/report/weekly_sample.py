"""One small merchant and one report of it, made once for all tests that need a whole report.

Three runs are killed before the one that makes it, so that every test stands on a report that came after a kill.
"""

import random
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import psutil

from closeloop import simulate

WEEK, SOURCE = "2026-W46", "params/sources/demo"
ROOT = Path(__file__).parent.parent.parent


@cache
def data(base: Path) -> Path:
    folder = base / "weekly_sample" / "demo"
    simulate.write_exports(simulate.simulate(simulate.demo_scenario(20, 300, 5)), folder)
    return folder


@cache
def killed(base: Path) -> tuple[Path, list[set[str]], list[psutil.Process]]:
    """Kill three runs at random moments, let the fourth finish.

    Returns its folder, what was seen after each kill, and all processes that the killed runs had started.
    """
    reports = base / "weekly_sample" / "reports"
    command = [sys.executable, "-m", "closeloop.cli", "weekly", "--week", WEEK]
    command += ["--data", str(data(base)), "--out", str(reports)]
    chance, seen, started = random.Random(46), [], []
    for step in ("looking", "notebook 1", "notebook 2"):
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as run:
            assert any(step in line for line in run.stderr)
            time.sleep(chance.uniform(0, 2))
            while step == "notebook 2" and len(descendants(run)) < 2:
                time.sleep(0.05)  # the process that forks kernels has no kernel yet
            started += descendants(run)
            run.send_signal(signal.SIGKILL)
        seen.append({path.name for path in reports.iterdir()})
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return reports, seen, started


def descendants(run: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def report(base: Path) -> Path:
    return killed(base)[0] / WEEK
