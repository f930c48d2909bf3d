"""The surroundings in which two runs give the same bytes, and what no notebook may see of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

STEADY = {
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
"""What makes two runs of the same notebook give the same bytes."""

SECRET = ("CLOSELOOP_SMTP_USER", "CLOSELOOP_SMTP_PASSWORD")
"""What no notebook may see, for a notebook keeps what it prints."""

CAN_FORK = sys.platform == "linux"
"""On macOS a fork after Accelerate is loaded may hang, and Windows has none: there each kernel starts afresh."""

KEPT = "CLOSELOOP_KEPT"
"""Names the pipe that keeps the secrets while `settle` starts the process anew."""

RUNS = ("weekly", "reproduce")
"""The commands that run notebooks."""


def settle() -> None:
    """Start a command that runs notebooks anew, in steady surroundings and without secrets.

    A process can then be forked from this one which has imported the same and knows no secret, not even in what it
    was started with. The secrets wait in a pipe for `restore`.
    """
    if not CAN_FORK or KEPT in os.environ or sys.argv[1:2] not in ([name] for name in RUNS):
        return
    kept, sink = os.pipe()
    os.write(sink, json.dumps({name: os.environ.pop(name) for name in SECRET if name in os.environ}).encode())
    os.close(sink)
    os.set_inheritable(kept, True)
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **STEADY, KEPT: str(kept)})


def is_settled() -> bool:
    """Whether `settle` has started this process, and nothing but imports has happened in it."""
    return KEPT in os.environ and len(list(Path("/proc/self/task").iterdir())) == 1


def restore() -> None:
    """Give the secrets back to this process, which is not forked from any more; nothing if `settle` took none."""
    if KEPT in os.environ:
        with os.fdopen(int(os.environ.pop(KEPT)), "rb") as kept:
            os.environ.update(json.loads(kept.read()))


@contextmanager
def surroundings() -> Generator[None, None, None]:
    """Set what makes runs equal and hide what is secret, for as long as a kernel runs."""
    before = {name: os.environ.get(name) for name in (*STEADY, *SECRET)}
    os.environ.update(STEADY)
    for name in SECRET:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
