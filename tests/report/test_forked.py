"""Kernels forked from one process: quick to start, and as apart from each other as any two."""

import json
import os
import threading
import time

import nbformat
import pytest

from closeloop.report import NotebookError, forked, run, steady
from closeloop.report.steady import surroundings

pytestmark = pytest.mark.skipif(not forked.CAN_FORK, reason="forks kernels on Linux only")


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Run one cell in a project of its own and return what it printed."""
    for name in ("params", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    named = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    new = nbformat.v4

    def run_cell(source):
        cells = [new.new_code_cell("week = ''", metadata={"tags": ["parameters"]}), new.new_code_cell(source)]
        nbformat.write(new.new_notebook(cells=cells, metadata=named), tmp_path / "notebooks" / "one.ipynb")
        (tmp_path / "params" / "one.yml").write_text('week: ""\n', encoding="utf-8")
        run.execute("one", tmp_path / "out.ipynb", {}, 60)
        return "".join(o.text for o in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].outputs)

    return run_cell


def is_running(pid):
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


def test_a_forked_kernel_finds_nothing_of_the_one_before(execute):
    look = "import builtins, os, sys; print(os.getpid(), os.getppid(), 'closeloop.loop' in sys.modules"
    look += ", hasattr(builtins, 'left'), 'LEFT' in os.environ, sys.flags.hash_randomization)\n"
    with surroundings(), forked.kernels(os.environ):
        first = execute(look + "builtins.left = 1; os.environ['LEFT'] = '1'; os.chdir('/')").split()
        second = execute(look).split()
    assert first[0] != second[0], "two kernels are two processes"
    assert first[1] == second[1], "of one parent"
    assert first[2:] == second[2:] == ["True", "False", "False", "0"]
    assert execute("import sys; print('closeloop.loop' in sys.modules)") == "False\n", "later ones start afresh"
    assert not is_running(first[0])
    assert not is_running(second[1])


def test_a_kernel_that_dies_takes_no_other_with_it(execute):
    with surroundings(), forked.kernels(os.environ):
        with pytest.raises(NotebookError, match="the kernel died"):
            execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        with pytest.raises(NotebookError, match="ZeroDivisionError"):
            execute("1 / 0")
        assert execute("print('well')") == "well\n"


def test_no_kernel_outlives_the_run(execute, tmp_path):
    with surroundings(), forked.kernels(os.environ):
        pid = execute("import subprocess, os; print(os.getpid())").strip()
    end = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_running(pid)


def test_no_kernel_outlives_a_run_that_is_killed_with_its_nursery(execute, tmp_path):
    """A cell kills its kernel's parent, as a machine short of memory would, and then goes on for ever."""
    told = tmp_path / "pid"
    doom = f"import os, signal, time; open({str(told)!r}, 'w').write(str(os.getpid()))\n"
    with surroundings(), forked.kernels(os.environ), pytest.raises(NotebookError):
        execute(doom + "os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)")
    assert not is_running(told.read_text())


def test_a_process_that_cannot_be_forked_from_gets_its_secrets_back_all_the_same(monkeypatch):
    """Another thread is under way, as some systems start one for a command: the mail must still go out."""
    kept, sink = os.pipe()
    os.write(sink, json.dumps({"CLOSELOOP_SMTP_PASSWORD": "right horse"}).encode())
    os.close(sink)
    monkeypatch.setenv(steady.KEPT, str(kept))
    monkeypatch.delenv("CLOSELOOP_SMTP_PASSWORD", raising=False)
    end = threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        with forked.from_here():
            assert forked.Forked.nursery is None
            assert os.environ.pop("CLOSELOOP_SMTP_PASSWORD") == "right horse"
    finally:
        end.set()
        other.join()
