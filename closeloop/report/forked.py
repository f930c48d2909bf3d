"""Kernels that need not import anything: forked from one process that has, each with a memory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import IO, Any, NamedTuple

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from closeloop.report import steady
from closeloop.report.steady import CAN_FORK

NAME = "closeloop-forked"


class Nursery(NamedTuple):
    """How to ask the process that forks kernels for one, and where it answers."""

    asked: IO[str]
    answers: IO[str]


class Child:
    """A forked kernel, told of and stopped as `subprocess.Popen` is, though another process is its parent."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return nothing while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        """Wait for its end."""
        while self.poll() is None:
            time.sleep(0.05)
        return 0

    def send_signal(self, signum: int) -> None:
        """Signal it."""
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """End it now."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class Forked(LocalProvisioner):
    """Starts a kernel by asking the nursery for it."""

    nursery: Nursery | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Have a kernel forked for the connection file that the command names."""
        assert self.nursery is not None
        connection = cmd[cmd.index("-f") + 1]
        asked = {"connection": connection, "env": dict(kwargs["env"]), "cwd": str(kwargs.get("cwd") or Path.cwd())}
        self.nursery.asked.write(json.dumps(asked) + "\n")
        self.nursery.asked.flush()
        answer = self.nursery.answers.readline()
        if not answer:
            raise RuntimeError("the process that forks kernels has ended; what it said stands above")
        child: Any = Child(int(answer))
        self.process = child
        self.pid = self.pgid = child.pid
        return self.connection_info


@contextmanager
def kernels(environ: Mapping[str, str]) -> Generator[None, None, None]:
    """Within this, every kernel of this process is forked, where the system can.

    They come from the nursery that `from_here` has made, or from one that is started now, with `environ`.
    """
    if not CAN_FORK:
        yield
        return
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:Forked", factory.GROUP_NAME)
    before = factory.default_provisioner_name
    with nullcontext() if Forked.nursery else _started(environ):
        factory.default_provisioner_name = NAME
        try:
            yield
        finally:
            factory.default_provisioner_name = before


@contextmanager
def from_here() -> Generator[None, None, None]:
    """Fork the nursery from this process, which has imported all that it needs, if `steady.settle` has started it.

    Everything is then imported once. Raises nothing where it cannot: `kernels` starts a nursery of its own.
    """
    if not CAN_FORK or not steady.is_settled():
        steady.restore()
        yield
        return
    from closeloop.report import nursery  # noqa: PLC0415  (imports what notebooks import)

    (heard, asked), (answers, told) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        nursery.live(heard, told, apart_from=(asked, answers, int(os.environ[steady.KEPT])))
    for other in (heard, told):
        os.close(other)
    steady.restore()
    with os.fdopen(asked, "w") as asks, os.fdopen(answers) as answered:
        Forked.nursery = Nursery(asks, answered)
        try:
            yield
        finally:
            Forked.nursery = None
    os.waitpid(child, 0)


@contextmanager
def _started(environ: Mapping[str, str]) -> Generator[None, None, None]:
    command = [sys.executable, "-m", "closeloop.report.nursery"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=dict(environ)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        Forked.nursery = Nursery(process.stdin, process.stdout)
        try:
            yield
        finally:
            Forked.nursery = None
