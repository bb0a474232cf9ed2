"""Binds the front's listening socket, under the rule that what is not loopback must be protected."""

from __future__ import annotations

import errno
import ipaddress
import socket

from homeport.config import NodeConfig
from homeport.errors import ConfigError

_TRIES = 50  # ports looked at before any free one is taken


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_exposure(config: NodeConfig) -> None:
    """Refuse to serve beyond this machine unprotected.

    Raises:
        ConfigError: there is no token, or no encryption.
    """
    if is_loopback(config.host):
        return
    beyond = f"node.host is {config.host!r}, which other machines can reach"
    if not config.token:
        raise ConfigError(f"{beyond}: set a token (HOMEPORT_NODE__TOKEN), or use 127.0.0.1")
    if not (config.tls_certificate and config.tls_key) and not config.plain_http:
        raise ConfigError(
            f"{beyond}: set node.tls_certificate and node.tls_key; or, if a proxy in front ends TLS, node.plain_http"
        )


def bind(host: str, port: int, *, explicit: bool) -> socket.socket:
    """A listening socket on ``port``; a taken port gives way to the next free one unless it was asked for.

    Raises:
        ConfigError: the port is taken, or may not be bound; the host is none of this machine.
    """
    candidates = [port] if explicit or port == 0 else [*range(port, min(port + _TRIES, 65536)), 0]
    for candidate in candidates:
        try:
            return _listen(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
            if error.errno == errno.EACCES:
                raise ConfigError(f"port {candidate} needs more rights than you have; use one above 1023") from error
            raise ConfigError(f"cannot listen on {host!r} port {candidate}: {error.strerror or error}") from error
    raise ConfigError(f"port {port} of {host} is in use; stop what uses it, or choose another with --port")


def url_of(listening: socket.socket, host: str, *, tls: bool) -> str:
    """Where a browser on this machine finds it."""
    port = listening.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{'https' if tls else 'http'}://{shown}:{port}"


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening
