"""From a host to an address that a check may connect to: resolved once, checked, and used as checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from homeport.health.allowed import Allowed


class Unreachable(Exception):
    """There is no address to connect to. ``str()`` says why."""


async def addresses(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses of ``host`` that may be connected to, in the resolver's order, without repetition.

    Whoever connects must connect to one of these and never resolve again: a name may have another address by then.

    Raises:
        Unreachable: the name is unknown, or none of its addresses is allowed.
    """
    try:
        found = [str(ipaddress.ip_address(host))]
    except ValueError:
        found = await _resolve(host, port)
    refusals = {address: allowed.refusal(host, address) for address in found}
    permitted = [address for address, refusal in refusals.items() if not refusal]
    if not permitted:
        raise Unreachable(next(iter(refusals.values())))
    return permitted


async def _resolve(host: str, port: int) -> list[str]:
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else "it is no host name"
        raise Unreachable(f"cannot resolve {host}: {reason}") from error
    found = [str(answer[4][0]) for answer in answers]
    if not found:
        raise Unreachable(f"cannot resolve {host}: it has no address")
    return found
