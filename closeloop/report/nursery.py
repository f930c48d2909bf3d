"""The process that has imported everything once and forks a kernel for each connection file it is told.

Forked from a command, or run as `python -m closeloop.report.nursery`: a JSON object a line comes in, the number of a
process goes out. Each kernel has a memory of its own; they share only what was imported. It ends when its input ends,
and its kernels do.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys
from collections.abc import Iterable
from typing import IO, Any, NoReturn

from ipykernel import kernelapp

from closeloop import charts, loop
from closeloop.report import reviewing, sections
from closeloop.workbench import bench

IMPORTED = (bench, charts, loop, reviewing, sections)
"""What every notebook would import for itself."""

_children: set[int] = set()


def live(heard: int, told: int, apart_from: Iterable[int]) -> NoReturn:
    """Serve in a process that was forked for it, which keeps none of the files `apart_from`."""
    for file in apart_from:
        os.close(file)
    with os.fdopen(heard) as asked, os.fdopen(told, "w") as answers:
        serve(asked, answers)
    os._exit(0)


def serve(asked: IO[str], answers: IO[str]) -> None:
    """Fork a kernel for each line until there is none."""
    gc.collect()
    gc.freeze()  # the memory that kernels share stays shared, and is not searched by each
    atexit.register(gc.unfreeze)  # else a kernel's end looks to DuckDB like a leak
    signal.signal(signal.SIGCHLD, _bury)
    for line in asked:
        wanted: dict[str, Any] = json.loads(line)
        child = os.fork()
        if not child:
            _become_kernel(wanted, answers)
        _children.add(child)
        print(child, file=answers, flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in _children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _bury(_signal: int, _frame: object) -> None:
    """Take note of every kernel that has ended."""
    for child in tuple(_children):
        if os.waitpid(child, os.WNOHANG)[0]:
            _children.discard(child)


def _become_kernel(wanted: dict[str, Any], answers: IO[str]) -> NoReturn:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, answers.fileno()):
        os.dup2(nothing, stream)
    os.environ.clear()
    os.environ.update(wanted["env"], JPY_PARENT_PID=str(os.getppid()))
    os.chdir(wanted["cwd"])
    sys.path[0] = ""
    # A kernel reads JPY_PARENT_PID when it is imported, which was before the fork: tell it whom not to outlive.
    sys.argv[:] = ["ipykernel_launcher", "-f", wanted["connection"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    try:
        kernelapp.launch_new_instance()
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
