"""A mail server on this machine, with a mailbox that answers as it is told."""

import json
import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime

from aiosmtpd.controller import Controller

from closeloop.report import delivery
from closeloop.report.delivery import Server

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
ANN, BOB, EVE = "ann@juniper.example", "bob@juniper.example", "eve@juniper.example"


class Mailbox:
    """The server's side: what arrived, and how it answers each recipient and each mail."""

    def __init__(self):
        self.arrived, self.answers, self.data_answers, self.stall = [], {}, [], 0.0

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        answer = self.answers.get(address, [])
        if answer:
            return answer.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data_answers and not self.data_answers[0].startswith("250"):
            return self.data_answers.pop(0)
        self.arrived.append((envelope.rcpt_tos[0], envelope.content))
        if self.stall:
            time.sleep(self.stall)
        return "250 OK"

    @property
    def recipients(self):
        return [to for to, _ in self.arrived]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(box, **options):
    """Run a server and say where it is."""
    running = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
    running.start()
    try:
        yield Server("127.0.0.1", running.port, "none", timeout_seconds=5)
    finally:
        running.stop(no_assert=True)


def configured(tmp_path, **changes):
    given = {
        "sender": "closeloop <ops@juniper.example>", "owner": ANN,
        "smtp": {"host": "127.0.0.1", "port": 25, "security": "none"},
        "recipients": [{"role": "operations", "to": [ANN, BOB]}],
    }  # fmt: skip
    path = tmp_path / "delivery.yml"
    path.write_text(json.dumps(given | changes), encoding="utf-8")
    return delivery.read(path)
