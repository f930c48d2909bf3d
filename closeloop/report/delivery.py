"""Who gets which report through which server: `params/delivery.yml`, read and checked before anything is sent."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import getaddresses
from pathlib import Path
from typing import Any, cast

import yaml

from closeloop.slices import SPOKEN, Slice

SECURITY = ("none", "starttls", "tls")
KEYS = ("sender", "owner", "unsubscribe", "smtp", "recipients")
SMTP_KEYS = ("host", "port", "security", "ca_file", "timeout_seconds")
RECIPIENT_KEYS = ("role", "slice", "to")
SECRETS = ("user", "username", "login", "password", "pass")


@dataclass(frozen=True)
class Server:
    """The SMTP server; user and password come from the environment and are never written down."""

    host: str
    port: int
    security: str = "starttls"
    ca_file: str = ""
    timeout_seconds: float = 30


@dataclass(frozen=True)
class Recipient:
    """One address, its roles, and the slices it is told about; none means everything."""

    address: str
    roles: tuple[str, ...]
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """The whole configuration of sending."""

    sender: str
    owner: str
    server: Server
    recipients: tuple[Recipient, ...] = field(default=())
    unsubscribe: tuple[str, ...] = ()
    """Addresses that end the mail; ``{recipient}`` in one stands for who is to get it no more."""

    def with_role(self, role: str) -> tuple[Recipient, ...]:
        """Return the recipients of a role, or all for ``""``. Raises ValueError for a role nobody has."""
        found = tuple(r for r in self.recipients if role in ("", *r.roles))
        if role and not found:
            known = sorted({name for r in self.recipients for name in r.roles})
            raise ValueError(f"role {role!r}: nobody has it; the roles are {', '.join(known) or 'none'}")
        return found


def read(path: Path) -> Delivery:
    """Read the configuration. Raises ValueError naming the file, the key, and how to mend it."""
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    try:
        return _delivery(_mapping("the file", given, KEYS), path.parent)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def spec(address: str) -> str:
    """Return the bare address of `Name <name@example.com>`, by which two spellings of it are known as one."""
    return getaddresses([address])[0][1].lower()


def _delivery(given: dict[str, Any], folder: Path) -> Delivery:
    missing = [key for key in ("sender", "owner", "smtp") if not given.get(key)]
    if missing:
        raise ValueError(f"missing {', '.join(missing)}")
    return Delivery(
        sender=_address("sender", given["sender"]),
        owner=_address("owner", given["owner"]),
        server=_server(_mapping("smtp", given["smtp"], SMTP_KEYS), folder),
        recipients=_recipients(given.get("recipients") or []),
        unsubscribe=_unsubscribe(given.get("unsubscribe") or []),
    )


def _unsubscribe(given: Any) -> tuple[str, ...]:
    found = tuple(map(str, cast("list[Any]", given))) if isinstance(given, list) else (str(given),)
    for one in found:
        if not re.fullmatch(r"(mailto:|https://)[^\s<>,]+", one) or not one.isascii():
            raise ValueError(f"unsubscribe {one!r}: write 'mailto:name@example.com' or an https address")
        if one.startswith("https:") and "{recipient}" not in one:
            raise ValueError(
                f"unsubscribe {one!r}: mail programs call an https address by themselves (RFC 8058), so it must say"
                " for whom: write {recipient} into it, such as https://example.com/unsubscribe?who={recipient}"
            )
    return found


def _server(given: dict[str, Any], folder: Path) -> Server:
    security = str(given.get("security", "starttls"))
    if security not in SECURITY:
        raise ValueError(f"smtp.security {security!r}; allowed: {', '.join(SECURITY)}")
    port, timeout = given.get("port"), given.get("timeout_seconds", 30)
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"smtp.port {port!r}: write a number, usually 587 for starttls and 465 for tls")
    if not isinstance(timeout, int | float) or not timeout > 0:
        raise ValueError(f"smtp.timeout_seconds {timeout!r}: write a number of seconds above 0")
    if not given.get("host"):
        raise ValueError("smtp.host is missing")
    ca_file = str(folder / given["ca_file"]) if given.get("ca_file") else ""
    if ca_file and not Path(ca_file).is_file():
        raise ValueError(f"smtp.ca_file: there is no {ca_file}; name it relative to this file")
    return Server(str(given["host"]), port, security, ca_file, timeout)


def _recipients(given: Any) -> tuple[Recipient, ...]:
    """Join the entries of one address: it gets one mail, about all of its slices."""
    if not isinstance(given, list):
        raise ValueError("recipients: write a list of 'role', 'to' and, where not all is wanted, 'slice'")
    entries = [entry for number, one in enumerate(cast("list[Any]", given), 1) for entry in _entries(number, one)]
    grouped: dict[str, list[tuple[str, str, Slice]]] = {}
    for entry in entries:
        grouped.setdefault(spec(entry[0]), []).append(entry)
    return tuple(_joined(own) for own in grouped.values())


def _joined(entries: list[tuple[str, str, Slice]]) -> Recipient:
    roles = tuple(dict.fromkeys(role for _, role, _ in entries))
    slices = tuple(dict.fromkeys(where for *_, where in entries))
    return Recipient(entries[0][0], roles, () if Slice() in slices else slices)


def _entries(number: int, given: Any) -> list[tuple[str, str, Slice]]:
    name = f"recipients, entry {number}"
    entry = _mapping(name, given, RECIPIENT_KEYS)
    addresses = entry.get("to")
    if isinstance(addresses, str):
        addresses = [addresses]
    if not isinstance(addresses, list) or not addresses:
        raise ValueError(f"{name}: give 'to', one address or a list of them")
    where = _slice(name, str(entry.get("slice") or ""))
    role = str(entry.get("role") or "reader")
    return [(_address(name, address), role, where) for address in cast("list[Any]", addresses)]


def _slice(name: str, text: str) -> Slice:
    where = Slice.parse(text)
    for dim in where.dims:
        if dim not in SPOKEN:
            raise ValueError(f"{name}: slice {text!r}: unknown dimension {dim!r}{_hint(dim, SPOKEN)}")
    return where


def _address(key: str, given: Any) -> str:
    text = str(given)
    found = getaddresses([text])
    one = len(found) == 1 and re.fullmatch(r"[^@\s,<>]+@[^@\s,<>]+", found[0][1])
    if not one or not text.isprintable():
        raise ValueError(f"{key}: {text!r} is not one mail address; write 'Name <name@example.com>'")
    if not found[0][1].isascii():
        raise ValueError(f"{key}: {text!r}: the address itself must be ASCII, the name before it may be anything")
    return text


def _mapping(name: str, given: Any, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"{name}: write one 'key: value' a line; keys: {', '.join(known)}")
    keys = cast("dict[Any, Any]", given)
    for key in map(str, keys):
        if key.lower() in SECRETS:
            raise ValueError(
                f"{name}: {key!r} has no place in a file; set CLOSELOOP_SMTP_USER and CLOSELOOP_SMTP_PASSWORD"
                " in the environment of the run"
            )
        if key not in known:
            raise ValueError(f"{name}: unknown key {key!r}{_hint(key, known)}")
    return keys


def _hint(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
