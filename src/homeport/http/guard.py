"""Who may ask: the checks that every request passes before anything else happens.

A web page in a browser can reach a loopback port too, by its own script or after its name was rebound to 127.0.0.1. So
``Host`` and ``Origin`` are checked everywhere, and JSON is demanded where something would be done, which a foreign page
cannot send without asking first.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from urllib.parse import urlsplit

from homeport.http.api import FrontSpec
from homeport.http.problems import HttpError, refuse

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="homeport", Basic realm="homeport"'),)


class Guard:
    """Decides whether a request may go on, by its headers alone."""

    def __init__(self, spec: FrontSpec) -> None:
        self._token = spec.token.encode()
        self.token_needed = spec.public_only
        self._hosts = frozenset(host.lower() for host in spec.allowed_hosts) | _LOOPBACK
        self._suffixes = tuple(host for host in self._hosts if host.startswith("."))
        # An address cannot be rebound, and on an open bind the token stands behind it.
        self._any_address = spec.public_only
        self._own = spec.host.lower().strip("[]")

    def check(self, headers: dict[bytes, bytes]) -> HttpError | None:
        """What is wrong with where the request comes from, or where it believes to go to."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._host_allowed(host_name(host)):
            return refuse(
                403,
                "foreign_host",
                f"this node does not answer to the Host {host!r}",
                next="ask for localhost, or list the name: [node] allowed_hosts",
            )
        origin = headers.get(b"origin")
        if origin is not None and not self._origin_allowed(origin.decode("latin-1").lower(), host):
            return refuse(
                403,
                "foreign_origin",
                f"a page of {origin.decode('latin-1')!r} may not call this node",
                next="list its host: [node] allowed_hosts",
            )
        return None

    def authenticate(self, headers: dict[bytes, bytes]) -> HttpError | None:
        """What is wrong with the token; nothing where none is needed."""
        if not self.token_needed:
            return None
        given = _token_in(headers.get(b"authorization", b""))
        if self._token and hmac.compare_digest(given, self._token):
            return None
        what = "the token is wrong" if given else "a token is needed here"
        return refuse(
            401, "not_authenticated", what, next="send the header Authorization: Bearer TOKEN", headers=_CHALLENGE
        )

    def _host_allowed(self, name: str) -> bool:
        if name in self._hosts or name.endswith(self._suffixes) or "*" in self._hosts:
            return True
        return self._any_address and (name == self._own or _is_address(name))

    def _origin_allowed(self, origin: str, host: str) -> bool:
        try:
            netloc = urlsplit(origin).netloc
        except ValueError:
            return False
        if netloc and netloc == host:
            return True
        name = host_name(netloc)
        # Loopback is not enough: another program's page, on another port, is another origin, and listed with its port.
        return netloc in self._hosts - _LOOPBACK or name in self._hosts - _LOOPBACK or name.endswith(self._suffixes)


def host_name(netloc: str) -> str:
    """``[::1]:7070`` → ``::1``; ``localhost.`` → ``localhost``; what is malformed gives ``""``."""
    if netloc.startswith("["):
        name, closed, rest = netloc[1:].partition("]")
        return name if closed and (not rest or rest.startswith(":")) else ""
    name, _, port = netloc.partition(":")
    return name.rstrip(".") if not port or port.isdigit() else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _token_in(authorization: bytes) -> bytes:
    """The token of a ``Bearer`` header, or the password of a ``Basic`` one, which is what a browser can send."""
    scheme, _, value = authorization.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return b""
