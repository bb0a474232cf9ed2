"""The standing and caller of this very process, for code that runs inside a worker and wants to call out."""

from __future__ import annotations

from homeport.rpc.caller import Caller
from homeport.rpc.standing import Standing

_installed: list[tuple[Standing, Caller]] = []


def install(standing: Standing, caller: Caller) -> None:
    """This process is a worker; ``connect()`` inside it shares the worker's connections."""
    _installed[:] = [(standing, caller)]


def remove(standing: Standing) -> None:
    """The worker has ended."""
    _installed[:] = [one for one in _installed if one[0] is not standing]


def installed() -> tuple[Standing, Caller] | None:
    return _installed[0] if _installed else None
