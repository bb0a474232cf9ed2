"""Looks whether something accepts connections at a TCP address."""

from __future__ import annotations

import asyncio
import errno

from homeport.health.addresses import Unreachable, addresses
from homeport.health.allowed import Allowed
from homeport.health.checks import Failed, Passed, Result
from homeport.health.targets import Target, TcpTarget, shown

_FAILED, _REFUSED, _UNUSABLE = 0, 1, 2  # the most telling first
# This machine has no way to such an address, which says nothing of the other.
_NO_WAY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH)


async def probe_tcp(target: TcpTarget, allowed: Allowed) -> Result:
    """Passes when one of the host's addresses accepts a connection, which is closed at once."""
    try:
        candidates = await addresses(target.host, target.port, allowed)
    except Unreachable as error:
        return Failed(str(error))
    failures = NotConnected(target)
    for address in candidates:
        try:
            _, writer = await asyncio.open_connection(address, target.port)
        except OSError as error:
            failures.add(error)
            continue
        writer.close()
        return Passed(f"{shown(target)} accepts connections")
    return failures.result()


class NotConnected:
    """What it means that no address of a host took a connection; drivers wrap the reasons in errors of their own."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reasons: list[tuple[int, str]] = []

    def add(self, error: BaseException) -> None:
        found: list[OSError] = []
        cause: BaseException | None = error
        while cause is not None:
            found += [cause] if isinstance(cause, OSError) else []
            cause = cause.__cause__ or cause.__context__
        if any(isinstance(one, ConnectionRefusedError) for one in found):
            self._reasons.append((_REFUSED, "connection refused"))
            return
        said = next((one.strerror for one in reversed(found) if one.strerror), "") or printable(str(error))
        no_way = any(one.errno in _NO_WAY for one in found)
        self._reasons.append((_UNUSABLE if no_way else _FAILED, said or type(error).__name__))

    def result(self) -> Failed:
        """Nobody is there when one address refuses and none but unusable ones do otherwise."""
        rank, said = min(self._reasons, key=lambda reason: reason[0])
        return Failed(f"{shown(self._target)}: {said}", refused=rank == _REFUSED)


def printable(text: str) -> str:
    """On one line, in letters that a terminal takes for letters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:300]).strip()
