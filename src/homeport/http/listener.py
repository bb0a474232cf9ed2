"""The socket that the front listens on, and whether it may."""

from __future__ import annotations

import ipaddress
import socket

from homeport.errors import UsageError
from homeport.http.api import FrontSpec


def listener_of(spec: FrontSpec) -> socket.socket:
    """The inherited socket, or a new one on host and port.

    Raises:
        UsageError: the address is taken or unknown, or open to others without a token.
    """
    listener = _inherited(spec.fd) if spec.fd >= 0 else _bound(spec.host, spec.port)
    try:
        require_closed(spec, listener.getsockname()[0])
    except UsageError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def url_of(spec: FrontSpec, listener: socket.socket) -> str:
    """Where a browser on this machine finds the front."""
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "127.0.0.1"
    scheme = "https" if spec.tls_certificate else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def require_closed(spec: FrontSpec, host: str) -> None:
    """Closed by default: an address that others can reach needs a token.

    Raises:
        UsageError: it has none.
    """
    if ipaddress.ip_address(host).is_loopback or (spec.token and spec.public_only):
        return
    raise UsageError(
        f"refusing to serve on {host}, which other machines can reach, without a token; "
        "set one with [node] token or HOMEPORT_NODE__TOKEN, or bind to 127.0.0.1"
    )


def _inherited(fd: int) -> socket.socket:
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        raise UsageError(f"descriptor {fd} is no socket that was handed over: {error.strerror}") from error


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise UsageError(f"the host {host!r} cannot be found: {error.strerror}") from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"port {port} on {host} cannot be used: {error.strerror}; choose another with --port"
        ) from error
    return listener
