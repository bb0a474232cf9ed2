"""Looks whether something accepts connections at a TCP address."""

from __future__ import annotations

import asyncio

from homeport.health.addresses import Unreachable, addresses
from homeport.health.allowed import Allowed
from homeport.health.checks import Failed, Passed, Result
from homeport.health.targets import TcpTarget, shown


async def probe_tcp(target: TcpTarget, allowed: Allowed) -> Result:
    """Passes when one of the host's addresses accepts a connection, which is closed at once."""
    try:
        candidates = await addresses(target.host, target.port, allowed)
    except Unreachable as error:
        return Failed(str(error))
    failures: list[Failed] = []
    for address in candidates:
        try:
            _, writer = await asyncio.open_connection(address, target.port)
        except OSError as error:
            failures.append(not_connected(target, error))
            continue
        writer.close()
        return Passed(f"{shown(target)} accepts connections")
    return most_telling(failures)


def not_connected(target: TcpTarget, error: OSError) -> Failed:
    refused = isinstance(error, ConnectionRefusedError)
    return Failed(f"{shown(target)}: {'connection refused' if refused else error.strerror or error}", refused)


def most_telling(failures: list[Failed]) -> Failed:
    """Of several addresses: nobody is there only when nobody is at any of them."""
    return next((one for one in failures if not one.refused), failures[0])
