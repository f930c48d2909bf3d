"""The recipes of docs/scheduling.md, taken from the page as they stand and given to what will read them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from closeloop.report import lock

from .mailbox import NOW

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


def recipe(heading, language, number=0):
    section = re.split(r"(?m)^## ", GUIDE.partition(f"## {heading}\n")[2])[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[number]


@pytest.fixture
def server(tmp_path):
    """A folder as the recipes know it, /srv/closeloop, in which another run is at work: nothing is made or sent."""
    home = tmp_path / "srv"
    home.mkdir()
    for name in ("notebooks", "params"):
        (home / name).symlink_to(ROOT / name)
    (home / ".venv" / "bin").mkdir(parents=True)
    (home / ".venv" / "bin" / "closeloop").symlink_to(Path(sys.executable).parent / "closeloop")
    (home / "smtp.env").write_text("export CLOSELOOP_SMTP_USER=ann\n", encoding="utf-8")
    with lock.held(home / "reports", "a run of this test", NOW):
        yield home


def cron_line():
    [line] = [line for line in recipe("cron", "cron").splitlines() if not line.startswith("#")]
    return line.split(None, 5)


def is_cron_time(fields):
    """Whether the five fields are numbers, ranges, steps or lists in their bounds (POSIX crontab)."""
    for field, (low, high) in zip(fields, FIELDS, strict=True):
        for part in field.split(","):
            found = re.fullmatch(r"(?:\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", part)
            if not found or not all(low <= int(n) <= high for n in found.groups()[:2] if n):
                return False
            if found[2] and int(found[1]) > int(found[2]):
                return False
    return True


def test_the_check_of_cron_times_refuses_what_cron_refuses():
    assert is_cron_time(["30", "6-12", "*", "*", "1"])
    for wrong in (
        "60 6 * * 1",
        "30 24 * * 1",
        "30 12-6 * * 1",
        "30 6 0 * 1",
        "30 6 * * 8",
        "30 6 * * Mo",
        "*/0 6 * * 1",
    ):
        assert not is_cron_time(wrong.split()), wrong


def test_the_cron_line_runs_as_cron_runs_it(server):
    *times, command = cron_line()
    assert is_cron_time(times)
    assert "%" not in command, "cron takes it for the end of the line"
    bare = {"HOME": str(server), "LOGNAME": "closeloop", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    line = command.replace("/srv/closeloop", str(server))
    done = subprocess.run(["/bin/sh", "-c", line], cwd="/", env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "is held by a run of this test" in (server / "cron.log").read_text(encoding="utf-8")
    assert done.stdout + done.stderr == "", "cron mails what a command says"


@needs_systemd
def test_systemd_takes_the_units(server):
    for number, kind in enumerate(("service", "timer")):
        text = recipe("systemd", "ini", number)
        assert text.startswith(f"# /etc/systemd/system/closeloop.{kind}\n")
        user = re.sub("User=closeloop", "User=root", text)  # there may be no such user here
        (server / f"closeloop.{kind}").write_text(user.replace("/srv/closeloop", str(server)), encoding="utf-8")
    units = [str(server / f"closeloop.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_timer_elapses_on_mondays():
    when = re.search(r"OnCalendar=(.*)", recipe("systemd", "ini", 1))[1]
    command = ["systemd-analyze", "calendar", "--iterations=9", "--base-time=2026-11-20", when]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"})
    found = re.findall(r"(?:Next elapse|Iteration #\d+|Iter\. #\d+): (\w+ [\d-]+ [\d:]+)", done.stdout)
    assert found == [*(f"Mon 2026-11-23 {hour:02d}:30:00" for hour in range(6, 13)),
                     "Mon 2026-11-30 06:30:00", "Mon 2026-11-30 07:30:00"]  # fmt: skip


def test_the_service_s_command_runs(server):
    command = re.search(r"ExecStart=(.*)", recipe("systemd", "ini"))[1].replace("/srv/closeloop", str(server))
    done = subprocess.run(command.split(), cwd=server, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert re.search(r"(?m)^SuccessExitStatus=4$", recipe("systemd", "ini"))


def test_the_workflow_is_one_and_its_commands_are_shell():
    flow = yaml.load(recipe("GitHub Actions", "yaml"), Loader=yaml.BaseLoader)
    assert set(flow) == {"name", "on", "concurrency", "jobs"}
    [cron] = flow["on"]["schedule"]
    assert is_cron_time(cron["cron"].split())
    [job] = flow["jobs"].values()
    for step in job["steps"]:
        assert len({"uses", "run"} & set(step)) == 1, step
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
        else:
            subprocess.run(["/bin/bash", "-n", "-c", step["run"]], check=True)
    assert [step["with"]["path"] for step in job["steps"] if "cache" in step.get("uses", "")] == ["reports"]


def test_the_dag_is_python_that_names_the_exit_code_of_a_held_lock():
    code = recipe("Airflow", "python")
    compile(code, "closeloop_weekly.py", "exec")
    assert "skip_on_exit_code=4" in code  # a real Airflow loads and runs it in benchmarks/report/airflow_dag.py


def test_the_cell_for_jupyter_scheduler_runs_in_a_notebook(server):
    code = recipe("jupyter-scheduler", "python").replace("/srv/closeloop", str(server))
    new = nbformat.v4
    notebook = new.new_notebook(cells=[new.new_code_cell(code), new.new_code_cell("_exit_code")])
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": server}}).execute()
    said, code = notebook.cells
    assert "is held by a run of this test" in json.dumps(said.outputs)
    assert code.outputs[0]["data"]["text/plain"] == "4"
