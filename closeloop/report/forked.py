"""Kernels that need not import anything: forked from one process that has, each with a memory of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

NAME = "closeloop-forked"
CAN_FORK = sys.platform == "linux"
"""On macOS a fork after Accelerate is loaded may hang, and Windows has none: there each kernel starts afresh."""


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

    nursery: subprocess.Popen[str] | None = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Have a kernel forked for the connection file that the command names."""
        assert self.nursery is not None
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        connection = cmd[cmd.index("-f") + 1]
        asked = {"connection": connection, "env": dict(kwargs["env"]), "cwd": str(kwargs.get("cwd") or Path.cwd())}
        self.nursery.stdin.write(json.dumps(asked) + "\n")
        self.nursery.stdin.flush()
        answer = self.nursery.stdout.readline()
        if not answer:
            raise RuntimeError("the process that forks kernels has ended; what it said stands above")
        child: Any = Child(int(answer))
        self.process = child
        self.pid = self.pgid = child.pid
        return self.connection_info


@contextmanager
def kernels(environ: Mapping[str, str]) -> Generator[None, None, None]:
    """Within this, every kernel of this process is forked, where the system can; `environ` is the nursery's own."""
    if not CAN_FORK:
        yield
        return
    command = [sys.executable, "-m", "closeloop.report.nursery"]
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:Forked", factory.GROUP_NAME)
    before = factory.default_provisioner_name
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=dict(environ)) as Forked.nursery:
        factory.default_provisioner_name = NAME
        try:
            yield
        finally:
            factory.default_provisioner_name = before
            Forked.nursery = None
