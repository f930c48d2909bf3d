"""Sends composed mails over SMTP, each at most once, and says of each what became of it."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import NamedTuple, TypeVar

from closeloop.report.delivery import Server
from closeloop.report.ledger import FREE, Key, Ledger, State

USER, PASSWORD = "CLOSELOOP_SMTP_USER", "CLOSELOOP_SMTP_PASSWORD"
WAITS_S = (0, 60, 300, 900)
"""Before each attempt; greylisting servers ask for one to fifteen minutes (RFC 6647, section 2)."""


Made = TypeVar("Made")


@dataclass(frozen=True)
class Letter:
    """One mail to one recipient, under the name by which the ledger knows it."""

    key: Key
    message: EmailMessage


class Outcome(NamedTuple):
    """What became of one letter; `already` tells that an earlier run had sent it."""

    to: str
    state: State
    detail: str = ""
    already: bool = False

    @property
    def is_fine(self) -> bool:
        """Whether the recipient has the mail, as far as can be known."""
        return self.state == "sent"


class _LaterError(Exception):
    """The server cannot take anything now; what is left is tried again."""


class _NeverError(Exception):
    """The server will not take anything until somebody mends the configuration."""


@dataclass(frozen=True)
class Sender:
    """A server, the ledger, how to wait, and the environment in which user and password stand."""

    server: Server
    ledger: Ledger
    sleep: Callable[[float], None]
    environ: Mapping[str, str]

    def send(self, letters: Sequence[Letter], again: Sequence[str] = ()) -> tuple[Outcome, ...]:
        """Send each letter once; those to an address in `again` even if they went out before.

        A refused recipient does not stop the others. What the server puts off (4xx) or cannot be
        reached for is tried again after each wait of WAITS_S. Nothing is raised for what the server
        does: the outcomes say it.
        """
        self._check(letters, again)
        done = {one.key: self._settled(one) for one in letters if not self._is_due(one, again)}
        left = [one for one in letters if one.key not in done]
        for wait in WAITS_S:
            if left:
                self.sleep(wait)
                done |= {one.key: outcome for one, outcome in self._round(left)}
                left = [one for one in left if done[one.key].state == "deferred"]
        return tuple(done[one.key] for one in letters)

    def _check(self, letters: Sequence[Letter], again: Sequence[str]) -> None:
        known = {one.key.to for one in letters}
        if wrong := [address for address in again if address not in known]:
            raise ValueError(f"{wrong[0]!r} is no recipient of this mail; they are {', '.join(sorted(known))}")

    def _is_due(self, letter: Letter, again: Sequence[str]) -> bool:
        return letter.key.to in again or self.ledger.state(letter.key) in FREE

    def _settled(self, letter: Letter) -> Outcome:
        if self.ledger.state(letter.key) == "sent":
            return Outcome(letter.key.to, "sent", "an earlier run sent it", already=True)
        return _unknown(letter.key.to, "an earlier run ended while sending it")

    def _round(self, letters: Sequence[Letter]) -> list[tuple[Letter, Outcome]]:
        found: list[tuple[Letter, Outcome]] = []
        try:
            with self._connected() as client:
                for letter in letters:
                    found.append((letter, self._one(client, letter)))
                    if found[-1][1].state == "unknown":
                        raise _LaterError("the connection broke while another mail was sent")
        except _LaterError as error:
            found += self._rest(letters[len(found) :], "deferred", str(error))
        except _NeverError as error:
            found += self._rest(letters[len(found) :], "refused", str(error))
        return found

    def _rest(self, letters: Sequence[Letter], state: State, detail: str) -> list[tuple[Letter, Outcome]]:
        return [(letter, self._noted(letter, state, detail)) for letter in letters]

    def _one(self, client: smtplib.SMTP, letter: Letter) -> Outcome:
        """Hand one letter over. Before its text is out every fault is safe to try again; after it, none is."""
        try:
            refusal = _envelope(client, letter)
        except (smtplib.SMTPException, OSError) as error:
            raise _LaterError(self._said(error)) from error
        if refusal:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.rset()
            return self._answered(letter, *refusal)
        self._noted(letter, "sending", "")
        try:
            return self._answered(letter, *client.data(letter.message.as_bytes()))
        except smtplib.SMTPDataError as error:
            return self._answered(letter, error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            self._noted(letter, "unknown", self._said(error))
            return _unknown(letter.key.to, self._said(error))

    def _answered(self, letter: Letter, code: int, text: bytes | str) -> Outcome:
        state: State = "sent" if code == 250 else "deferred" if 400 <= code < 500 else "refused"
        detail = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return self._noted(letter, state, self._hidden(f"{code} {' '.join(detail.split())}"))

    def _noted(self, letter: Letter, state: State, detail: str) -> Outcome:
        self.ledger.note(letter.key, state, str(letter.message["Message-ID"]), detail)
        return Outcome(letter.key.to, state, detail)

    @contextmanager
    def _connected(self) -> Generator[smtplib.SMTP, None, None]:
        client = self._guarded(self._opened)
        try:
            self._guarded(lambda: self._greet(client))
            yield client
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()

    def _opened(self) -> smtplib.SMTP:
        one = self.server
        if one.security == "none":
            return smtplib.SMTP(one.host, one.port, timeout=one.timeout_seconds)
        context = ssl.create_default_context(cafile=one.ca_file or None)
        if one.security == "tls":
            return smtplib.SMTP_SSL(one.host, one.port, timeout=one.timeout_seconds, context=context)
        client = smtplib.SMTP(one.host, one.port, timeout=one.timeout_seconds)
        try:
            client.starttls(context=context)
        except BaseException:
            client.close()
            raise
        return client

    def _greet(self, client: smtplib.SMTP) -> None:
        client.ehlo_or_helo_if_needed()
        user, password = self.environ.get(USER, ""), self.environ.get(PASSWORD, "")
        if not user and not password:
            return
        if self.server.security == "none":
            raise _NeverError(
                f"{USER} is set, but security is 'none': a password never goes over the wire in the clear"
            )
        client.login(user, password)

    def _guarded(self, action: Callable[[], Made]) -> Made:
        """Tell faults that pass from those that somebody must mend; there is no way around TLS or login."""
        try:
            return action()
        except ssl.SSLError as error:
            raise _NeverError(f"TLS failed, and nothing is sent without it: {self._said(error)}") from error
        except smtplib.SMTPNotSupportedError as error:
            raise _NeverError(f"the server does not offer what is configured: {self._said(error)}") from error
        except smtplib.SMTPResponseException as error:
            passing = 400 <= error.smtp_code < 500
            raise (_LaterError if passing else _NeverError)(self._said(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise _LaterError(self._said(error)) from error

    def _said(self, error: BaseException) -> str:
        return self._hidden(" ".join(f"{type(error).__name__}: {error}".split()))

    def _hidden(self, text: str) -> str:
        """Leave out user and password, should a server repeat them."""
        for name in (PASSWORD, USER):
            if secret := self.environ.get(name, ""):
                text = text.replace(secret, f"${name}")
        return text


def _envelope(client: smtplib.SMTP, letter: Letter) -> tuple[int, bytes] | None:
    """Name sender and recipient to the server; return its refusal, if it refuses."""
    code, text = client.mail(str(letter.message["From"].addresses[0].addr_spec))
    if code == 250:
        code, text = client.rcpt(letter.key.to)
    return None if code in (250, 251) else (code, text)


def _unknown(to: str, why: str) -> Outcome:
    return Outcome(to, "unknown", f"{why}; ask whether it arrived, and if not: --resend {to}")
