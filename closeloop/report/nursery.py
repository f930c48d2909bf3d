"""The process that has imported everything once and forks a kernel for each connection file it is told.

Run as `python -m closeloop.report.nursery`: a JSON object a line comes in, the number of a process goes out. Each
kernel has a memory of its own; they share only what was imported. It ends when its input ends, and its kernels do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from ipykernel import kernelapp

from closeloop import charts, loop
from closeloop.report import sections

IMPORTED = (charts, loop, sections)
"""What every notebook would import for itself."""


_children: set[int] = set()


def serve() -> None:
    """Fork a kernel for each line until there is none."""
    signal.signal(signal.SIGCHLD, _bury)
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        child = os.fork()
        if not child:
            _become_kernel(asked)
        _children.add(child)
        print(child, flush=True)  # noqa: T201  (the answer)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for child in _children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _bury(_signal: int, _frame: object) -> None:
    """Take note of every kernel that has ended."""
    for child in tuple(_children):
        if os.waitpid(child, os.WNOHANG)[0]:
            _children.discard(child)


def _become_kernel(asked: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nothing, stream)
    os.environ.clear()
    os.environ.update(asked["env"], JPY_PARENT_PID=str(os.getppid()))
    os.chdir(asked["cwd"])
    sys.path[0] = ""
    # A kernel reads JPY_PARENT_PID when it is imported, which was before the fork: tell it whom not to outlive.
    sys.argv[:] = ["ipykernel_launcher", "-f", asked["connection"], f"--IPKernelApp.parent_handle={os.getppid()}"]
    try:
        kernelapp.launch_new_instance()
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve()
